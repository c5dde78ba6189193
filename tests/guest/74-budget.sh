# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# What subscriptions cost is counted; one that costs too much is sampled and turned off.
. lib.sh

[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
test_budget || fail "test_budget: see above"
hadal status >/dev/null || fail "Hadal does not run any more"
