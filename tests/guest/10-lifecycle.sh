# SPDX-License-Identifier: MIT
# timeout: 900
# Starts and stops many times while the system works, and leaves nothing behind.
. lib.sh

rounds=100
hadal stop >/dev/null 2>&1

free_kib() {
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree/ { print $2 }' /proc/meminfo
}

# Programs, files and pipes on both CPUs, until the file is gone.
work() {
	while [ -e /tmp/working ]; do
		cat /proc/self/maps | sort | md5sum >/tmp/work.$1
		cp /bin/busybox /tmp/copy.$1
		cmp /bin/busybox /tmp/copy.$1 || echo "copy of worker $1 differs" >>/tmp/work.bad
	done
}

# One round first, for what the kernel keeps after the first of anything.
hadal start >/dev/null && hadal stop >/dev/null || fail "Hadal does not start and stop"
before=$(free_kib)
touch /tmp/working
work 0 &
work 1 &
for i in $(seq $rounds); do
	hadal start >/dev/null || fail "start $i failed"
	hadal stop >/dev/null || fail "stop $i failed"
done
rm /tmp/working
wait
[ ! -e /tmp/work.bad ] || fail "$(head -n 1 /tmp/work.bad)"
rm -f /tmp/copy.* /tmp/work.*
lost=$((before - $(free_kib)))
echo "$rounds rounds, $lost KiB less free than before"
# A round takes some 4,500 KiB, so a leak of any page of it in each round would show.
[ $lost -lt 2048 ] || fail "$lost KiB were lost in $rounds rounds"
grep -E '^(VmallocUsed|Slab)' /proc/meminfo
hadal log | tail -n 1 | grep -q stopped || fail "the log cannot be read after a stop"
