#!/bin/bash
# SPDX-License-Identifier: MIT
# RAM that is plugged in while Hadal runs, and used by the kernel itself, counts at once; a part that
# is taken offline no longer does. Nothing hangs: page tables and programs lie in the new RAM too.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh
cat >"$overlay/tests/hot.sh" <<'END'
. lib.sh
ram() {
	hadal status --json | grep -oE '"(start|end)": *"?0x[0-9a-f]+' | grep -oE '0x[0-9a-f]+' |
		{ sum=0; while read -r start && read -r end; do sum=$((sum + end - start)); done; echo $((sum >> 20)); }
}
echo online_kernel >/sys/devices/system/memory/auto_online_blocks
hadal start || fail "no start"
before=$(ram)
[ "$before" -gt 400 ] || fail "$before MiB of RAM"
echo @plug
for i in $(seq 100); do
	[ "$(ram)" = $((before + 512)) ] && break
	sleep 0.3
done
equal "RAM after plugging in" "$(ram)" $((before + 512))
mkdir /tmp/full
mount -t tmpfs -o size=700m full /tmp/full
dd if=/dev/zero of=/tmp/full/file bs=1M count=450 2>/dev/null
for i in 1 2 3 4 5 6 7 8; do
	hadal ps | grep -q kthreadd || fail "no ps, round $i"
done
hadal read 0x100000000 16 >/dev/null || fail "no reading of the new RAM"
rm /tmp/full/file
taken=
for block in /sys/devices/system/memory/memory3[23456789]; do
	[ -e $block ] && echo offline 2>/dev/null >$block/state && taken=$block && break
done
[ "$taken" ] || fail "no part goes offline"
equal "RAM after one part went" "$(ram)" $((before + 384))
place=$(printf '0x%x' $((0x$(cat $taken/phys_index) * 0x8000000)))
fails hadal read $place 16
echo online_kernel >$taken/state
equal "RAM after it came back" "$(ram)" $((before + 512))
hadal read $place 16 >/dev/null || fail "no reading of what came back"
hadal stop
END
in_guest hot.sh --max-mem 2048 --monitor "$work/monitor" --timeout 200 >"$work/output" 2>&1 &
guest=$!
touch "$work/output"
until grep -q '^@plug' "$work/output"; do
	kill -0 $guest || { cat "$work/output"; exit 1; }
	sleep 0.2
done
python3 - "$work/monitor" <<'END'
import socket, sys, time
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
for command in ("object_add memory-backend-ram,id=more,size=512M", "device_add pc-dimm,id=dimm,memdev=more"):
    time.sleep(0.3)
    monitor.sendall(command.encode() + b"\n")
time.sleep(0.3)
END
wait $guest || { cat "$work/output"; exit 1; }
cat "$work/output"
