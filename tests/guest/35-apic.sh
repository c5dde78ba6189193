# SPDX-License-Identifier: MIT
# hadal: on
# The system moves its local APIC; not in QEMU, whose APIC stays where it is.
. lib.sh

need_module hadal_test
moves=
grep -q GenuineIntel /proc/cpuinfo && moves=moves
timeout 100 test_apic $moves || fail "test_apic: see above"
hadal log | grep "does not answer" && fail "a kick got lost"
exit 0
