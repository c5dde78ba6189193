# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# Types, text and variables of a module, as sysfs and /proc/kallsyms have them.
. lib.sh

need_module fuse 2>/dev/null || modprobe fuse 2>/dev/null || fail "no module fuse"
[ -r /sys/kernel/btf/fuse ] || fail "the kernel keeps no types of fuse"

hadal types fuse_conn >/tmp/out || fail "no struct fuse_conn"
equal "whose it is" "$(head -n 1 /tmp/out)" "/* fuse */"
grep -q 'struct list_head *entry; ' /tmp/out || fail "a type of the kernel's in it: $(cat /tmp/out)"
hadal types fuse:fuse_conn | cmp -s - /tmp/out || fail "fuse:fuse_conn differs"
hadal types --json fuse:fuse_conn >/tmp/json
size=$(sed -n 's,^	/\* size: \([0-9]*\)\, .*,\1,p' /tmp/out)
equal "in JSON" "$(field 'kind name module size' /tmp/json)" "struct fuse_conn fuse $size"
equal "its size" "$(hadal show 'sizeof(struct fuse_conn)')" "sizeof(struct fuse_conn) = $size"
fails hadal types ext4:fuse_conn
fails hadal types fuse:task_struct
hadal types 'fuse_dev*' >/tmp/out
grep -q '^struct .* fuse_dev	\[fuse\]$' /tmp/out || fail "a pattern: $(cat /tmp/out)"
hadal types fuse_dev_open 2>/dev/null | grep -q '^int fuse_dev_open(struct inode \*inode, struct file \*file)' ||
	fail "a function: $(hadal types fuse_dev_open)"

# Text, by the name that another module may have too.
address=0x$(sed -n 's/ . fuse_dev_open	\[fuse\]$//p' /proc/kallsyms)
hadal disas fuse_dev_open >/tmp/out || fail "no text of fuse_dev_open"
equal "where it begins" "$(sed -n '1s/:.*//p' /tmp/out)" "$address <fuse_dev_open [fuse]>"
tail -n 1 /tmp/out | grep -q '	jmp\|	ret' || fail "the function ends with: $(tail -n 1 /tmp/out)"
hadal disas fuse:fuse_dev_open | cmp -s - /tmp/out || fail "fuse:fuse_dev_open differs"
fails hadal disas ext4:fuse_dev_open

# Variables, of which a cast tells the type, and functions, which have one.
operations=0x$(sed -n 's/ . fuse_dev_operations	\[fuse\]$//p' /proc/kallsyms)
equal "a variable" "$(hadal show '&fuse_dev_operations')" "&fuse_dev_operations = (void *) $operations <fuse_dev_operations [fuse]>"
equal "what it points to" "$(hadal show '((struct file_operations)fuse:fuse_dev_operations).open')" \
	"((struct file_operations)fuse:fuse_dev_operations).open = (int (*)(struct inode *, struct file *)) $address <fuse_dev_open [fuse]>"
equal "its bytes" "$(hadal read --kernel fuse_dev_operations 8 --raw | od -A n -v -t x1)" \
	"$(hadal read --kernel "$operations" 8 --raw | od -A n -v -t x1)"
rm -f /tmp/out /tmp/json
is_slow && exit 0

# All types that the kernel shows of the module are known, and only in the profile that is asked for.
hadal profile --modules -o /tmp/isf || fail "no ISF with modules"
grep -q '"fuse_conn": {"size": '"$size" /tmp/isf || fail "the ISF has no fuse_conn"
grep -q '"fuse_dev_open": {"address": ' /tmp/isf || fail "the ISF has no fuse_dev_open"
hadal profile -o /tmp/isf || fail "no ISF"
grep -q fuse_conn /tmp/isf && fail "the ISF has types of modules"
fails hadal profile --modules --system-map
rm -f /tmp/isf
