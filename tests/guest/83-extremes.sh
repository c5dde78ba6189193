# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# Every list has what /proc has, byte for byte, among hostile names, deep paths, full tables and
# largest values.
. lib.sh

slow=
is_slow && slow=slow
test_lists $slow >/tmp/out 2>&1
status=$?
rm -r /tmp/extremes
[ $status -eq 0 ] || fail "$(cat /tmp/out)"
