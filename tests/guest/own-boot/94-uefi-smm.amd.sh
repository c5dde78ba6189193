#!/bin/bash
# SPDX-License-Identifier: MIT
# hadal.efi under a firmware that works in SMM, as it does for Secure Boot: its SMIs come while Hadal is
# there, and the system reads and writes its variables by them. Bochs runs no UEFI firmware.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh

cat >"$overlay/tests/smm.sh" <<'END'
. lib.sh
vars=/sys/firmware/efi/efivars
own=f0beb471-5ed2-4d5d-b6f4-3c2f1b1d7c5a
mount -t efivarfs efivarfs $vars
equal "starts" "$(tail -c 1 $vars/HadalAttempts-$own | hexdump -v -e '1/1 "%u"')" 1
insmod /lib/modules/*/hadal.ko || fail "the module is not loaded"
for round in 1 2 3 4 5; do
	printf '\7\0\0\0x' >$vars/Round$round-$own || fail "round $round: the firmware keeps no variable"
	hadal ps >/dev/null || fail "round $round: nothing is read"
done
umount $vars && mount -t efivarfs efivarfs $vars
equal "variables" "$(ls $vars | grep -c '^Round')" 5
[ ! -e $vars/HadalAttempts-$own ] || fail "the module has not reported back"
hadal stats | grep -q smi || fail "no SMI came: $(hadal stats)"
hadal status --json | field cpu_running - >/tmp/running
equal "CPUs" "$(cat /tmp/running)" 2
END
in_guest smm.sh --timeout 300 --smm --hadal-first grub --smp 2 --mem 512 --module efivarfs
