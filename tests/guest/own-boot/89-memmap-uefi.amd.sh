#!/bin/bash
# SPDX-License-Identifier: MIT
# The firmware's memory map agrees with what the kernel logs of it at its start, and what the kernel
# keeps of that for runtime services with /sys/firmware/efi/runtime-map. Bochs runs no UEFI firmware.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh

cat >"$overlay/tests/memmap.sh" <<'END'
. lib.sh
# START LAST TYPE; of the two times that the kernel logs the map, the first: as it was given
logged() {
	dmesg | awk '/efi: mem00:/ && seen++ { exit } { print }' | sed -n 's/.*efi: mem[0-9]*: \[\([^|]*\)|.*range=\[\(0x[0-9a-f]*\)-\(0x[0-9a-f]*\)\].*/\2 \3 \1/p' |
		while read -r start last type; do
			case $type in
			"Reserved"*) type="Reserved" ;;
			"Boot Code") type="Boot Services Code" ;;
			"Boot Data") type="Boot Services Data" ;;
			"Runtime Code") type="Runtime Services Code" ;;
			"Runtime Data") type="Runtime Services Data" ;;
			"Conventional"*) type="Conventional Memory" ;;
			"ACPI Reclaim"*) type="ACPI Reclaim Memory" ;;
			"ACPI Mem NVS"*) type="ACPI Memory NVS" ;;
			"MMIO"*) type="Memory Mapped I/O" ;;
			esac
			echo "$((start)) $((last))" $type
		done
}
told() {
	field "start last $1" /tmp/map.json | while read -r start last type; do
		echo "$((start)) $((last)) $type"
	done
}
hadal memmap --only efi --json >/tmp/map.json || fail "no map of the firmware's"
logged | sort >/tmp/logged
told efi | sort >/tmp/told
[ "$(wc -l <"/tmp/logged")" -gt 50 ] || fail "the kernel has logged little: $(dmesg | grep -c 'efi: mem')"
cmp -s /tmp/logged /tmp/told || fail "the firmware's map differs: $(diff /tmp/logged /tmp/told | head -n 9)"

hadal memmap --only efi_kernel --json >/tmp/map.json || fail "the kernel keeps no map"
for entry in /sys/firmware/efi/runtime-map/*; do
	start=$(cat "$entry/phys_addr")
	echo "$((start)) $((start + $(cat "$entry/num_pages") * 4096 - 1))"
done | sort >/tmp/runtime
told efi_kernel | cut -d ' ' -f 1,2 | sort >/tmp/told
[ -s /tmp/runtime ] || fail "there are no runtime services"
[ -z "$(grep -v -F -x -f /tmp/told /tmp/runtime)" ] || fail "runtime services are missing in efi.memmap"

hadal memmap --json >/tmp/map.json || fail "no maps side by side"
grep -q '"efi":"Runtime Services Code".*"runtime services"' /tmp/map.json || fail "runtime services are not marked"
mkdir /tmp/mount
hadal mount /tmp/mount >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
hadal memmap --image /tmp/mount/memory.elf --json >/tmp/map.json 2>/tmp/err || fail "an image: $(cat /tmp/err)"
grep -q "not in this image" /tmp/err || fail "an image has the firmware's map: $(cat /tmp/err)"
umount /tmp/mount
END
in_guest memmap.sh --uefi --timeout 120 --load --module fuse --append efi=debug
