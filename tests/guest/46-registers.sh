# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# CPUs are paused and their registers set; what the processor would refuse changes nothing.
. lib.sh

need_module hadal_test
test_pause || fail "test_pause: see above"
hadal log | grep -q 'cpu1 was paused for as long as allowed' || fail "the log does not tell of the limit"
test_pause hold >/tmp/hold &
holder=$!
wait_for 60 "a CPU that is held" grep -q holds /tmp/hold
hadal stop >/dev/null || fail "no stop while a CPU is paused"
kill -9 $holder
hadal start >/dev/null || fail "no start after that"
