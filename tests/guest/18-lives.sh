# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# CPUs go and come while subscriptions are there: no event is lost and none made up.
. lib.sh

test_lives hotplug || fail "test_lives: see above"
hadal status >/dev/null || fail "Hadal does not run any more"
