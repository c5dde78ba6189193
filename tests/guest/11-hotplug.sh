# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# CPUs that go and come leave Hadal and enter it.
. lib.sh

online=/sys/devices/system/cpu/cpu1/online

cpus() {
	hadal status --json | field cpu_running -
}

for i in 1 2 3 4 5; do
	equal "the number of CPUs under Hadal, round $i" "$(cpus)" 2
	echo 0 >$online || fail "CPU 1 does not go offline"
	equal "the number of CPUs under Hadal without CPU 1, round $i" "$(cpus)" 1
	fails hadal regs -c 1
	echo 1 >$online || fail "CPU 1 does not come back"
	hadal regs -c 1 >/dev/null || fail "CPU 1 is back but not under Hadal"
done
# Start with a CPU missing; it joins when it comes.
echo 0 >$online
hadal stop >/dev/null && hadal start >/dev/null || fail "no stop and start with one CPU"
equal "the number of CPUs under Hadal after a start on one" "$(cpus)" 1
echo 1 >$online
equal "the number of CPUs under Hadal when the other came" "$(cpus)" 2
