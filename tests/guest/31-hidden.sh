# SPDX-License-Identifier: MIT
# hadal: on
# The hypervisor's memory reads as zeros from the system above it.
. lib.sh

test_hidden || fail "hidden memory: see above"
