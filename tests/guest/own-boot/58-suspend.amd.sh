#!/bin/bash
# SPDX-License-Identifier: MIT
# Suspend to RAM and back: all CPUs leave Hadal and enter it again. Bochs cannot wake up from S3.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh

cat >"$overlay/suspend.sh" <<'END'
hadal start || exit 1
echo +4 >/sys/class/rtc/rtc0/wakealarm
test_lives suspend || exit 1 # goes to sleep in the middle
hadal regs -c 0 >/dev/null && hadal regs -c 1 >/dev/null || exit 1
[ "$(hadal log | grep -c 'cpu[01]: started')" = 4 ] || exit 1
hadal stop
END
scripts/guest run --cpu "$CPU" --smp 2 --overlay "$overlay" --timeout 120 -- sh /suspend.sh
