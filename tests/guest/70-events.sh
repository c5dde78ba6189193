# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 1500
# Events are told as often as they happen, with the right values; nothing is left behind.
. lib.sh

[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
test_events || fail "test_events: see above"
test_views || fail "test_views: see above"
hadal status >/dev/null || fail "Hadal does not run any more"
