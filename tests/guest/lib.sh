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

# in_scene: goes on inside of the scene that test_objects makes; the test outside ends here.
in_scene() {
	[ -z "$SCENE" ] || return 0
	test_objects sh "$0"
	status=$?
	umount /tmp/objects/mounts/* /tmp/objects/deep /tmp/objects/mount
	rm -r /tmp/objects
	exit $status
}
