# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# Dumps of this machine agree with what its kernel says, and an interrupted one leaves nothing.
. lib.sh

# The reader of this one leaves early.
hadal dump - 2>/tmp/err | test_dump head >/tmp/out || fail "$(cat /tmp/out /tmp/err)"
grep -q 'Broken pipe' /tmp/err || fail "a dump without a reader says: $(cat /tmp/err)"

# Bochs would take minutes for all of it.
if ! is_slow; then
	hadal dump - 2>/tmp/err | test_dump >/tmp/out || fail "$(cat /tmp/out /tmp/err)"
	[ ! -s /tmp/err ] || fail "dump says: $(cat /tmp/err)"
fi

# LiME: magic, version and the first and last address of the first range.
first=$(sed -n '/^[^ ].*: System RAM/{s/ :.*//p;q}' /proc/iomem)
expected=$(printf '4c694d45 00000001 %08x' $((0x${first%-*} + 4095 & ~4095)))
got=$(hadal dump --format lime - 2>/dev/null | od -A n -t x4 -N 12 | sed 's/^ *//')
equal "the LiME header" "$got" "$expected"

mkdir -p /tmp/dumps

# interrupted SIGNAL: 0.3 s after it has begun. Compressed, for the dump must fit into the memory it is of.
interrupted() {
	timeout -s "$1" 0.3 hadal dump --zstd /tmp/dumps/memory >/dev/null 2>&1
	status=$?
	[ $status -gt 128 ] || fail "a dump that got SIG$1 ended with $status"
}

for signal in INT TERM HUP KILL; do
	interrupted $signal
	equal "what SIG$signal leaves" "$(ls -A /tmp/dumps)" ""
done
echo kept >/tmp/dumps/memory
interrupted INT
equal "the file that an interrupted dump would replace" "$(cat /tmp/dumps/memory)" kept
rm /tmp/dumps/memory
hadal dump --format raw /dev/full >/dev/null 2>/tmp/err && fail "/dev/full took a dump"
grep -q 'No space left' /tmp/err || fail "the error is: $(cat /tmp/err)"

# An image with little in it: its zeros become holes, and a full disk keeps nothing of it.
{ echo this is no ELF file; cat /bin/busybox; } >/tmp/image
truncate -s 32M /tmp/image
hadal dump --format raw --image /tmp/image /tmp/dumps/memory >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
cmp /tmp/image /tmp/dumps/memory || fail "the dump of an image is another"
used=$(du -k /tmp/dumps/memory | cut -f 1)
[ "$used" -lt 4096 ] || fail "32 MiB of almost only zeros take $used KiB"
rm /tmp/dumps/memory
mount -t tmpfs -o size=512k full /tmp/dumps
for how in "" --zstd; do
	fails hadal dump --format raw $how --image /tmp/image /tmp/dumps/memory
	grep -q 'No space left' /tmp/fails.out || fail "a full disk: $(cat /tmp/fails.out)"
	equal "what a full disk keeps" "$(ls -A /tmp/dumps)" ""
done
umount /tmp/dumps
rm -r /tmp/dumps /tmp/image
