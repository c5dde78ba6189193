# SPDX-License-Identifier: MIT
# An unprivileged program sees the same processor with Hadal and without.
. lib.sh

hadal stop >/dev/null 2>&1
test_native >/tmp/without || fail "test_native does not run without Hadal"
hadal start >/dev/null || fail "Hadal does not start"
test_native >/tmp/with || fail "test_native does not run with Hadal"
diff /tmp/without /tmp/with || fail "an unprivileged program can tell: see above"
grep -q 'vmcall: 1 signals, signal 4, at the instruction: 1' /tmp/with || fail "vmcall: no SIGILL"
grep -q 'vmmcall: 1 signals, signal 4, at the instruction: 1' /tmp/with || fail "vmmcall: no SIGILL"
grep -q 'traced child: exited 1, status 7' /tmp/with || fail "the traced child did not end well"
[ "$(grep -c 'step at' /tmp/with)" = 10 ] || fail "not ten steps through ten instructions"
