# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# Who leaves Hadal, and when: no CPU alone by a call for all, a trial by itself, the module never first.
. lib.sh

[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
equal "a stop that one of two CPUs asks for" "$(test_stop 0)" -11
equal "a stop of an unknown kind" "$(test_stop 7)" -22
test_hidden >/dev/null || fail "memory is no longer hidden after a stop that did not happen"
hadal regs -c 1 >/dev/null && hadal regs -c 0 >/dev/null || fail "a CPU has left"
fails rmmod hadal
hadal status >/dev/null || fail "Hadal went with its module, which stayed"

fails hadal keep
hadal stop >/dev/null || fail "no stop"
fails hadal keep
fails hadal start --lock --trial 5
hadal start --trial 4 | grep -q 'hadal keep' || fail "a start on trial does not say how to keep it"
hadal status | grep -q 'on trial' || fail "the status tells of no trial"
for i in $(seq 30); do
	hadal status >/dev/null || break
	sleep 1
done
hadal status >/dev/null && fail "a trial that nobody confirmed did not end"
dmesg | grep -q 'nobody confirmed the trial' || fail "the kernel's log does not say why Hadal left"

# Confirmed, it stays; stopped before its time, a trial takes nothing with it.
hadal start --trial 6 >/dev/null && hadal keep >/dev/null || fail "a trial cannot be confirmed"
fails hadal keep
sleep 8
hadal status >/dev/null || fail "a confirmed trial ended"
hadal stop >/dev/null && hadal start --trial 4 >/dev/null && hadal stop >/dev/null && hadal start >/dev/null ||
	fail "a trial cannot be stopped"
sleep 6
hadal status >/dev/null || fail "the end of an old trial took Hadal away"

# Locked it wants all CPUs, and says which is missing.
hadal stop >/dev/null
echo 0 >/sys/devices/system/cpu/cpu1/online
fails hadal start --lock
grep -q 'CPU 1 is offline' /tmp/fails.out || fail "not said which CPU is missing: $(cat /tmp/fails.out)"
echo 1 >/sys/devices/system/cpu/cpu1/online
hadal start >/dev/null || fail "no start"

# A check starts nothing, and judges as a start does.
fails hadal check
grep -q 'running already' /tmp/fails.out || fail "a check of a machine under Hadal says: $(cat /tmp/fails.out)"
hadal stop >/dev/null
hadal check >/tmp/check || fail "a check refuses a machine on which Hadal runs"
equal "the CPUs that the image checked" "$(grep -c 'image *cpu[01]: could start' /tmp/check)" 2
grep -Eq 'image .*(VT-x|SVM) has' /tmp/check || fail "a check does not tell what the processor has"
hadal check --json | grep -q '"can_start": *true' || fail "a check as JSON"
hadal status >/dev/null && fail "a check started Hadal"
hadal start >/dev/null || fail "no start after a check"
