#!/bin/bash
# SPDX-License-Identifier: MIT
# A locked Hadal: nobody gets a CPU out of it, and the machine still ends as others do.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh

cat >"$overlay/lock.sh" <<'END'
check() { "$@" || { echo "failed: $*"; exit 1; }; }
refused() { if "$@" >/tmp/refused 2>&1; then echo "not refused: $*"; exit 1; fi; }
check insmod /bin/hadal_test.ko
check hadal start --lock
refused hadal stop
check grep -q lock /tmp/refused
for which in 0 1; do
	check test "$(test_stop $which)" = -1
done
refused sh -c 'echo 0 >/sys/devices/system/cpu/cpu1/online'
refused rmmod hadal
check hadal regs -c 1 >/dev/null
check test_hidden >/dev/null
check sh -c 'hadal status | grep -q locked'
! dmesg | grep -E 'BUG:|Oops|Call Trace' || exit 1
echo "locked: fine"
END
scripts/guest run --cpu "$CPU" --smp 2 --overlay "$overlay" --timeout 400 -- sh /lock.sh | tee "$work/output"
grep -q 'locked: fine' "$work/output"
