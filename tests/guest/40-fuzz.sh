# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# Random and mutated hypercalls and ioctls, more than 100,000 of them, change nothing that they
# should not: not the kernel, not Hadal, not memory beside their buffers.
. lib.sh

need_module hadal_test
test_fuzz 50000 || fail "test_fuzz: see above"
test_fuzz_ioctl 10000 || fail "test_fuzz_ioctl: see above"
hadal status >/dev/null || fail "Hadal does not run any more"
