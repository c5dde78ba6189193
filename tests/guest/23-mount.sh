# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# Memory mounted as files is what it is; root alone may read it, and nothing is left afterwards.
. lib.sh

dir=/tmp/mount
mkdir -p $dir /var/cache # so that later mounts read little

mounted() {
	grep -q " $dir fuse.hadal " /proc/mounts
}

no_window() {
	! grep -q 'Hadal memory window' /proc/iomem
}

# gone WHAT: the daemon has ended, with the window.
gone() {
	wait_for 5 "the end of the window after $1" no_window
}

hadal mount $dir >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
mounted || fail "it is not mounted: $(cat /tmp/out)"
equal "the files" "$(echo $(ls $dir))" "System.map isf.json libvmi.conf memory.elf memory.lime memory.raw"

# The same bytes as hadal read has, where they do not change: in the kernel's image.
banner=0x$(sed -n 's/ . linux_banner$//p' /proc/kallsyms)
physical=$(hadal translate "$banner" | sed -n 's/.* is at physical \(0x[0-9a-f]*\) .*/\1/p')
for page in 0 1 7 300; do
	at=$((physical / 4096 + page))
	hadal read $((at * 4096)) 4096 -o /tmp/read >/dev/null
	dd if=$dir/memory.raw bs=4096 skip=$at count=1 2>/dev/null | cmp -s - /tmp/read ||
		fail "page $at differs from what hadal read has"
done
test_mount $dir/memory.raw >/tmp/out || fail "$(cat /tmp/out)"

test_dump <$dir/memory.elf >/tmp/out || fail "memory.elf: $(cat /tmp/out)"

# Bochs would take minutes to make these.
if ! is_slow; then
	hadal profile --system-map -o /tmp/System.map
	cmp $dir/System.map /tmp/System.map || fail "System.map differs"
	rm /tmp/System.map
	[ "$(stat -c %s $dir/isf.json)" -gt 1000000 ] || fail "isf.json: $(ls -l $dir/isf.json)"
	grep -q '"linux_banner"' $dir/isf.json || fail "isf.json lacks symbols"
fi
equal "the LiME header" "$(dd if=$dir/memory.lime bs=32 count=1 2>/dev/null | md5sum)" \
	"$(hadal dump --format lime - 2>/dev/null | dd bs=32 count=1 2>/dev/null | md5sum)"
grep -q "sysmap = \"$dir/System.map\"" $dir/libvmi.conf || fail "libvmi.conf: $(cat $dir/libvmi.conf)"
equal "the names LibVMI finds" "$(sed -n 's/ {$//p' $dir/libvmi.conf | xargs)" "dom0 memory.raw"

equal "the modes" "$(stat -c %a $dir/memory.raw $dir)" "400
500"
su -s /bin/sh nobody -c "ls $dir" >/tmp/out 2>&1 && fail "everybody may look into it"
su -s /bin/sh nobody -c "cat $dir/memory.elf" >/tmp/out 2>&1 && fail "everybody may read it"
grep -q 'Permission denied' /tmp/out || fail "nobody is told: $(cat /tmp/out)"

fails hadal stop
grep -q 'window is open' /tmp/fails.out || fail "stop says: $(cat /tmp/fails.out)"
umount $dir || fail "it cannot be unmounted"
gone umount

# By a signal, in the foreground, and with shared mappings.
hadal mount --foreground --cached $dir >/tmp/out 2>&1 &
wait_for 10 "the mount in the foreground" mounted
test_mount $dir/memory.raw shared >/tmp/out || fail "--cached: $(cat /tmp/out)"
kill -TERM $!
wait $! || fail "SIGTERM: status $?"
mounted && fail "SIGTERM leaves the mount"

# Of what kill -9 leaves, nothing holds memory.
hadal mount $dir >/tmp/out 2>&1 || fail "a second time: $(cat /tmp/out)"
grep -q 'Hadal memory window' /proc/iomem || fail "it is mounted without the window"
kill -9 "$(pidof hadal)"
gone "kill -9"
fails hadal mount $dir
grep -q umount /tmp/fails.out || fail "over a dead mount: $(cat /tmp/fails.out)"
umount $dir || fail "a dead mount cannot be unmounted"

fails hadal mount /tmp/nowhere
hadal stop >/dev/null || fail "Hadal does not stop"
fails hadal mount $dir
grep -q 'sudo hadal start' /tmp/fails.out || fail "without Hadal: $(cat /tmp/fails.out)"

# An image needs no Hadal.
printf 'Memory that was' | dd of=/tmp/image bs=1M seek=3 2>/dev/null
hadal mount --image /tmp/image $dir >/tmp/out 2>&1 || fail "an image: $(cat /tmp/out)"
cmp /tmp/image $dir/memory.raw || fail "an image mounted is another"
equal "the LiME file's size" "$(stat -c %s $dir/memory.lime)" $(($(stat -c %s /tmp/image) + 32))
umount $dir || fail "it cannot be unmounted"
rm /tmp/image
hadal start >/dev/null
