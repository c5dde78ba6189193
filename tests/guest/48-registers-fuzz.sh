# SPDX-License-Identifier: MIT
# timeout: 600
# Random registers: whatever is set, the processor enters the guest, or nothing has changed.
. lib.sh

hadal stop --unload >/dev/null 2>&1
need_module hadal_test
need_module hadal_examples
hadal start >/dev/null || fail "the examples' image does not start"
test_fuzz_regs "${COUNT:-500}" || { hadal log | tail -n 40; fail "test_fuzz_regs: see above"; }
hadal log | grep -q 'the registers that were set last are as before' || fail "nothing was undone"
hadal stop --unload >/dev/null || fail "no stop afterwards"
