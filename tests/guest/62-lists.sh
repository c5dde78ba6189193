# hadal: on
# timeout: 600
# SPDX-License-Identifier: MIT
# What is read from below agrees with what the kernel itself says: base, symbols, modules and
# processes, also with one hidden from /proc and one with an odd name.
. lib.sh

# What a worker works on changes all the time.
without_work() {
	sed 's,^\([0-9]* kworker/[^-+]*\)[-+].*,\1,' | sort
}
# "PID NAME" of each process of /proc
kernel_names() {
	cat /proc/[0-9]*/stat 2>/dev/null | grep -a -v '^[0-9]* (odd' |
		sed -n 's/^\([0-9]*\) (\(.*\)) . .*/\1 \2/p' | sort
}
kernel_processes() {
	kernel_names | without_work
}
# What rescues a work queue has its name, of which this kernel shows 15 bytes alone.
processes_below() {
	hadal ps --json >/tmp/ps.json || fail "hadal ps: $(cat /tmp/ps.json)"
	field 'pid name' /tmp/ps.json | without_work | awk '
		NR == FNR { shown[$0]; next }
		!($0 in shown) { cut = substr($0, 1, length($1) + 16); if (cut in shown) $0 = cut }
		{ print }' /tmp/before - | sort
}

base=$(sed -n '/ T _text$/{s/ .*//p;q}' /proc/kallsyms)
hadal symbols --info >/tmp/kernel || fail "hadal symbols --info does not find the kernel"
grep -q "^base  *0x$base$" /tmp/kernel || fail "base 0x$base, but: $(cat /tmp/kernel)"
grep -q -F "$(cat /proc/version)" /tmp/kernel || fail "the version differs: $(cat /tmp/kernel)"

# Symbols of the kernel and its modules, but not of what is made while it runs, such as BPF programs.
hadal symbols 2>/tmp/err | sort >/tmp/symbols.below
[ ! -s /tmp/err ] || fail "symbols says: $(cat /tmp/err)"
grep -v -E '\[(bpf|__builtin__.*)\]$' /proc/kallsyms | sort >/tmp/symbols.kernel
grep -q '\[hadal\]$' /tmp/symbols.kernel || fail "/proc/kallsyms has no symbols of modules"
[ "$(wc -l </tmp/symbols.kernel)" -gt 50000 ] || fail "/proc/kallsyms is short"
cmp -s /tmp/symbols.below /tmp/symbols.kernel ||
	fail "symbols differ: $(diff /tmp/symbols.below /tmp/symbols.kernel | head -n 5)"

modules=$(cut -d ' ' -f 1,2 /proc/modules | sort)
equal "the list of modules" "$(hadal modules | awk 'NR > 1 { print $1, $2 }' | sort)" "$modules"

sleep 1000 &
hidden=$!
odd='/tmp/odd) R 1 ("'
printf '#!/bin/sh\nread never </tmp/fifo\n' >"$odd"
chmod +x "$odd"
mkfifo /tmp/fifo
"$odd" &
named=$!
mkdir -p /tmp/empty
mount --bind /tmp/empty /proc/$hidden || fail "cannot hide a process"
[ -e /proc/$hidden/stat ] && fail "the process is not hidden"

round=1
while [ $round -le 3 ]; do
	# Only processes that live while both lists are taken can be compared.
	kernel_processes >/tmp/before
	processes_below >/tmp/below
	kernel_processes >/tmp/after
	grep -F -x -f /tmp/before /tmp/after >/tmp/both
	[ "$(wc -l </tmp/both)" -gt 20 ] || fail "/proc shows few processes: $(cat /tmp/both)"
	grep -F -x -v -f /tmp/below /tmp/both >/tmp/missing
	[ ! -s /tmp/missing ] || fail "not seen from below: $(cat /tmp/missing)"
	grep -q "^$hidden sleep$" /tmp/below || fail "the hidden process is not seen from below"
	# And nothing that is not there: no more than came and went meanwhile.
	grep -F -x -v -f /tmp/before /tmp/below | grep -F -x -v -f /tmp/after |
		grep -v -E "^$hidden |^$named | hadal$| sh$| sed$| sort$" >/tmp/invented
	[ ! -s /tmp/invented ] || fail "seen from below only: $(cat /tmp/invented)"
	round=$((round + 1))
done
# Workers are named with their work queue; some stay as they are while they are looked at.
round=1
until [ -n "$same" ]; do
	[ $round -le 20 ] || fail "names of workers differ: $(grep kworker /tmp/below | diff - /tmp/before)"
	kernel_names | grep 'kworker/.*[-+]' >/tmp/before
	hadal ps --json >/tmp/ps.json
	field 'pid name' /tmp/ps.json | sort >/tmp/below
	kernel_names | grep -F -x -f /tmp/before >/tmp/both
	[ -s /tmp/both ] && ! grep -F -x -v -q -f /tmp/below /tmp/both && same=$(wc -l </tmp/both)
	round=$((round + 1))
done
grep -q ' rcu_tasks_[a-z_]*kthread$' /tmp/below || fail "a long name is cut: $(grep rcu_tasks /tmp/below)"
equal "the odd name" "$(field name /tmp/ps.json pid=$named)" 'odd) R 1 ("'
umount /proc/$hidden
kill $hidden $named
