#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guest.sh amd|intel PART...: measures in a guest that bench/run has started; prints lines
# "SECTION NAME NUMBER...", or stops with an error.
set -e
here=/bench
release=$(uname -r)
module=/lib/modules/$release/hadal.ko

# section NAME COMMAND...: every line of the command's output, after the section's name
section() {
	name=$1
	shift
	"$@" >/tmp/section 2>/tmp/errors || { cat /tmp/errors; exit 1; }
	sed "s/^/$name /" /tmp/section
}

# instructions SECTION: single instructions in ring 0
instructions() {
	section "$1" cat /proc/hadal_bench
}

# with_image MODULE: loads Hadal as this module has it, and starts it
with_image() {
	insmod "$1"
	hadal start >/dev/null
}

without_image() {
	hadal stop >/dev/null
	rmmod hadal
}

part_native() {
	instructions native
}

part_hadal() {
	with_image "$module"
	instructions hadal
	section hadal $here/bench_read
	section hadal $here/bench_events
	section hadal $here/bench_window
	mkdir -p /var/cache
	rm -rf /var/cache/hadal
	section hadal $here/bench_ps
	section hadal hadal exec -- $here/bench_libvmi
	without_image
}

# On a machine of two CPUs.
part_others() {
	with_image "$module"
	section hadal hadal exec -- $here/bench_libvmi others
	without_image
}

# On a machine of several CPUs, all but one with nothing to do.
part_idle() {
	with_image "$module"
	section hadal hadal exec -- $here/bench_libvmi idle
	without_image
}

# Medians of the setup, and of the time that the CPU stands still.
part_start() {
	insmod "$module"
	insmod $here/hadal_bench_start.ko
	: >/tmp/starts
	for round in 1 2 3 4 5 6 7; do
		hadal start >/dev/null
		cat /proc/hadal_bench_start >>/tmp/starts
		hadal stop >/dev/null
	done
	echo "hadal start $(median 1) $(median 2)"
	rmmod hadal_bench_start
	rmmod hadal
}

median() {
	cut -d' ' -f"$1" /tmp/starts | sort -n | sed -n 4p
}

# Without, with and without again: the two without tell how far the same work differs from itself.
part_workload() {
	section native $here/bench_workload
	with_image "$module"
	section hadal $here/bench_workload
	without_image
	section after $here/bench_workload
}

part_dump() {
	with_image "$module"
	section hadal $here/bench_dump
	without_image
}

part_images() {
	for image in $here/image-*.ko; do
		with_image "$image"
		instructions "$(basename "$image" .ko)"
		without_image
	done
}

# Before anything else is loaded.
part_boot() {
	section first $here/bench_boot
}

part_kvm() {
	section kvm $here/bench_kvm "$vendor"
}

vendor=$1
shift
[ "$1" = boot ] || insmod $here/hadal_bench.ko
for part in "$@"; do
	part_"$part"
done
