# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# Kernel stacks of tasks that wait, also in a module, are those of /proc/PID/stack; and of a CPU.
. lib.sh

dir=/tmp/stack
mkdir -p $dir /var/cache
mkfifo $dir/fifo
sleep 1000 &
sleeper=$!
cat $dir/fifo &
reader=$!
hadal mount $dir >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
mounter=$(pidof hadal)
ends() {
	kill $sleeper $reader 2>/dev/null
	umount $dir
	rm -r $dir
}

# What the scheduler's own functions add is not in /proc.
first=$(sed -n 's/ . __sched_text_start$//p' /proc/kallsyms)
last=$(sed -n 's/ . __sched_text_end$//p' /proc/kallsyms)

# tasks FILE: the stacks that /proc has, a line for each frame, with how often the task has waited
tasks() {
	for task in /proc/[0-9]*/task/[0-9]*; do
		tid=${task##*/}
		switches=$(sed -n 's/^voluntary_ctxt_switches:	//p' $task/status 2>/dev/null)
		sed "s/^\[<0>\] //; s,/0x[0-9a-f]*,,; s/^/$tid $switches /" $task/stack 2>/dev/null
	done | sort -s -n -k 1,1 >"$1"
}

# Some run meanwhile: those are passed over, and so are those that end.
tasks /tmp/before
hadal stack --json >/tmp/json 2>/tmp/err
status=$?
tasks /tmp/after
[ -s /tmp/json ] || fail "$(cat /tmp/err)"
field 'tid address symbol' /tmp/json | while read -r tid address symbol; do
	address=${address#0x}
	[ -n "$address" ] && { [ "$address" \< "$first" ] || [ ! "$address" \< "$last" ]; } &&
		echo "$tid $symbol"
done >/tmp/ours
for tid in $(cut -d ' ' -f 1 /tmp/before | uniq); do
	grep "^$tid " /tmp/before >/tmp/one
	grep "^$tid " /tmp/after | cmp -s /tmp/one - || continue
	cut -d ' ' -f 3- /tmp/one >/tmp/expected
	sed -n "s/^$tid //p" /tmp/ours | cmp -s /tmp/expected - ||
		fail "the stack of $tid ($(cat /proc/$tid/comm)) is $(sed -n "s/^$tid //p" /tmp/ours), expected $(cat /tmp/expected)"
	echo $tid
done >/tmp/same
[ "$(wc -l </tmp/same)" -gt 20 ] || fail "only $(wc -l </tmp/same) stacks could be compared"
for pid in $sleeper $reader; do
	grep -q "^$pid$" /tmp/same || fail "$pid was not compared: $(grep "^$pid " /tmp/before /tmp/after /tmp/ours)"
done
[ $status = 0 ] || grep -q 'not whole' /tmp/err || fail "status $status: $(cat /tmp/err)"

hadal stack -p $sleeper >/tmp/out || fail "no stack of $sleeper"
grep -q "^ *$sleeper sleep  *[0-9]*  *0x[0-9a-f]* hrtimer_nanosleep+" /tmp/out || fail "$(cat /tmp/out)"
hadal stack --pid "$mounter" >/tmp/out || fail "no stack of $mounter"
grep -q ' fuse_dev_.* \[fuse\]$' /tmp/out || fail "no frame of a module: $(cat /tmp/out)"
fails hadal stack -p 4000000
fails hadal stack --cpu 200

# What a CPU executes, in user space and where it waits for work.
taskset -c 1 sh -c 'while :; do :; done' &
busy=$!
found=
for round in 1 2 3 4 5 6 7 8 9 10; do
	hadal stack --cpu 1 --json >/tmp/json || fail "no stack of CPU 1"
	[ "$(field 'cpu tid' /tmp/json | head -n 1)" != "1 $busy" ] || { found=1; break; }
done
kill $busy
wait $busy 2>/dev/null
[ -n "$found" ] || fail "CPU 1 does not execute $busy: $(cat /tmp/json)"
for round in 1 2 3 4 5 6 7 8 9 10; do
	hadal stack --cpu 1 >/tmp/out || fail "no stack of CPU 1"
	! grep -q ' swapper/1 .* do_idle+' /tmp/out || break
	sleep 0.2
done
grep -q ' swapper/1 .* do_idle+' /tmp/out || fail "CPU 1 is not idle: $(cat /tmp/out)"
ends
rm /tmp/before /tmp/after /tmp/ours /tmp/same /tmp/one /tmp/expected /tmp/out /tmp/json /tmp/err
