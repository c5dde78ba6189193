#!/bin/bash
# SPDX-License-Identifier: MIT
# KVM and Hadal cannot have the processors at the same time, say so, and nothing breaks.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh
case $CPU in
amd | ryzen) module=kvm-amd ;;
intel) module=kvm-intel ;;
esac

cat >"$overlay/kvm.sh" <<'END'
set -e
check() { "$@" || { echo "failed: $*"; exit 1; }; }
check test_kvm create
# The holder's VM keeps SVM or VT-x on.
if test_kvm hold hadal start >/tmp/reason 2>&1; then echo "started beside KVM"; exit 1; fi
cat /tmp/reason
check grep -qi kvm /tmp/reason
check hadal start
if test_kvm create; then echo "KVM created a VM above Hadal"; exit 1; fi
check hadal regs -c 1 >/dev/null
check hadal stop
check test_kvm create
! dmesg | grep -E 'BUG:|Oops|kernel BUG'
END
scripts/guest run --cpu "$CPU" --smp 2 --overlay "$overlay" --module "$module" --timeout 400 -- sh /kvm.sh
