# SPDX-License-Identifier: MIT
# hadal: on
# The device's calls, right and wrong.
. lib.sh

test_device || fail "test_device: see above"
hadal status >/dev/null || fail "Hadal does not run any more"
