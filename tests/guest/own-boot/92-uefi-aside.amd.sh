#!/bin/bash
# SPDX-License-Identifier: MIT
# When the kernel dies three times before it has reported back, the fourth boot is without Hadal, and
# console, kernel's log and status tell why. Bochs runs no UEFI firmware.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh

cat >"$overlay/tests/aside.sh" <<'END'
. lib.sh
vars=/sys/firmware/efi/efivars
own=f0beb471-5ed2-4d5d-b6f4-3c2f1b1d7c5a
mount -t efivarfs efivarfs $vars
count() {
	[ ! -e $vars/HadalAttempts-$own ] || tail -c 1 $vars/HadalAttempts-$own | hexdump -v -e '1/1 "%u"'
}
# A variable that is there cannot be changed: they are immutable. One for each round.
next() {
	printf '\7\0\0\0x' >$vars/Round$1-$own || fail "the round cannot be kept"
}
now=$(ls $vars | grep -c '^Round')
if [ "$now" -lt 3 ]; then
	equal "starts, round $now" "$(count)" "$((now + 1))"
	next $((now + 1))
	echo c >/proc/sysrq-trigger
	sleep 60
fi
equal "starts that came to nothing" "$(count)" 3
insmod /lib/modules/*/hadal.ko
dmesg | grep -q 'hadal.efi has stepped aside, for after 3 starts' || fail "the log does not tell: $(dmesg | tail -n 3)"
fails hadal status
grep -q 'hadal.efi has stepped aside' /tmp/fails.out || fail "status says $(cat /tmp/fails.out)"
equal "stepped_aside" "$(hadal status --json | field stepped_aside -)" true
hadal start || fail "no late start"
END

in_guest aside.sh --timeout 400 --hadal-first next --smp 2 --mem 256 --reboots --verbose --module efivarfs \
	2>"$work/console" || { tail -30 "$work/console"; exit 1; }
for line in 'stepping aside: after 3 starts' 'going on without Hadal'; do
	grep -a -q "hadal: $line" "$work/console" || { echo "not said: $line"; exit 1; }
done
