# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 240
# An introspector that speaks KVMI is served, whatever it sends.
. lib.sh

test_kvmi || fail "test_kvmi: see above"
fails hadal kvmi
fails hadal kvmi --socket /tmp/no-such-socket
hadal status >/dev/null || fail "Hadal does not run any more"
