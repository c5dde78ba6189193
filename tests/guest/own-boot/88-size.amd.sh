#!/bin/bash
# SPDX-License-Identifier: MIT
# A machine of many parts: 384 possible CPUs, of which 8 are there, and RAM in more than 68 ranges.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh
cat >"$overlay/tests/size.sh" <<'END'
. lib.sh
field() {
	hadal status --json | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"
}
hadal start >/tmp/start || fail "no start: $(cat /tmp/start; hadal log | tail -n 3)"
equal "possible CPUs" "$(field cpu_count)" 384
equal "running CPUs" "$(field cpu_running)" 8
ranges=$(hadal status --json | grep -o '"start"' | wc -l)
[ "$ranges" -ge 68 ] || fail "$ranges ranges of RAM"
equal "ranges in iomem" "$(grep -c '^[0-9a-f].*: System RAM' /proc/iomem)" "$ranges"
for cpu in 0 3 7; do
	hadal regs -c $cpu >/dev/null || fail "no registers of CPU $cpu"
done
fails hadal regs -c 8
fails hadal regs -c 383
hadal ps | grep -q kthreadd || fail "no ps"
hadal read 0x10000000 16 >/dev/null && fail "a hole is read"
hadal read 0x10001000 16 >/dev/null || fail "no reading behind a hole"
timeout 20 hadal events cr --count 20 >/tmp/events 2>&1 || fail "no events: $(cat /tmp/events)"
echo 0 >/sys/devices/system/cpu/cpu5/online
equal "running CPUs with one offline" "$(field cpu_running)" 7
hadal ps >/dev/null || fail "no ps with a CPU offline"
echo 1 >/sys/devices/system/cpu/cpu5/online
equal "running CPUs with all online" "$(field cpu_running)" 8
hadal stop || fail "no stop"
END
holes=memmap=
for i in $(seq 0 67); do
	holes+=$(printf '4K$0x%x,' $((0x10000000 + i * 0x100000)))
done
in_guest size.sh --smp 8 --timeout 200 --append "possible_cpus=384 ${holes%,}"
