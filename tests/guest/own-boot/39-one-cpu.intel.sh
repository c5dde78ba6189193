#!/bin/bash
# SPDX-License-Identifier: MIT
# What exits right behind an exception, on one CPU, for with two Bochs 3.0 is found in between
# (docs/status.md): NMIs all the time while Hadal starts and stops, and fetches of the kernel's entry.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck disable=SC2016
scripts/guest run --cpu "$CPU" --smp 1 --timeout 120 -- sh -c '
	fail() { echo "$*"; exit 1; }
	nmis() { awk "\$1 == \"NMI:\" { print \$2 }" /proc/interrupts; }
	insmod /bin/hadal_test.ko
	before=$(nmis)
	test_storm 2000 sh -c "
		for round in \$(seq 40); do
			hadal start >/dev/null && hadal stop >/dev/null || { echo round \$round; exit 1; }
		done" || fail "start and stop while NMIs come"
	[ $(($(nmis) - before)) -ge 200 ] || fail "too few NMIs came: nothing was tested"
	dmesg | grep -E "Uhhuh|Dazed|unknown NMI" && fail "an NMI that nobody sent"
	hadal log | tail -n 1 | grep -q stopped || fail "the log cannot be read after a stop"
	hadal start >/dev/null
	while :; do ls /proc/self/fd >/dev/null; done &
	work=$!
	hadal watch -x entry_SYSCALL_64 --count 3000 >/tmp/out 2>/tmp/err || fail "watch: $(cat /tmp/err)"
	kill $work
	[ "$(wc -l </tmp/out)" = 3001 ] || fail "$(wc -l </tmp/out) lines"
	grep -q "entry_SYSCALL_64 .*execute at entry_SYSCALL_64$" /tmp/out || fail "the entry was not told"
	hadal stop >/dev/null || fail "no stop after a watch"'
