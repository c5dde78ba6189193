#!/bin/bash
# SPDX-License-Identifier: MIT
# A panic under Hadal: the crash kernel boots and reads all of the memory that the panic left.
# In Bochs the crash kernel is up after three minutes, and reading the memory takes too long.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/kexec.sh

cat >"$overlay/second.sh" <<'END'
bytes=$(cat /proc/vmcore | wc -c)
[ "$bytes" -gt 300000000 ] && dmesg | grep -q 'elfcorehdr=' && echo "crash kernel: fine, $bytes bytes of vmcore"
END
cat >"$overlay/first.sh" <<'END'
. /next.sh
hadal start || exit 1
test_lives wait >/tmp/lives &
until grep -q subscribed /tmp/lives; do sleep 0.1; done
kexec -p /next-kernel --initrd=/tmp/next-root --append="$(cat /proc/cmdline) nr_cpus=1 reset_devices" || exit 1
sync
echo c >/proc/sysrq-trigger
END
scripts/guest run --cpu "$CPU" --smp 2 --mem 768 --overlay "$overlay" --timeout 500 --reboots \
	--append crashkernel=256M -- sh /first.sh | tee "$work/output"
grep -q 'crash kernel: fine' "$work/output"
