# SPDX-License-Identifier: MIT
# hadal: on
# Every hypercall from ring 0, with each of its errors.
. lib.sh

need_module hadal_test
test_hypercalls || fail "test_hypercalls: see above"
test_hypercalls_memory || fail "test_hypercalls_memory: see above"
hadal status | grep -q 'running' || fail "Hadal does not run any more: $(hadal status)"
