# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# Types from memory lead to what the kernel says of itself.
. lib.sh

hadal types list_head >/tmp/out || fail "no struct list_head"
equal "struct list_head" "$(tr -s ' \t\n' ' ' </tmp/out)" "struct list_head { struct list_head *next; /* 0 8 */ struct list_head *prev; /* 8 8 */ /* size: 16, members: 2 */ }; "
hadal types --json list_head >/tmp/json
equal "the type in JSON" "$(field 'kind name size' /tmp/json)" "struct list_head 16"
equal "its members in JSON" "$(field members /tmp/json | field 'name offset size' -)" "next 0 8
prev 8 8"

# The offset of a member leads to the name of the first process.
offset=$(hadal types struct task_struct | sed -n 's,^.char comm\[16\]; .*/\* *\([0-9]*\) *16 \*/$,\1,p')
init_task=0x$(sed -n 's/ . init_task$//p' /proc/kallsyms)
equal "the name of init_task" "$(hadal read --kernel $(printf 0x%x $((init_task + offset))) 9 --raw)" swapper/0

equal "PIDTYPE_MAX" "$(hadal types enum pid_type | sed -n 's/.*PIDTYPE_MAX = \(.*\),/\1/p')" 4
equal "do_exit" "$(hadal types do_exit)" "void do_exit(long int code);"
# As many functions have a type as the kernel has symbols for, or fewer.
functions=$(hadal types '*' | grep -c '^function')
[ "$functions" -gt 10000 ] || fail "only $functions functions have types"
fails hadal types no_such_type
fails hadal types union task_struct

# shows EXPRESSION VALUE
shows() {
	equal "$1" "$(hadal show "$1" | sed 's/^[^=]* = //')" "$2"
}
self=/proc/$$/stat
init_cred=0x$(sed -n 's/ . init_cred$//p' /proc/kallsyms)
shows 'init_task.comm' '"swapper/0"'
shows '&init_task' "(struct task_struct *) $init_task <init_task>"
shows 'init_task.cred' "(const struct cred *) $init_cred <init_cred>"
shows 'init_task.cred->uid.val' 0
shows 'init_uts_ns.name.nodename' "\"$(hostname)\""
shows 'init_uts_ns.name.release' "\"$(uname -r)\""
shows 'PIDTYPE_MAX + sizeof(struct list_head)' 20
shows '*(unsigned int *)&__num_online_cpus' 2
shows 'container_of(init_task.tasks.next, struct task_struct, tasks)->pid' 1
# What runs on a CPU while it is looked at, on one of them, is the command itself.
for round in 1 2 3 4 5; do # it may move to another one meanwhile
	hadal show 'per_cpu(runqueues, 0).curr->comm' 'per_cpu(runqueues, 1).curr->comm' >/tmp/out
	grep -q '= "hadal"' /tmp/out && break
done
grep -q '= "hadal"' /tmp/out || fail "no CPU runs the command: $(cat /tmp/out)"
shows 'per_cpu(runqueues, 1).cpu' 1
# The task of this shell, by the address that ps tells, says what /proc says.
task=$(hadal ps --json | field task - pid=$$)
shows "((struct task_struct *)$task)->tgid" $$
shows "((struct task_struct *)$task)->real_parent->tgid" "$(cut -d ' ' -f 4 $self)"
hadal show --json "((struct task_struct *)$task)->comm" >/tmp/json
equal "the name of this process in JSON" "$(field value /tmp/json)" "$(cat /proc/$$/comm)"

for wrong in runqueues 'init_task.nothing' '*(struct cred *)8' '(' 'jiffies'; do
	fails hadal show "$wrong"
done
fails hadal show
rm /tmp/out /tmp/json
