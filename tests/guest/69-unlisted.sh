# hadal: on
# timeout: 200
# SPDX-License-Identifier: MIT
# A process that was taken out of the kernel's list or its PID table is found, and no other seems so.
. lib.sh

test_unlisted >/tmp/out || fail "$(tail -n 1 /tmp/out)"
test_unlisted load 6 >/tmp/out || fail "$(tail -n 1 /tmp/out)"
cat /tmp/out
