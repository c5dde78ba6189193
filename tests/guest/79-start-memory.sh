# SPDX-License-Identifier: MIT
# timeout: 200
# Each allocation of a start fails once: the start says so, nothing is lost, and the next one works.
. lib.sh

free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo
}

wait_for 30 "the end of the module" hadal stop --unload
insmod /bin/hadal_examples.ko || fail "hadal_examples.ko cannot be loaded"
parameter=/sys/module/hadal/parameters/fail_at
hadal start >/dev/null && hadal stop >/dev/null || fail "no start without a failure"
before=$(free_kib)
n=1
while :; do
	echo $n >$parameter
	hadal start >/tmp/out 2>&1 && break
	grep -qE 'not enough contiguous free memory|out of memory for page tables' /tmp/out ||
		fail "allocation $n: $(cat /tmp/out)"
	[ "$(cat $parameter)" = 0 ] || fail "allocation $n: something else failed"
	hadal status >/dev/null 2>&1 && fail "it runs after allocation $n has failed"
	n=$((n + 1))
	[ $n -lt 200 ] || fail "no end of allocations"
done
echo 0 >$parameter
hadal ps >/dev/null || fail "no ps after the failures"
hadal stop >/dev/null || fail "no stop after the failures"
[ $n -gt 12 ] || fail "only $((n - 1)) allocations"
after=$(free_kib)
[ $((before - after)) -lt 3000 ] || fail "$((before - after)) KiB are lost after $((n - 1)) failures"
echo "$((n - 1)) allocations"
hadal stop --unload >/dev/null || fail "no unload at the end"
