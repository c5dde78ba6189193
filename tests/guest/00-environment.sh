# SPDX-License-Identifier: MIT
# The guest is what all other tests take for granted: two CPUs with hardware virtualisation, a
# kernel at a random place, and nothing of Hadal before it is started.
. lib.sh

equal "the list of online CPUs" "$(cat /sys/devices/system/cpu/online)" 0-1
grep -q -E '^flags.* (svm|vmx)( |$)' /proc/cpuinfo || fail "no svm or vmx in /proc/cpuinfo"
grep -q -w nokaslr /proc/cmdline && fail "KASLR is off"
base=$(sed -n '/ T _text$/{s/ .*//p;q}' /proc/kallsyms)
[ -n "$base" ] || fail "the kernel does not show where it is"
[ "$base" != ffffffff81000000 ] || fail "the kernel is not at a random place"
