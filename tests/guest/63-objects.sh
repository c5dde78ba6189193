# SPDX-License-Identifier: MIT
# hadal: on
# Files, mappings and command lines of processes read from raw memory are those that /proc shows.
. lib.sh

in_scene

for pid in $SCENE $INNER; do
	hadal files --json $pid >/tmp/files 2>/tmp/err || fail "$(cat /tmp/err)"
	[ ! -s /tmp/err ] || fail "files says: $(cat /tmp/err)"
	for link in /proc/$pid/fd/*; do
		fd=${link##*/}
		echo "$fd $(sed -n 's/^pos:[^0-9]*//p' /proc/$pid/fdinfo/$fd) $(readlink $link)"
	done | sort -n >/tmp/expected
	sed -n 's/.*"fd":\([0-9]*\),.*"position":\([0-9]*\),.*"path":"\(.*\)"}$/\1 \2 \3/p' /tmp/files |
		sort -n >/tmp/got
	cmp -s /tmp/got /tmp/expected || fail "process $pid: $(diff /tmp/got /tmp/expected | head -n 10)"
	for use in exe cwd root; do
		got=$(sed -n "s/.*\"use\":\"$use\",.*\"path\":\"\(.*\)\"}\$/\1/p" /tmp/files)
		equal "$use of process $pid" "$got" "$(readlink /proc/$pid/$use)"
	done

	hadal maps $pid 2>/tmp/err | sed 's/  */ /g; s/ $//' >/tmp/got
	[ ! -s /tmp/err ] || fail "maps says: $(cat /tmp/err)"
	sed 's/  */ /g; s/ $//; /vsyscall/d' /proc/$pid/maps >/tmp/expected
	cmp -s /tmp/got /tmp/expected || fail "process $pid: $(diff /tmp/got /tmp/expected | head -n 10)"
done
sleep 4242 &
sleeper=$!
grep -q sleep /proc/$sleeper/cmdline || sleep 1
hadal ps --tree --full >/tmp/ps 2>/tmp/err || fail "$(cat /tmp/err)"
for pid in 1 $SCENE $sleeper; do
	expected=$(tr '\0' ' ' </proc/$pid/cmdline | sed 's/ $//')
	grep "^ *$pid " /tmp/ps | grep -q -F -- "$expected" || fail "no '$expected' in: $(grep "^ *$pid " /tmp/ps)"
done
grep -q "^ *$sleeper  *$$ .* - sleep 4242\$" /tmp/ps || fail "the tree is: $(cat /tmp/ps)"
grep -q "^ *2 .* \[kthreadd\]\$" /tmp/ps || fail "kthreadd is: $(grep kthreadd /tmp/ps)"
kill $sleeper

[ "$(wc -l </tmp/expected)" -gt 16 ] || fail "one node of a tree holds the mappings: $(cat /tmp/expected)"
[ "$(hadal files --json $SCENE | wc -l)" -gt 40 ] || fail "the scene has few files: $(cat /tmp/expected)"

hadal files $SCENE | grep -q ' r  pipe .* pipe:\[' || fail "$(hadal files $SCENE)"
hadal files 4000000 2>/tmp/err && fail "a process that does not exist has files"
grep -q 'There is no process 4000000' /tmp/err || fail "the error is: $(cat /tmp/err)"
hadal files >/tmp/files 2>/tmp/err || fail "$(cat /tmp/err)"
