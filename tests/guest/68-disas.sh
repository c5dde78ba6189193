# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# Disassembled text is the kernel's as it is now: with a breakpoint and a call that it puts there.
. lib.sh

function=vfs_fsync
address=0x$(sed -n "s/ . $function\$//p" /proc/kallsyms)
hadal disas --bytes $function >/tmp/out 2>/tmp/err || fail "$(cat /tmp/err)"
[ ! -s /tmp/err ] || fail "disas says: $(cat /tmp/err)"
equal "where it begins" "$(sed -n '1s/:.*//p' /tmp/out)" "$address <$function>"
# The bytes of all instructions are those that are there.
sed 's/^[^:]*:  \([0-9a-f ]*\)	.*/\1/' /tmp/out | tr -d ' \n' >/tmp/bytes
length=$(($(wc -c </tmp/bytes) / 2))
hadal read --kernel $address $length --raw | od -A n -v -t x1 | tr -d ' \n' >/tmp/expected
cmp -s /tmp/bytes /tmp/expected || fail "the bytes differ: $(cat /tmp/bytes /tmp/expected)"
[ "$(wc -l </tmp/out)" -gt 10 ] || fail "the function is short: $(cat /tmp/out)"
tail -n 1 /tmp/out | grep -q '	jmp\|	ret\|	call' || fail "the function ends with: $(tail -n 1 /tmp/out)"
# Names of what it calls are those the kernel has at these addresses.
sed -n 's/.*	\(callq\|jmp\)	0x\([0-9a-f]*\) <\([a-zA-Z0-9_]*\)>$/\2 \3/p' /tmp/out >/tmp/calls
[ -s /tmp/calls ] || fail "the function calls nothing: $(cat /tmp/out)"
while read -r target name; do
	grep -q "^$target . $name\$" /proc/kallsyms || fail "$target is not $name"
done </tmp/calls

# From within it, as many as without a name.
equal "instructions from within a function" "$(hadal disas $function+0 | wc -l)" 16
line=$(sed -n '3s/ <.*//p' /tmp/out)
offset=$((line - address))
[ -d /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing || fail "no tracefs"
echo 0 >/proc/sys/debug/kprobes-optimization
events=/sys/kernel/tracing/kprobe_events

# probe PLACE: with a probe there, prints the function
probe() {
	echo "p:hadal_test $1" >$events || fail "no probe at $1"
	echo 1 >/sys/kernel/tracing/events/kprobes/hadal_test/enable
	hadal disas --bytes $function
	echo 0 >/sys/kernel/tracing/events/kprobes/hadal_test/enable
	echo >$events
}

before=$(sed -n '3s/.*:  \(..\) .*/\1/p' /tmp/out)
[ "$before" != cc ] || fail "there is a breakpoint already: $(sed -n 3p /tmp/out)"
probe "$function+$offset" >/tmp/probed
sed -n 3p /tmp/probed | grep -q "^$line <$function+.*>:  cc .*	int3" || fail "no breakpoint: $(sed -n 3p /tmp/probed)"
# In Bochs each of these takes seconds.
is_slow && exit 0

sed -n 1p /tmp/out | grep -q ':  0f 1f 44 00 00 .*	nop' || fail "no place for a call: $(sed -n 1p /tmp/out)"
probe $function >/tmp/probed
sed -n 1p /tmp/probed | grep -q ':  e8 .*	callq	0x' || fail "no call: $(sed -n 1p /tmp/probed)"
hadal disas --bytes $function >/tmp/probed
cmp -s /tmp/out /tmp/probed || fail "the text is not as before: $(cat /tmp/probed)"

# By address, by name and offset, in Intel's syntax, and as JSON, it is the same instruction.
equal "an offset" "$(hadal disas $function+$offset 1)" "$(hadal disas $line --count 1)"
equal "its address, name and bytes in JSON" "$(hadal disas --json $function 3 | field 'address symbol bytes' - | tail -n 1)" \
	"$line $function+$(printf '%#x' $offset) $(sed -n '3s/^[^:]*:  \([0-9a-f ]*\)	.*/\1/p' /tmp/out | tr -d ' ')"
hadal disas --syntax intel $function 3 | grep -q '	mov	r' || fail "$(hadal disas --syntax intel $function 3)"
physical=$(hadal translate $line | sed -n 's/.* is at physical \(0x[0-9a-f]*\) .*/\1/p')
equal "the same by its physical address" "$(hadal disas --physical $physical 1 | cut -f 2-)" \
	"$(hadal disas $line 1 | cut -f 2-)"

hadal disas no_such_function 2>/tmp/err && fail "a function that does not exist"
grep -q 'no symbol no_such_function' /tmp/err || fail "$(cat /tmp/err)"
fails hadal disas 0xffff000000000000
fails hadal disas --pid $$ $function
hadal disas --pid $$ 0x401000 2 >/tmp/out || fail "no text of a process"
equal "instructions of a process" "$(grep -c '^0x401' /tmp/out)" 2
