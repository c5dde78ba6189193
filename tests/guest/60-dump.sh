# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# Dumps of this machine agree with what its kernel says, and an interrupted one leaves nothing.
. lib.sh

# Bochs would take minutes for all of it; it also has the dump that loses its reader.
if grep -q GenuineIntel /proc/cpuinfo; then
	hadal dump - 2>/tmp/err | test_dump head >/tmp/out || fail "$(cat /tmp/out /tmp/err)"
	grep -q 'Broken pipe' /tmp/err || fail "a dump without a reader says: $(cat /tmp/err)"
else
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
hadal dump --format raw /dev/full >/dev/null 2>/tmp/err && fail "/dev/full took a dump"
grep -q 'No space left' /tmp/err || fail "the error is: $(cat /tmp/err)"
rm -r /tmp/dumps
