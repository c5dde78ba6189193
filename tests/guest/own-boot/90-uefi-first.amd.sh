#!/bin/bash
# SPDX-License-Identifier: MIT
# hadal.efi starts Hadal before the kernel, on all CPUs: the module attaches to it, what is read from
# below agrees as after a late start, CPUs go and come under it, nobody stops it, and a reset comes
# through it again. What cannot be booted is said, and the machine boots on. Bochs runs no UEFI
# firmware.
set -euo pipefail
cd "$(dirname "$0")/../../.."
overlay=$(mktemp -d)
trap 'rm -rf "$overlay"' EXIT
mkdir "$overlay/tests"
cp tests/guest/lib.sh tests/guest/62-lists.sh "$overlay/tests/"

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

# boot OPTION...: the guest's command comes last
boot() {
	scripts/guest run --cpu "$CPU" --overlay "$overlay" --timeout 200 "$@"
}
boot --hadal-first named --smp 2 -- sh -c 'export PATH=/bin:/tests; cd /tests && sh ./first.sh'

# It comes through hadal.efi again after a reset, as the firmware's boot entry before the kernel's.
boot --hadal-first next --smp 2 --until-reboot -- sh -c \
	'insmod /lib/modules/*/hadal.ko; hadal status --json | grep -q "there_first\":true" && reboot -f; sleep 60'

# A program that is not there, and one CPU.
boot --hadal-first missing --smp 1 --verbose -- sh -c \
	'insmod /lib/modules/*/hadal.ko; hadal status | grep "firmware started"' 2>"$overlay/console"
grep -a -q 'hadal: the program that the options name cannot be loaded' "$overlay/console"
