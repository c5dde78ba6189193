#!/bin/bash
# SPDX-License-Identifier: MIT
# NMIs all the time while Hadal starts and stops, on one CPU. With two, an NMI that exits right behind an
# exception finds Bochs 3.0 in between: docs/status.md.
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
	hadal log | tail -n 1 | grep -q stopped || fail "the log cannot be read after a stop"'
