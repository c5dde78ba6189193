# SPDX-License-Identifier: MIT
# Helpers for guest tests: . lib.sh

# fail REASON...: ends the test; the reason is what the host shows.
fail() {
	echo "$*" | tee /tmp/reason
	exit 1
}

# equal WHAT GOT EXPECTED
equal() {
	[ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"
}

# is_slow: in an emulator where going through all of something would take minutes (Bochs).
is_slow() {
	[ -n "$TEST_SLOW" ]
}

# fails COMMAND...: the command must fail by itself, not by a signal.
fails() {
	"$@" >/tmp/fails.out 2>&1
	status=$?
	[ $status -ne 0 ] || fail "'$*' succeeded"
	[ $status -lt 126 ] || fail "'$*' ended with status $status"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
	wait_end=$(($(cut -d . -f 1 /proc/uptime) + $1 + 1))
	wait_what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(cut -d . -f 1 /proc/uptime)" -lt $wait_end ] || fail "$wait_what: not after a long time"
		sleep 0.1
	done
}

# field NAME FILE [NAME=VALUE]: the member of each object in a file of JSON, or only of those where
# another has a value. NAME may be several, as in "pid name"; see json_field.c.
field() {
	json_field "$@"
}

# need_module NAME: the module is loaded
need_module() {
	grep -q "^$1 " /proc/modules || insmod "/bin/$1.ko" || fail "$1.ko cannot be loaded"
}

# in_other_namespace KIND PID: the process has a namespace of its own
in_other_namespace() {
	[ "$(readlink "/proc/$2/ns/$1")" != "$(readlink "/proc/self/ns/$1")" ]
}

# in_scene: goes on inside of the scene that test_objects makes; the test outside ends here.
in_scene() {
	[ -z "$SCENE" ] || return 0
	test_objects sh "$0"
	status=$?
	umount /tmp/objects/mounts/* /tmp/objects/deep /tmp/objects/mount
	rm -r /tmp/objects
	exit $status
}
