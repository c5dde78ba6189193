# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 1500
# Events are told as often as they happen, with the right values; nothing is left behind.
. lib.sh

[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
for program in test_events test_events_memory test_events_break test_events_asked test_events_ring test_views; do
	$program || fail "$program: see above"
done
hadal status >/dev/null || fail "Hadal does not run any more"
