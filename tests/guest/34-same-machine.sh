# SPDX-License-Identifier: MIT
# hadal: off
# timeout: 400
# The machine is the same one before, under and after Hadal, but for what docs/security.md lists.
. lib.sh

# In Bochs all of it does not come to an end in 400 s of the guest's time.
few=
least=5000
is_slow && few=few least=500

# machine FILE: all that is compared, of ring 3 and of ring 0, on both CPUs.
machine() {
	for cpu in 0 1; do
		test_same_user $cpu $few | sed "s/^/cpu$cpu /"
		test_same_msrs $cpu $few | sed "s/^/cpu$cpu /"
	done >$1
	grep -v 'cpu MHz' /proc/cpuinfo >>$1
	cat /proc/iomem /proc/ioports /proc/mtrr >>$1
}

# by_design FILE: without the MSRs that say that VT-x or SVM is locked off, and SVM in use.
by_design() {
	grep -vE 'msr (0000003a|c0000080|c0010114|c0010117):' $1
}

[ -e /dev/hadal ] || { hadal start && hadal stop; } >/dev/null || fail "Hadal does not start"
machine /tmp/before
lines=$(wc -l </tmp/before)
[ "$lines" -gt $least ] || fail "only $lines lines: something ended early"
hadal start >/dev/null || fail "Hadal does not start"
machine /tmp/under
hadal stop >/dev/null || fail "Hadal does not stop"
machine /tmp/after
for state in before under after; do
	by_design /tmp/$state >/tmp/$state.compared
done
diff /tmp/before /tmp/after || fail "the machine is another one after Hadal"
diff /tmp/before.compared /tmp/under.compared || fail "the machine is another one under Hadal"
grep -q 'cpu0 out after ioperm: signal 5' /tmp/under || fail "no port can be used after ioperm"
grep -q 'cpu0 opcode 0f 01 d8: signal 4' /tmp/under || fail "VMRUN raises no #UD"
diff /tmp/before /tmp/under | grep -q '^[-+]cpu0 msr' ||
	fail "no MSR differs: VT-x and SVM are not hidden, or none was read"
