# SPDX-License-Identifier: MIT
# The example extensions count and answer, after a second start as after the first.
. lib.sh

hadal stop --unload >/dev/null 2>&1
[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
insmod /bin/hadal_examples.ko || fail "hadal_examples.ko cannot be loaded"
for start in first second; do
	hadal start >/dev/null || fail "the examples' image does not start"
	test_extensions || fail "test_extensions after the $start start: see above"
	hadal stop >/dev/null || fail "the examples' image does not stop"
done
hadal stop --unload >/dev/null
