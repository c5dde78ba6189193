# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# What LibVMI's driver asks for, by a program that was let in.
. lib.sh

hadal exec -- test_libvmi || fail "test_libvmi: see above"
[ "$(hadal clients | wc -l)" = 1 ] || fail "a client is left: $(hadal clients)"
