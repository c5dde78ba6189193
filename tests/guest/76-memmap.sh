# hadal: on
# timeout: 300
# SPDX-License-Identifier: MIT
# The maps of physical memory agree with what the kernel itself shows of them.
. lib.sh

# only SOURCE NAMES...: the fields of each range of one map
only() {
	hadal memmap --only "$1" --json >/tmp/map.json 2>/tmp/err || fail "memmap --only $1: $(cat /tmp/err)"
	[ ! -s /tmp/err ] || fail "memmap --only $1 says: $(cat /tmp/err)"
	field "$2" /tmp/map.json
}

# As /proc/iomem, whose lines are indented by depth, and no deeper than five levels.
only resources 'depth start last resources' | while read -r depth start last name; do
	[ "$depth" -lt 5 ] || depth=5
	printf '%*s%08x-%08x : %s\n' $((depth * 2)) '' "$start" "$last" "$name"
done | grep -v ' : Hadal memory window$' >/tmp/resources
cmp -s /tmp/resources /proc/iomem || fail "resources differ: $(diff /tmp/resources /proc/iomem | head -n 5)"
[ "$(wc -l </tmp/resources)" -gt 5 ] || fail "/proc/iomem is short"

# As the firmware gave it: of each entry the first and last byte and the kernel's name of the type.
for entry in /sys/firmware/memmap/*; do
	printf '%d %d %s\n' "$(cat "$entry/start")" "$(cat "$entry/end")" "$(cat "$entry/type")"
done | sort >/tmp/firmware
only e820_firmware 'start last e820_firmware' | while read -r start last name; do
	printf '%d %d %s\n' "$start" "$last" "$name"
done | sort >/tmp/below
[ "$(wc -l </tmp/firmware)" -gt 3 ] || fail "/sys/firmware/memmap is short"
cmp -s /tmp/below /tmp/firmware || fail "E820 differs: $(diff /tmp/below /tmp/firmware)"

# What is the kernel's RAM is RAM to its resources, and begins and ends where they do.
only e820 'start last e820' | sed -n 's/ System RAM$//p' | tail -n 1 >/tmp/last
sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/0x\1 0x\2/p' /proc/iomem | tail -n 1 | {
	read -r start last
	read -r e820_start e820_last </tmp/last
	equal "the end of RAM" $((e820_last)) $((last))
	equal "where the last RAM begins" $((e820_start)) $((start))
} || exit 1

# Hidden is what the hypervisor uses, and nothing else: whole pages, as many as it says.
hadal status --json >/tmp/status.json
hidden=0
for bytes in $(only hadal 'hadal bytes' | sed -n 's/^hidden //p'); do
	hidden=$((hidden + bytes))
done
image=$(field image_bytes /tmp/status.json)
pool=$(field pool_pages /tmp/status.json)
equal "what is hidden" $hidden $(((image + 4095) / 4096 * 4096 + pool * 4096))

# The MTRRs: RAM is cached, the local APIC is not, if /proc/mtrr has anything.
[ ! -e /proc/mtrr ] || only mtrr 'start last mtrr' >/tmp/mtrr || exit 1
[ ! -s /tmp/mtrr ] || grep -q '^0 ' /tmp/mtrr || fail "the memory types do not begin at 0: $(cat /tmp/mtrr)"

# Side by side: rows do not overlap, and the hidden ones are marked.
hadal memmap --json >/tmp/rows.json 2>/tmp/err || fail "memmap: $(cat /tmp/err)"
grep -q '"hadal":"hidden".*"marks":\[[^]]*"hidden"' /tmp/rows.json || fail "nothing is marked as hidden"
field 'start last' /tmp/rows.json | {
	end=0
	while read -r start last; do
		[ $((start)) -ge $end ] && [ $((last)) -ge $((start)) ] || fail "$start follows $end"
		end=$((last + 1))
	done
} || exit 1
hadal memmap >/tmp/table || fail "the table fails"
equal "the table's lines" "$(($(wc -l </tmp/table) - 1))" "$(wc -l </tmp/rows.json)"

# The picture appears whole or not at all.
hadal memmap --svg /tmp/memory.svg || fail "no picture"
grep -q '^</svg>$' /tmp/memory.svg || fail "the picture has no end"
grep -q 'hidden by Hadal' /tmp/memory.svg || fail "the picture has nothing hidden"
fails hadal memmap --svg /nowhere/memory.svg
fails hadal memmap --svg /dev/full
fails hadal memmap --svg /tmp/a.svg --only e820
fails hadal memmap --only iomem

if [ ! -d /sys/firmware/efi ]; then
	fails hadal memmap --only efi
	grep -q 'no such map' /tmp/fails.out || fail "without UEFI: $(cat /tmp/fails.out)"
fi

# The same from an image, in which all of the kernel's memory is.
mkdir -p /tmp/mount
hadal mount /tmp/mount >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
hadal memmap --image /tmp/mount/memory.elf --only resources --json >/tmp/map.json || fail "no map in an image"
field 'depth start last resources' /tmp/map.json >/tmp/then
only resources 'depth start last resources' >/tmp/now
umount /tmp/mount
cmp -s /tmp/now /tmp/then || fail "an image has other resources: $(diff /tmp/now /tmp/then | head -n 5)"
