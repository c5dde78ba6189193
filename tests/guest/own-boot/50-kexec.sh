#!/bin/bash
# SPDX-License-Identifier: MIT
# kexec from under Hadal: every CPU has left when the next kernel starts, which runs Hadal again.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/kexec.sh

cat >"$overlay/second.sh" <<'END'
hadal start && hadal regs -c 1 >/dev/null && hadal stop && echo "second kernel: fine"
END
cat >"$overlay/first.sh" <<'END'
. /next.sh
hadal start || exit 1
test_lives wait >/tmp/lives &
until grep -q subscribed /tmp/lives; do sleep 0.1; done
kexec -s -l /next-kernel --initrd=/tmp/next-root --reuse-cmdline || exit 1
kexec -e
END
scripts/guest run --cpu "$CPU" --smp 2 --mem 768 --overlay "$overlay" --timeout 500 --reboots -- \
	sh /first.sh | tee "$work/output"
grep -q 'second kernel: fine' "$work/output"
