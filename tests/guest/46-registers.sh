# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# CPUs are paused and their registers set; what the processor would refuse changes nothing.
. lib.sh

[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
test_pause || fail "test_pause: see above"
hadal log | grep -q 'cpu1 was paused for as long as allowed' || fail "the log does not tell of the limit"
test_pause hold >/tmp/hold &
holder=$!
until grep -q holds /tmp/hold; do sleep 0.1; done
hadal stop >/dev/null || fail "no stop while a CPU is paused"
kill -9 $holder
hadal start >/dev/null || fail "no start after that"
