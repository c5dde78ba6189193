# SPDX-License-Identifier: MIT
# The example extensions count and answer, after a second start as after the first. Their image is
# built with a barrier behind each exit.
. lib.sh

hadal stop --unload >/dev/null 2>&1
need_module hadal_test
need_module hadal_examples
for start in first second; do
	hadal start >/dev/null || fail "the examples' image does not start"
	test_extensions || fail "test_extensions after the $start start: see above"
	hadal log | grep -q "barriers keep programs from steering" || fail "the image was built without barriers"
	hadal stop >/dev/null || fail "the examples' image does not stop"
done
hadal stop --unload >/dev/null
