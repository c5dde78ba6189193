# SPDX-License-Identifier: MIT
# hadal: on
# Mounts read from raw memory are those of /proc/PID/mountinfo, with every flag and in two namespaces.
. lib.sh

in_scene

unshare -m sleep 1000 &
other=$!
while [ "$(readlink /proc/$other/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]; do sleep 0.1; done

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
# as_mountinfo: JSON as the lines of mountinfo
as_mountinfo() {
	sed 's/"/|/g' | awk -F '|' '{
		for (i = 2; i < NF; i += 2) {
			value = $(i + 1)
			gsub(/[:,}]/, "", value)
			got[$i] = value
			if (value == "") { # it is a string
				got[$i] = $(i + 2)
				i += 2
			}
		}
		peers = got["shared"] + 0 ? "shared:" got["shared"] " " : ""
		peers = peers (got["master"] + 0 ? "master:" got["master"] " " : "")
		peers = peers (got["unbindable"] == "true" ? "unbindable " : "")
		print got["id"], got["parent"], got["major"] ":" got["minor"], got["root"], got["path"],
			got["options"], peers "- " got["type"], got["source"], got["super_options"]
	}'
}
for pid in $other 1; do
	hadal mounts --json $pid >/tmp/json 2>/tmp/err || fail "$(cat /tmp/err)"
	[ ! -s /tmp/err ] || fail "mounts says: $(cat /tmp/err)"
	as_mountinfo </tmp/json >/tmp/got
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
