# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# An introspector that speaks KVMI is served, whatever it sends; events wait for its answers.
. lib.sh

[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
test_kvmi || fail "test_kvmi: see above"
test_kvmi_events || fail "test_kvmi_events: see above"
test_kvmi_views || fail "test_kvmi_views: see above"
test_kvmi_holds || fail "test_kvmi_holds: see above"
test_kvmi_steps || fail "test_kvmi_steps: see above"
fails hadal kvmi
fails hadal kvmi --socket /tmp/no-such-socket
fails hadal kvmi --deadline 1001 --socket /tmp/no-such-socket
hadal status >/dev/null || fail "Hadal does not run any more"
