# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# The memory window shows memory as it is, and ends with its file.
. lib.sh

test_window >/tmp/out || fail "$(tail -n 1 /tmp/out)"
grep -q 'Hadal memory window' /proc/iomem && fail "the window stays in /proc/iomem"

# While somebody has it, Hadal stays; not so after kill -9.
mkfifo /tmp/window.fifo
test_window hold >/tmp/window.fifo &
read -r said </tmp/window.fifo
equal "the holder's word" "$said" open
grep -q 'Hadal memory window' /proc/iomem || fail "the window is not in /proc/iomem"
fails hadal stop
grep -q 'window is open' /tmp/fails.out || fail "stop says: $(cat /tmp/fails.out)"
hadal status >/dev/null || fail "Hadal is gone"
echo 0 >/sys/devices/system/cpu/cpu1/online 2>/dev/null && fail "a CPU left with the window open"
kill -9 $!
wait $! 2>/dev/null
grep -q 'Hadal memory window' /proc/iomem && fail "the window outlives its holder"
rm /tmp/window.fifo
for i in 1 2 3; do
	hadal stop >/dev/null || fail "Hadal does not stop"
	hadal start >/dev/null || fail "Hadal does not start"
	hadal ps >/dev/null || fail "ps after a start"
done
