# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# Types from memory lead to what the kernel says of itself.
. lib.sh

hadal types list_head >/tmp/out || fail "no struct list_head"
equal "struct list_head" "$(tr -s ' \t\n' ' ' </tmp/out)" "struct list_head { struct list_head *next; /* 0 8 */ struct list_head *prev; /* 8 8 */ /* size: 16, members: 2 */ }; "
hadal types --json list_head >/tmp/json
grep -q '"kind":"struct","name":"list_head","size":16,"members":\[{"name":"next","offset":0,"size":8,' /tmp/json ||
	fail "the JSON is $(cat /tmp/json)"

# The offset of a member leads to the name of the first process.
offset=$(hadal types struct task_struct | sed -n 's,^.char comm\[16\]; .*/\* *\([0-9]*\) *16 \*/$,\1,p')
init_task=0x$(sed -n 's/ . init_task$//p' /proc/kallsyms)
equal "the name of init_task" "$(hadal read --virtual $(printf 0x%x $((init_task + offset))) 9 --raw)" swapper/0

equal "PIDTYPE_MAX" "$(hadal types enum pid_type | sed -n 's/.*PIDTYPE_MAX = \(.*\),/\1/p')" 4
equal "do_exit" "$(hadal types do_exit)" "void do_exit(long int code);"
# As many functions have a type as the kernel has symbols for, or fewer.
functions=$(hadal types '*' | grep -c '^function')
[ "$functions" -gt 10000 ] || fail "only $functions functions have types"
fails hadal types no_such_type
fails hadal types union task_struct
rm /tmp/out /tmp/json
