# SPDX-License-Identifier: MIT
# hadal: on
# Mounts read from raw memory are those of /proc/PID/mountinfo, with every flag and in two namespaces.
. lib.sh

in_scene

unshare -m sleep 1000 &
other=$!
wait_for 30 "another mount namespace" in_other_namespace mnt $other

# Options that only some file systems have are not seen from below.
known() {
	sed 's/\\040/ /g' "$1" | awk '{
		count = split($NF, words, ",")
		$NF = words[1]
		for (i = 2; i <= count; i++)
			if (words[i] ~ /^(sync|dirsync|mand|lazytime)$/)
				$NF = $NF "," words[i]
		print
	}'
}
# as_mountinfo FILE: JSON as the lines of mountinfo
as_mountinfo() {
	field 'id parent major:minor root path options|shared|master|unbindable|- type source super_options' "$1" |
		awk -F '|' '{
			peers = $2 + 0 ? "shared:" $2 " " : ""
			peers = peers ($3 + 0 ? "master:" $3 " " : "")
			peers = peers ($4 == "true" ? "unbindable " : "")
			print $1 " " peers $5
		}'
}
for pid in $other 1; do
	hadal mounts --json $pid >/tmp/json 2>/tmp/err || fail "$(cat /tmp/err)"
	[ ! -s /tmp/err ] || fail "mounts says: $(cat /tmp/err)"
	as_mountinfo /tmp/json >/tmp/got
	known /proc/$pid/mountinfo >/tmp/expected
	cmp -s /tmp/got /tmp/expected || fail "process $pid: $(diff /tmp/got /tmp/expected)"
done
grep -q ' /inside /tmp/objects/mounts/slave rw,nodiratime,relatime master:[0-9]* - tmpfs two rw,sync,dirsync$' /tmp/got || fail "the scene is: $(cat /tmp/got)"
grep -q ' net:\[[0-9]*\] /tmp/objects/mounts/net ' /tmp/got || fail "the scene is: $(cat /tmp/got)"

hadal mounts --all >/tmp/all || fail "no mounts"
for pid in 1 $other; do
	number=$(readlink /proc/$pid/ns/mnt | tr -dc 0-9)
	equal "the heads of namespace $number" "$(grep -c "^mount namespace $number:$" /tmp/all)" 1
done
hadal mounts | tr -s ' ' | grep -q '^ [0-9]* [0-9]* 0:[0-9]* tmpfs rw,nodiratime,relatime /tmp/objects/mounts/slave <- two\[/inside\]$' ||
	fail "the table is: $(hadal mounts)"
fails hadal mounts 4000000
