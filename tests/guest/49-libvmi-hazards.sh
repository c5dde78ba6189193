# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 900
# While pages show others, programs end and fork, and the kernel moves memory: nothing else changes.
# TEST_SECONDS of the environment is how long pages are mapped and moved.
. lib.sh

hadal exec -- sleep 1000 &
is_client() {
	hadal clients | grep -q " $1 "
}
wait_for 30 "the client" is_client sleep
test_libvmi_hazards outsider || fail "a program that was not let in: see above"
kill $!
test_ram sh -c 'hadal exec -- test_libvmi_hazards && hadal exec -- test_libvmi_moves "$1"' \
	sh "${TEST_SECONDS:-3}" || fail "see above"
[ "$(hadal clients | wc -l)" = 1 ] || fail "a client is left: $(hadal clients)"
hadal stop >/dev/null || fail "Hadal does not stop"
