# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 900
# Programs that end, fork, or lose their pages to the kernel's memory management while these show
# others: nothing else changes. SECONDS_OF_MOVES of the environment is how long pages are mapped and moved.
. lib.sh

hadal exec -- test_libvmi_hazards "${SECONDS_OF_MOVES:-5}" || fail "test_libvmi_hazards: see above"
[ "$(hadal clients | wc -l)" = 1 ] || fail "a client is left: $(hadal clients)"
hadal stop >/dev/null || fail "Hadal does not stop"
