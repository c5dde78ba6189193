#!/bin/sh
# SPDX-License-Identifier: MIT
#
# In a guest started by tests/tools/run: writes a dump to the disk, and behind it a tar of what
# the kernel says of itself and of the profiles.
# guest.sh MARK OFFSET: MARK is a word for the kernel's log, OFFSET of the tar in MiB
set -e
mark=$1
offset=$2
said=/tmp/said

# "PID NAME" of each process, names as the task has them (see tests/guest/62-lists.sh).
processes() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (\(.*\)) . .*/\1 \2/p' |
		sed 's,^\([0-9]* kworker/[^-+]*\)[-+].*,\1,' | sed 's/^\([0-9]* .\{15\}\).*/\1/'
}

address() {
	sed -n "/ $1\$/{s/ .*//p;q}" /proc/kallsyms
}

mkdir -p $said
hadal start >/dev/null
hadal profile -o $said/isf.json
hadal profile --system-map -o $said/System.map
hadal profile --libvmi=guest --sysmap /tmp/x -o $said/libvmi.conf

echo "$mark" >/dev/kmsg
hostname "host-$mark"
swappiness=$((0x$(echo "$mark" | cut -c 1-4) % 100))
echo $swappiness >/proc/sys/vm/swappiness
sleep 1000 &
# Kept from /proc, and from the lists below: what only the dump tells.
sleep 2000 &
hidden=$!
mkdir -p /tmp/empty
mount --bind /tmp/empty /proc/$hidden

cat >$said/facts <<FACTS
release $(uname -r)
hostname $(hostname)
mark $mark
cpus $(nproc)
hidden $hidden
swappiness $swappiness
pid_max $(cat /proc/sys/kernel/pid_max)
text $(address _text)
text_physical $(sed -n 's/^ *\([0-9a-f]*\)-.* : Kernel code$/\1/p' /proc/iomem)
init_task $(address init_task)
linux_banner $(address linux_banner)
page_offset_base $(address page_offset_base)
FACTS
cut -d ' ' -f 1,2 /proc/modules >$said/modules
cp /proc/version $said/version
processes >$said/before
hadal dump /dev/vda >/dev/null 2>&1
processes >$said/after
tar cz -C $said . | dd of=/dev/vda bs=1M seek="$offset" conv=notrunc 2>/dev/null
