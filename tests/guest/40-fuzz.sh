# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 900
# Random and mutated hypercalls and ioctls, more than 100,000 of them, change nothing that they
# should not: not the kernel, not Hadal, not memory beside their buffers. Nor do random subscriptions
# to events, beside which known ones count exactly.
. lib.sh

need_module hadal_test
test_fuzz 50000 || fail "test_fuzz: see above"
test_fuzz_ioctl 10000 || fail "test_fuzz_ioctl: see above"
if is_slow; then calls=300; else calls=3000; fi
test_fuzz_event_calls $calls || fail "test_fuzz_event_calls: see above"
# Not in Bochs, where it fails: docs/status.md tells what was seen.
is_slow || test_fuzz_events 30 || fail "test_fuzz_events: see above"
hadal status >/dev/null || fail "Hadal does not run any more"
