# SPDX-License-Identifier: MIT
# timeout: 200
# Each allocation of a start and the like fails once, and so does each CPU in each step: the start says so, no
# CPU is under Hadal, nothing is lost, and the next one works.
. lib.sh

free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo
}

wait_for 30 "the end of the module" hadal stop --unload
insmod /bin/hadal_examples.ko || fail "hadal_examples.ko cannot be loaded"
parameters=/sys/module/hadal/parameters
parameter=$parameters/fail_at

# no_start WHAT: a start fails, and no CPU is under Hadal
no_start() {
	hadal start >/tmp/out 2>&1 && fail "a start in spite of $1"
	hadal status >/dev/null 2>&1 && fail "it runs in spite of $1"
}

hadal start >/dev/null && hadal stop >/dev/null || fail "no start without a failure"
before=$(free_kib)
n=1 allocations=0
while :; do
	echo $n >$parameter
	hadal start >/tmp/out 2>&1 && break
	if grep -qE 'not enough contiguous free memory|out of memory for page tables' /tmp/out; then
		allocations=$((allocations + 1))
	else
		grep -qE 'are of different versions|no place for another callback' /tmp/out ||
			fail "allocation $n: $(cat /tmp/out)"
	fi
	[ "$(cat $parameter)" = 0 ] || fail "allocation $n: something else failed"
	hadal status >/dev/null 2>&1 && fail "it runs after allocation $n has failed"
	n=$((n + 1))
	[ $n -lt 200 ] || fail "no end of allocations"
done
echo 0 >$parameter
hadal stop >/dev/null || fail "no stop after the failures"

# As enum fault_plant of ext/fault/fault.h has them: faults, then refusals, in the vendor's start, in an
# extension's and right before the entry.
in_start=3 in_extension=4 in_entry=5 refused_start=10 refused_extension=11 refused_entry=12
for cpu in 0 1; do
	echo $cpu >$parameters/fail_cpu
	no_start "CPU $cpu that is in use"
	grep -q "CPU $cpu: another hypervisor" /tmp/out || fail "CPU $cpu in use: $(cat /tmp/out)"
	echo -1 >$parameters/fail_cpu
	for plant in $in_start $in_extension $in_entry $refused_start $refused_extension $refused_entry; do
		echo $((plant << 16 | cpu)) >$parameters/plant
		no_start "step $plant of CPU $cpu"
		grep -q "CPU $cpu: " /tmp/out || fail "step $plant of CPU $cpu: $(cat /tmp/out)"
	done
	echo 0 >$parameters/plant
done
hadal start >/dev/null || fail "no start after CPUs have failed"
hadal ps >/dev/null || fail "no ps after the failures"
hadal stop >/dev/null || fail "no stop after the failures"
[ $allocations -gt 12 ] || fail "only $allocations allocations"
[ $((n - allocations)) = 3 ] || fail "other failures than allocations: $((n - allocations - 1))"
after=$(free_kib)
[ $((before - after)) -lt 3000 ] || fail "$((before - after)) KiB are lost after $((n - 1)) failures"
echo "$allocations allocations"
hadal stop --unload >/dev/null || fail "no unload at the end"
