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
wait_for 30 "another UTS namespace" in_other_namespace uts $other

hadal ps --json >/tmp/json || fail "no processes"
hadal ps --namespaces >/tmp/ps || fail "no processes"
# One a line, in the order of the alphabet; those for children are not shown from below.
of_proc() {
	ls -l /proc/$1/ns | sed -n 's/.* \([a-z]*\) -> .*\[\(.*\)\]$/\1:\2/p'
}
of_proc 1 >/tmp/usual
equal "the number of kinds" "$(wc -l </tmp/usual)" 8
for pid in 1 2 $SCENE $INNER $first $other; do
	of_proc $pid >/tmp/expected
	field namespaces /tmp/json pid=$pid | tr -d '{"} ' | tr , '\n' | sort >/tmp/got
	cmp -s /tmp/got /tmp/expected || fail "process $pid: $(diff /tmp/got /tmp/expected)"
	[ $pid = 1 ] || grep -v -x -F -f /tmp/usual /tmp/expected >/tmp/differing
	[ $pid != 1 ] || cp /tmp/expected /tmp/differing
	[ -s /tmp/differing ] || echo - >/tmp/differing
	sed -n "s/^ *$pid .\{25\}//p" /tmp/ps | tr ' ' '\n' | sort >/tmp/shown
	cmp -s /tmp/shown /tmp/differing || fail "process $pid: $(diff /tmp/shown /tmp/differing)"
done
for pid in 1 2 $SCENE $INNER $first $other; do
	equal "the numbers of process $pid" "$(field ns_pids /tmp/json pid=$pid | tr -d '[]' | tr -s ' ,' ' ')" \
		"$(sed -n 's/^NSpid:	//p' /proc/$pid/status | tr '\t' ' ')"
done
equal "the number in a namespace" "$(awk -v pid=$first '$1 == pid { print $2 }' /tmp/ps)" 1
equal "how many differ" "$(sed -n "s/^ *$first .\{25\}//p" /tmp/ps | wc -w)" 7
fails hadal ps --namespaces --tree
