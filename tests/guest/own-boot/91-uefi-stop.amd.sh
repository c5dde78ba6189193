#!/bin/bash
# SPDX-License-Identifier: MIT
# A Hadal that the firmware started ends when its options allow that: all CPUs leave at once, while the
# system works; its memory stays reserved and nothing of what it knew is left in it; CPUs go and come on
# bare hardware, and a late start follows. What cannot be left is refused and changes nothing. Bochs runs
# no UEFI firmware.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh
sha256sum "${BUILD:-build}/hadal.bin" | cut -d ' ' -f 1 >"$overlay/tests/sha256"

cat >"$overlay/tests/stop.sh" <<'END'
. lib.sh
cpu1=/sys/devices/system/cpu/cpu1/online
insmod /lib/modules/*/hadal.ko || fail "the module is not loaded"
hadal status --json >/tmp/status.json || fail "it does not run"
equal "there first" "$(field there_first /tmp/status.json)" true
equal "locked" "$(field locked /tmp/status.json)" false
equal "SHA-256" "$(field image_sha256 /tmp/status.json)" "$(cat sha256)"
equal "measured" "$(field measured /tmp/status.json)" no_tpm
hadal status | grep -q 'allowed by the options' || fail "status does not tell that it may be stopped"

# Nobody leaves alone, and no way out is believed that is none.
insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
equal "one CPU alone" "$(test_stop 1)" -1
equal "no way out" "$(test_stop 0)" -14
equal "a wrong way out" "$(test_stop 0 0xffff888000001000)" -14
rmmod hadal_test
echo 0 >$cpu1 || fail "CPU 1 does not go offline"
fails hadal stop
grep -q 'CPU 1 is offline' /tmp/fails.out || fail "stop says: $(cat /tmp/fails.out)"
echo 1 >$cpu1 || fail "CPU 1 does not come back"

# What it hides, and something that it has learnt.
hadal memmap --json >/tmp/map.json || fail "memmap fails"
field 'start last hadal' /tmp/map.json | grep ' hidden' >/tmp/hidden
[ -s /tmp/hidden ] || fail "nothing is hidden"
cp /proc/iomem /tmp/before
seen() {
	while read -r start last rest; do
		dd if=/dev/mem bs=4096 skip=$((start / 4096)) count=$(((last + 1 - start) / 4096)) 2>/dev/null
	done </tmp/hidden
}
equal "bytes that are seen" "$(seen | tr -d '\0' | wc -c)" 0
hadal break do_exit --seconds 1 --if 'rdi == 0x4b52414d54455243' >/dev/null 2>/tmp/err || fail "$(cat /tmp/err)"

# It works all the time, on both CPUs.
for cpu in 0 1; do
	taskset $((1 << cpu)) sh -c 'while :; do echo >>/tmp/work.'$cpu'; done' &
done
sleep 1
hadal stop || fail "it does not stop: $(dmesg | tail)"
for cpu in 0 1; do
	before=$(wc -c </tmp/work.$cpu)
	sleep 1
	[ "$(wc -c </tmp/work.$cpu)" -gt "$before" ] || fail "CPU $cpu does not work any more"
done
kill $(jobs -p)
fails hadal status
equal "what runs" "$(hadal status --json | field running -)" false
hadal log | grep -q 'stopped' || fail "no log: $(hadal log | tail)"
hadal stop | grep -q "is not running" || fail "it stops twice"
dmesg | grep 'hadal: stopped' >/dev/null || fail "the kernel's log does not tell"

# Its memory is reserved still, and can be seen: with the log in it, and nothing of what it was told.
cmp -s /tmp/before /proc/iomem || fail "/proc/iomem has changed"
seen >/tmp/left
grep -a -q 'locked\|stopped' /tmp/left || fail "it is hidden still"
! grep -a -q CRETMARK /tmp/left || fail "what was asked for is still there"

# INIT and SIPI are the processor's own.
for i in 1 2 3; do
	echo 0 >$cpu1 || fail "CPU 1 does not go offline afterwards"
	echo 1 >$cpu1 || fail "CPU 1 does not come back afterwards"
	taskset 2 true || fail "CPU 1 does nothing"
done

hadal start || fail "no late start"
equal "there first" "$(hadal status --json | field there_first -)" false
hadal ps >/dev/null || fail "nothing is read after a late start"
echo 0 >$cpu1 && echo 1 >$cpu1 || fail "no hotplug under a late start"
hadal stop || fail "the late start does not stop"
END

in_guest stop.sh --timeout 250 --hadal-first grub --hadal-options=--allow-stop --smp 2 --mem 384
