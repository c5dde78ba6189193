#!/bin/bash
# SPDX-License-Identifier: MIT
# hadal.efi starts Hadal before GRUB and the kernel, on all CPUs: the module attaches to it, what is read from
# below agrees as after a late start, CPUs go and come under it, nobody stops it, and a reset comes
# through it again. What cannot start or boot is said, and the machine boots on. Bochs runs no UEFI
# firmware.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh
cp tests/guest/62-lists.sh "$overlay/tests/"

cat >"$overlay/tests/first.sh" <<'END'
. lib.sh
insmod /lib/modules/*/hadal.ko || fail "the module is not loaded"
dmesg | grep -q 'hadal: was here before this system' || fail "the module does not attach"
hadal status --json >/tmp/status.json || fail "it does not run"
equal "there first" "$(field there_first /tmp/status.json)" true
equal "CPUs" "$(field cpu_running /tmp/status.json)" 2
hadal status | grep -q 'the firmware started it' || fail "status does not tell who started it"
fails hadal stop
grep -q 'before this system' /tmp/fails.out || fail "stop says: $(cat /tmp/fails.out)"
hadal log | grep -q 'locked: no CPU leaves' || fail "no log: $(hadal log)"

# By INIT and SIPI, which the hypervisor makes of the kernel's writes to its APIC.
hadal regs -c 1 >/dev/null || fail "the second CPU is not under Hadal"
for i in 1 2 3; do
	echo 0 >/sys/devices/system/cpu/cpu1/online || fail "CPU 1 does not go offline"
	hadal ps >/dev/null || fail "nothing is read without CPU 1"
	echo 1 >/sys/devices/system/cpu/cpu1/online || fail "CPU 1 does not come back"
	taskset 2 hadal status --json | field cpu_running - >/tmp/running
	equal "CPUs, round $i" "$(cat /tmp/running)" 2
done

# What it hides is reserved to everybody, and reads as zeros.
hadal memmap --json >/tmp/map.json || fail "memmap fails"
field 'start last hadal efi e820 resources' /tmp/map.json | grep ' hidden ' >/tmp/hidden
[ -s /tmp/hidden ] || fail "nothing is hidden"
while read -r start last hadal rest; do
	equal "who else has $start" "$rest" "Reserved Reserved Reserved"
	for at in $((start)) $(((start + last) / 2 / 4096 * 4096)) $((last - 4095)); do
		dd if=/dev/mem bs=4096 skip=$((at / 4096)) count=1 2>/dev/null | tr -d '\0' >/tmp/seen
		[ ! -s /tmp/seen ] || fail "memory at $at is seen"
	done
	fails hadal read --physical "$start" 16
done </tmp/hidden

# Again after the module has gone.
rmmod hadal || fail "the module stays"
insmod /lib/modules/*/hadal.ko && hadal status >/dev/null || fail "it does not attach again"
sh ./62-lists.sh || exit 1
END

in_guest first.sh --timeout 200 --hadal-first grub --smp 2

# What the TPM's register 8 holds when the image is all that it was extended by.
python3 - "${BUILD:-build}/hadal.bin" >"$overlay/tests/measured" <<'END'
import hashlib, sys
image = hashlib.sha256(open(sys.argv[1], "rb").read()).digest()
print(hashlib.sha256(bytes(32) + image).hexdigest().upper())
END

sha256sum "${BUILD:-build}/hadal.bin" | cut -d ' ' -f 1 >"$overlay/tests/sha256"

# As the firmware's boot entry before the kernel's: it is measured, is there again after a reset, counts
# the boots that nobody reported back from, and steps aside after three.
cat >"$overlay/tests/again.sh" <<'END'
. lib.sh
mount -t efivarfs efivarfs /sys/firmware/efi/efivars
own=f0beb471-5ed2-4d5d-b6f4-3c2f1b1d7c5a
attempts=/sys/firmware/efi/efivars/HadalAttempts-$own
round=/sys/firmware/efi/efivars/Round-$own
count() {
	tail -c 1 $attempts | hexdump -v -e '1/1 "%u"'
}
there_first() {
	[ -e /sys/module/hadal ] || insmod /lib/modules/*/hadal.ko || fail "the module is not loaded"
	# What the module deletes is seen when variables are listed anew.
	umount /sys/firmware/efi/efivars
	mount -t efivarfs efivarfs /sys/firmware/efi/efivars
	hadal status --json 2>/dev/null | grep -q 'there_first":true'
}
again() {
	reboot -f
	sleep 60
}
if [ ! -e $round ]; then
	printf '\7\0\0\0x' >$round
	equal "register 8 of the TPM" "$(cat /sys/class/tpm/tpm0/pcr-sha256/8)" "$(cat measured)"
	there_first || fail "it is not there"
	equal "what status tells of it" "$(hadal status --json | field 'measured measured_register image_sha256' -)" \
		"extended 8 $(cat sha256)"
	[ ! -e $attempts ] || fail "the module has not reported back"
	again
elif [ "$(count)" = 1 ]; then
	there_first || fail "it is not there after a reset"
	printf '\7\0\0\0\3' >$attempts || fail "the counter cannot be set"
	again
fi
equal "attempts while it steps aside" "$(count)" 3
! there_first || fail "it has not stepped aside"
hadal start && hadal ps >/dev/null && hadal stop || fail "no late start"
END
in_guest again.sh --timeout 200 --hadal-first next --tpm --smp 2 --reboots --verbose --module efivarfs \
	2>"$work/console" || { tail -30 "$work/console"; exit 1; }
grep -a -q 'hadal: stepping aside: after 3 starts' "$work/console"

# What cannot start or boot, and one CPU.
scripts/guest run --cpu "$CPU" --timeout 200 --hadal-first refused --smp 1 --verbose -- sh -c \
	'insmod /lib/modules/*/hadal.ko; ! hadal status && hadal start && hadal stop' 2>"$work/console"
for line in "the hypervisor's image in this program is damaged" 'the option --none is not known' \
	'not enough memory' 'going on without Hadal' 'the program that the options name cannot be loaded'; do
	grep -a -q "hadal: $line" "$work/console" || { echo "not said: $line"; exit 1; }
done
