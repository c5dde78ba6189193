# SPDX-License-Identifier: MIT
# timeout: 300
# Faults inside the image under each of its locks, in each phase of start, exit and stop, and on stacks of
# their own: no CPU waits for ever, and Hadal stops and starts again.
. lib.sh

online=/sys/devices/system/cpu/cpu1/online

# As enum fault_plant of ext/fault/fault.h has them.
in_start=3 in_extension=4 in_entry=5 in_parting=6 in_ending=7

begin() {
	[ -e /dev/hadal ] || insmod /bin/hadal_examples.ko || fail "hadal_examples.ko cannot be loaded"
	hadal start >/dev/null || fail "no start $*"
}

# end WHAT: Hadal stops, and its log tells of a fault.
end() {
	hadal stop >/dev/null || { hadal log | tail -n 20; fail "no stop after a fault $*"; }
	hadal log >/tmp/log
	grep -q 'fault 6 in the image' /tmp/log || fail "the log has no fault $*"
}

cpus() {
	hadal status --json | sed -n 's/.*"cpu_running": *\([0-9]*\).*/\1/p'
}

# What another test left open is closed by and by.
wait_for 30 "the end of the module" hadal stop --unload
[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"

begin
test_faults on-stack || fail "test_faults on-stack: see above"
test_faults at-entry || fail "test_faults at-entry: see above"
test_faults while-serving || fail "test_faults while-serving: see above"
hadal log | grep -q "does not answer" && fail "a CPU that had a fault gave no answer"
locks=$(test_faults count-locks) fragile=$(test_faults count-locks 1)
end "while another CPU waited"
[ "$locks" -ge 5 ] || fail "only $locks locks"

broken=0 lock=0
while [ $lock -lt "$locks" ]; do
	begin "after faults under locks"
	timeout 60 test_faults under-lock $lock || fail "test_faults under-lock $lock: see above"
	if hadal log | grep -q 'not used any more'; then
		broken=$((broken + 1))
		echo 0 >$online
		echo 1 >$online && [ "$(cpus)" = 2 ] && fail "a CPU came under Hadal with lock $lock broken"
		echo 1 >$online 2>/dev/null
	fi
	end "under lock $lock"
	echo 1 >$online 2>/dev/null
	lock=$((lock + 1))
done
equal "the number of locks whose data is given up" $broken "$fragile"

for plant in $in_start $in_extension $in_entry; do
	begin "after faults at starts"
	echo 0 >$online
	test_faults plant $plant || fail "nothing planted"
	fails sh -c "echo 1 >$online"
	equal "the number of CPUs after a fault at start ($plant)" "$(cpus)" 1
	echo 1 >$online || fail "CPU 1 does not come back after a fault at its start ($plant)"
	equal "the number of CPUs after the next start ($plant)" "$(cpus)" 2
	end "at a start ($plant)"
done

for plant in $in_parting $in_ending; do
	begin "after faults at stops"
	test_faults plant $plant || fail "nothing planted"
	end "at a stop ($plant)"
done
hadal stop --unload >/dev/null || fail "no unload at the end"
