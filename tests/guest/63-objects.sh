# SPDX-License-Identifier: MIT
# hadal: on
# Files, mappings and command lines of processes read from raw memory are those that /proc shows.
. lib.sh

in_scene

for pid in $SCENE $INNER; do
	hadal files --json $pid >/tmp/files.$pid 2>/tmp/err || fail "$(cat /tmp/err)"
	[ ! -s /tmp/err ] || fail "files says: $(cat /tmp/err)"
	for link in /proc/$pid/fd/*; do
		fd=${link##*/}
		echo "$fd $(sed -n 's/^pos:[^0-9]*//p' /proc/$pid/fdinfo/$fd) $(readlink $link)"
	done | sort -n >/tmp/expected
	[ "$(wc -l </tmp/expected)" -gt 16 ] || fail "process $pid has few files: $(cat /tmp/expected)"
	field 'fd position path' /tmp/files.$pid use=fd | sort -n >/tmp/got
	cmp -s /tmp/got /tmp/expected || fail "process $pid: $(diff /tmp/got /tmp/expected | head -n 10)"
	for use in exe cwd root; do
		equal "$use of process $pid" "$(field path /tmp/files.$pid use=$use)" "$(readlink /proc/$pid/$use)"
	done

	hadal maps $pid 2>/tmp/err | sed 's/  */ /g; s/ $//' >/tmp/got
	[ ! -s /tmp/err ] || fail "maps says: $(cat /tmp/err)"
	sed 's/  */ /g; s/ $//; /vsyscall/d' /proc/$pid/maps >/tmp/expected
	[ "$(wc -l </tmp/expected)" -gt 16 ] || fail "one node of a tree holds the mappings: $(cat /tmp/expected)"
	cmp -s /tmp/got /tmp/expected || fail "process $pid: $(diff /tmp/got /tmp/expected | head -n 10)"
done

sleep 4242 &
sleeper=$!
wait_for 30 "the sleeping process" grep -q sleep /proc/$sleeper/cmdline
hadal ps --json >/tmp/json 2>/tmp/err || fail "$(cat /tmp/err)"
hadal ps --tree --full >/tmp/ps 2>/tmp/err || fail "$(cat /tmp/err)"
for pid in 1 $SCENE $sleeper; do
	expected=$(tr '\0' ' ' </proc/$pid/cmdline | sed 's/ $//')
	[ -n "$expected" ] || fail "process $pid has no arguments"
	equal "the command line of process $pid" "$(field arguments /tmp/json pid=$pid)" "$expected"
	grep "^ *$pid " /tmp/ps | grep -q -F -- " $expected" || fail "no '$expected' in: $(grep "^ *$pid " /tmp/ps)"
done
grep -q "^ *$sleeper  *$$ .* - sleep 4242\$" /tmp/ps || fail "the tree is: $(cat /tmp/ps)"
grep -q "^ *2 .* \[kthreadd\]\$" /tmp/ps || fail "kthreadd is: $(grep kthreadd /tmp/ps)"
equal "the command line of kthreadd" "$(field arguments /tmp/json pid=2)" ""
kill $sleeper

hadal files $SCENE | grep -q ' r  pipe .* pipe:\[' || fail "$(hadal files $SCENE)"
hadal files 4000000 2>/tmp/err && fail "a process that does not exist has files"
grep -q 'There is no process 4000000' /tmp/err || fail "the error is: $(cat /tmp/err)"
# The list of all has what those of one have.
hadal files --json >/tmp/files 2>/tmp/err || fail "$(cat /tmp/err)"
for pid in $SCENE $INNER; do
	field 'use fd path' /tmp/files pid=$pid >/tmp/got
	field 'use fd path' /tmp/files.$pid | cmp -s - /tmp/got || fail "process $pid has other files in the list of all"
done
[ "$(field pid /tmp/files | sort -u | wc -l)" -gt 20 ] || fail "few processes have files"
rm /tmp/files*
