# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# What is said is whole, marked as cut, or fails with what is missing.
. lib.sh

# says STATUS WHAT COMMAND...: ends with the status and says that on its standard error
says() {
	says_status=$1
	says_what=$2
	shift 2
	"$@" >/tmp/said.out 2>/tmp/said
	equal "the status of '$*' ($(cat /tmp/said))" $? "$says_status"
	grep -q -F -- "$says_what" /tmp/said || fail "'$*' says: $(cat /tmp/said)"
}

# An address in a module is its symbol's, and one that belongs to nothing is no symbol's.
set -- $(grep -m 1 ' t .*\[hadal\]$' /proc/kallsyms)
address=0x$1 name=$3
hadal symbols --json "$address" >/tmp/out || fail "the address of $name is not known"
equal "the module of $name" "$(field module /tmp/out)" hadal
equal "the address of $name" "$(field address /tmp/out)" "$(printf '0x%x' $address)"
hadal symbols "$name" | grep -q -F "$1 t $name	[hadal]" || fail "$name: $(hadal symbols "$name")"
end=$(sed -n 's/^\([0-9a-f]*\) . _etext$/\1/p' /proc/kallsyms)
hadal symbols "0x$end" >/dev/null || fail "nothing is at _etext"
for address in 0x400000 0xffffc90000000000 $(printf '0x%x' $((0x$end + 1))); do
	says 1 "$address belongs to no symbol" hadal symbols "$address"
done

# A file whose path is longer than any that /proc shows is listed all the same. Only -P goes there.
mkdir /tmp/far && mount -t tmpfs far /tmp/far && cd /tmp/far || fail "no directory"
part=$(printf 'd%.0s' $(seq 200))
depth=0
while [ $depth -lt 25 ]; do
	mkdir $part && cd -P $part || fail "no directory at depth $depth"
	depth=$((depth + 1))
done
sleep 1000 9>file &
sleeper=$!
cd /
wait_for 30 "the file" test -e /proc/$sleeper/fd/9
readlink /proc/$sleeper/fd/9 && fail "the path is not too long"
hadal files --json $sleeper >/tmp/out 2>/tmp/err || fail "files fails: $(cat /tmp/err)"
equal "the mark of a path that is cut" "$(field path_cut /tmp/out fd=9)" true
path=$(field path /tmp/out fd=9)
case $path in
.../$part/$part/*/$part/file) ;;
*) fail "the path is $path" ;;
esac
[ ${#path} -gt 3900 ] || fail "no more than ${#path} bytes of the path are left"
equal "a path that is not cut" "$(field path_cut /tmp/out use=root)" ""
kill $sleeper
wait $sleeper
umount /tmp/far && rmdir /tmp/far || fail "the far directory stays"

# What an image does not have of the physical memory that is asked for.
head -c 65536 /dev/zero >/tmp/image
printf found | dd of=/tmp/image bs=1 seek=4096 conv=notrunc 2>/dev/null
hadal find --physical --image /tmp/image --length 0x10000 --text found >/tmp/out 2>/tmp/err ||
	fail "find in a whole image: $(cat /tmp/err)"
equal "the place" "$(cut -d ' ' -f 1 /tmp/out)" 0x0000000000001000
says 1 'memory 0x10000 to 0x1ffff is not in this image' \
	hadal find --physical --image /tmp/image --length 0x20000 --text found
grep -q 0x0000000000001000 /tmp/said.out || fail "what is there is not found: $(cat /tmp/said.out)"
says 1 'memory 0x10000 to 0x1ffff is not in this image' \
	hadal strings --physical --image /tmp/image --start 0x8000 --end 0x20000

# What is no image of memory is named.
gzip -c /proc/version >/tmp/image
says 1 'is compressed with gzip' hadal ps --image /tmp/image
says 1 'a program, a library or an object' hadal ps --image /bin/busybox
says 1 'is a damaged ELF file' sh -c 'printf "\177ELF" >/tmp/image; exec hadal ps --image /tmp/image'
printf 'AVML\002\000\000\000' >/tmp/image
says 1 'no AVML header' hadal ps --image /tmp/image
rm /tmp/image
