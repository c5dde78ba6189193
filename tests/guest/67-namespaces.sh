# SPDX-License-Identifier: MIT
# hadal: on
# The namespaces of processes read from raw memory are those of /proc/PID/ns.
. lib.sh

in_scene

# The process of the scene that is the first one of its own PID namespace.
for pid in $(cat /proc/$INNER/task/$INNER/children); do first=$pid; done
[ -n "$first" ] || fail "process $INNER has no child"
unshare -m -u sleep 1000 &
other=$!
while [ "$(readlink /proc/$other/ns/uts)" = "$(readlink /proc/self/ns/uts)" ]; do sleep 0.1; done

hadal ps --json >/tmp/json || fail "no processes"
hadal ps --namespaces >/tmp/ps || fail "no processes"
for pid in 1 2 $SCENE $INNER $first $other; do
	seen=$(sed -n "s/.*\"pid\":$pid,.*\"namespaces\":{\([^}]*\)}.*/\1/p" /tmp/json | tr -d '"')
	expected= differing=
	for kind in pid mnt net user uts ipc cgroup time; do
		number=$(readlink /proc/$pid/ns/$kind | tr -dc 0-9)
		expected="$expected${expected:+,}$kind:$number"
		[ $pid != 1 ] && [ "$(readlink /proc/1/ns/$kind)" = "$kind:[$number]" ] && continue
		differing="$differing $kind:$number"
	done
	shown=${differing# }
	equal "the namespaces of process $pid" "$seen" "$expected"
	equal "what is shown of process $pid" "$(sed -n "s/^ *$pid .\{16\}//p" /tmp/ps)" "${shown:--}"
done
equal "how many differ" "$(sed -n "s/^ *$first .\{16\}//p" /tmp/ps | wc -w)" 7
fails hadal ps --namespaces --tree
