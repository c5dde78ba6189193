# SPDX-License-Identifier: MIT
# The guest is what all other tests take for granted: two CPUs with hardware virtualisation, a
# kernel at a random place, and nothing of Hadal before it is started.
. lib.sh

equal "the list of online CPUs" "$(cat /sys/devices/system/cpu/online)" 0-1
grep -q -E '^flags.* (svm|vmx)( |$)' /proc/cpuinfo || fail "no svm or vmx in /proc/cpuinfo"
grep -q -w nokaslr /proc/cmdline && fail "KASLR is off"
# The kernel says in its boot parameters that it chose its place (KASLR_FLAG of loadflags); by chance
# that may be where it is linked to.
flags=$(od -A n -t u1 -j 529 -N 1 /sys/kernel/boot_params/data) || fail "the kernel shows no boot parameters"
[ $((flags & 2)) = 2 ] || fail "the kernel is not at a random place"
