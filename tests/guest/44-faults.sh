# SPDX-License-Identifier: MIT
# A fault inside the image costs the guest a #GP and nothing else.
. lib.sh

wait_for 30 "the end of the module" hadal stop --unload
need_module hadal_test
need_module hadal_examples
hadal start >/dev/null || fail "the examples' image does not start"
test_faults || { hadal log | tail -n 20; fail "test_faults: see above"; }
hadal log >/tmp/log
for fault in 'fault 14' 'fault 8' 'fault 13' 'fault 6'; do
	grep -q "$fault in the image" /tmp/log || fail "no '$fault' in the log"
done
hadal regs -c 1 >/dev/null || fail "no registers after the faults"
hadal stop --unload >/dev/null || fail "no stop after the faults"
