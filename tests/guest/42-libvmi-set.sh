# SPDX-License-Identifier: MIT
# timeout: 600
# LibVMI's request to set registers; requests of the driver of 2018, which must be asked for.
. lib.sh

hadal start >/dev/null || fail "hadal start"
hadal exec -- test_libvmi_set || fail "test_libvmi_set: see above"
hadal exec -- test_dialect off || fail "without --dialect-2018: see above"
hadal stop >/dev/null || fail "hadal stop"
hadal start --dialect-2018 >/dev/null || fail "hadal start --dialect-2018"
hadal exec -- test_dialect on || fail "with --dialect-2018: see above"
hadal exec -- test_libvmi_set || fail "test_libvmi_set with --dialect-2018: see above"
if test_dialect on >/dev/null 2>&1; then fail "a program that was not let in is answered"; fi
hadal stop >/dev/null || fail "hadal stop"

hadal start >/dev/null || fail "hadal start"
hadal regs --cpu 1 --set DR0=0x1000,dr1=8192 || fail "hadal regs --set"
equal "DR0" "$(hadal regs -c 1 --json | field dr0 -)" 0x1000
hadal regs -c 1 -s dr0=0,dr1=0 || fail "hadal regs --set to 0"
fails hadal regs -c 1 -s dr0=1,cr8=16
grep -q 'would refuse the value of cr8' /tmp/fails.out || fail "no reason: $(cat /tmp/fails.out)"
equal "DR0 after a refusal" "$(hadal regs -c 1 --json | field dr0 -)" 0
for wrong in dr0 dr0= =1 dr0=1,dr0=2 nothing=1 fs=1 fs.bas=1 cs.selector=65536 dr0=x dr0=1, ''; do
	fails hadal regs -c 1 -s "$wrong"
done
fails hadal regs -s dr0=1
fails taskset 2 hadal regs -c 2 -s dr0=1
hadal stop >/dev/null || fail "hadal stop"
