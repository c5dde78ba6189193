# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# Who touches memory and who executes an instruction is told as often as it happens, with the right
# values, and what is wrong is refused with a sentence.
. lib.sh

cd /tmp
mkfifo orders
watched <orders >>watched.out &
watched=$!
exec 3>orders
wait_for 20 "watched has not begun" grep -q word watched.out
function=$(sed -n 's/.*function=\(0x[0-9a-f]*\).*/\1/p' watched.out)
word=$(sed -n 's/^word=\(0x[0-9a-f]*\).*/\1/p' watched.out)

# begin ARGUMENTS...: a command about events that has subscribed when this returns
begin() {
	hadal "$@" >out 2>err &
	command=$!
	wait_for 60 "hadal $* has not begun" grep -q TIME out
}
# finish: the command ends; sets $status
finish() {
	kill -INT $command 2>/dev/null
	wait $command
	status=$?
}
# order WHAT TIMES: the program does it
order() {
	: >watched.out
	echo "$1 $2" >&3
	wait_for 120 "watched has not done its $1s" grep -q "^done $2$" watched.out
}
# printed: how many lines there are below the heading
printed() {
	echo $(($(wc -l <out) - 1))
}
# sentence WORDS COMMAND...: it fails at once, with one line that has the words
sentence() {
	words=$1
	shift
	fails "$@"
	equal "lines that '$*' printed" "$(wc -l </tmp/fails.out)" 1
	grep -q "$words" /tmp/fails.out || fail "'$*' said: $(cat /tmp/fails.out)"
}

begin watch --pid $watched -w $word
order write 500
order read 100
finish
equal "status after Ctrl-C" $status 0
equal "writes told" "$(printed)" 500
grep -q "500 printed of 500 that happened, 0 filtered, 0 lost" err || fail "summary: $(cat err)"
equal "the last one" "$(tail -n 1 out | sed 's/.* write/write/')" "write 8 at $word: 0x1f3 -> 0x1f4"
equal "writes that this program did" "$(awk -v pid=$watched '$3 == pid && $4 == "watched"' out | wc -l)" 500

begin watch --pid $watched -r $word -l 4
order read 100
finish
equal "reads told" "$(printed)" 100
grep -q "read 8 at $word: 0x1f4" out || fail "read: $(tail -n 1 out)"

# Several pages, which need not lie side by side in physical memory.
begin watch --pid $watched -w $((word - 4096)) -l 8192
order write 50
finish
equal "writes told of two pages" "$(printed)" 50
grep -q "at $((word - 4096))+4096: 0x31 -> 0x32" out || fail "two pages: $(tail -n 1 out)"

# A variable of the kernel, which is written one up each time.
hadal watch -w jiffies --count 50 --json >out 2>err || fail "watch jiffies: $(cat err)"
equal "writes of jiffies" "$(wc -l <out)" 50
field new out >new
field old out >old
equal "values that were not one up each time" \
	"$(awk 'NR == FNR { new[NR] = $1; next } FNR > 1 && $1 != new[FNR - 1]' new old | wc -l)" 0
field place out | grep -v '^tick_do_update_jiffies64\|^do_timer' && fail "somebody else writes jiffies"
equal "accesses" "$(field access out | sort -u)" w

# The system call's function, in one process and in others.
begin watch -x __x64_sys_getppid -l 1 --pid $watched
sh -c 'echo $PPID' >/dev/null
order getppid 100
finish
equal "calls told of one process" "$(printed)" 100

start=$(cut -d . -f 1 /proc/uptime)
hadal watch -w $word --pid $watched --seconds 2 >out 2>err || fail "--seconds: $(cat err)"
[ $(($(cut -d . -f 1 /proc/uptime) - start)) -ge 2 ] || fail "--seconds ended at once"
equal "accesses while nothing was ordered" "$(printed)" 0

# Over its rate it is sampled, and says so.
begin watch -w $word --pid $watched --rate 100
order write 5000
finish
grep -q 'Over its budget: from now on one hit in' err || fail "no word of the budget: $(cat err)"
[ "$(printed)" -lt 5000 ] || fail "all were told, whatever the rate"
grep -q " printed of 5000 that happened, $((5000 - $(printed))) filtered, 0 lost" err || fail "summary: $(cat err)"

# Over its budget for good it ends by itself, and that is a failure.
turned_off() {
	grep -q 'took more than --budget or --rate was turned off' err
}
begin watch -w $word --pid $watched --budget 1
for round in 1 2 3 4 5; do
	turned_off || order write 5000
done
wait_for 20 "an end by the budget ($(cat err))" turned_off
wait $command
equal "status after its budget has ended it" $? 1
grep -q 'nothing is recorded any more' err || fail "not said to be off: $(cat err)"

# What it costs is shown, whose it is too.
begin watch -w $word --pid $watched
order write 100
hadal stats --events --json >stats
equal "subscriptions" "$(wc -l <stats)" 1
equal "their kind" "$(field kind stats)" memory
equal "hits" "$(field hits stats)" 100
equal "steps" "$(field steps stats)" 100
equal "shares" "$(sed 's/.*"cpu_shares":\[\([^]]*\)\].*/\1/' stats | tr ',' '\n' | wc -l)" "$(nproc)"
grep -q '"share":[0-9.]*[1-9]' stats || fail "it has cost nothing: $(cat stats)"
hadal stats | grep -q 'memory  *-  *full  *100 ' || fail "stats: $(hadal stats)"
finish
equal "subscriptions afterwards" "$(hadal stats --events --json | wc -l)" 0

# A reader that is killed takes what it asked for along.
begin watch -w $word --pid $watched
kill -KILL $command
wait $command
equal "subscriptions of a reader that was killed" "$(hadal stats --events --json | wc -l)" 0
order write 10
begin watch -w $word --pid $watched
order write 10
finish
equal "writes told after another reader was killed" "$(printed)" 10

sentence 'no RAM' hadal watch 0xfee00000
sentence 'has a symbol no_such_symbol' hadal watch no_such_symbol
sentence 'not mapped' hadal watch 0xffff900000000000
sentence 'not mapped' hadal watch --pid $watched 0x1000
sentence 'once for each CPU' hadal watch current_task
sentence 'expected a number behind the +' hadal watch jiffies+x
sentence 'no process' hadal watch --pid 99999999 $word
sentence 'expected a number, such as' hadal watch --physical jiffies
sentence 'member' hadal watch init_task.no_such_member
sentence 'no CPU 99' hadal watch jiffies --cpu 99
fails hadal watch jiffies -l 0
fails hadal watch jiffies -l 17M
fails hadal watch
fails hadal watch jiffies --seconds x

# Breakpoints: in a program, in the kernel; filtered, with registers, with a backtrace.
begin break --pid $watched $function
order call 200
finish
equal "calls told" "$(printed)" 200
equal "calls by this program" "$(awk -v pid=$watched '$3 == pid && $4 == "watched"' out | wc -l)" 200

begin break --pid $watched $function --if 'rdi >= 11 && rdi <= 20 || *(u64 *)(rsp + 0) == 1 || esi == 200'
order call 200
finish
equal "calls that passed the filter" "$(printed)" 11
grep -q "11 printed of 200 that happened, 189 filtered, 0 lost" err || fail "summary: $(cat err)"

# begin_json ARGUMENTS...: the same of break, with JSON
begin_json() {
	hadal break --json --explain "$@" >out 2>err &
	command=$!
	wait_for 60 "hadal break $* has not begun" grep -q 'debug register\|copy of the page' err
}
begin_json --pid $watched $function --registers --cpu 0 --if 'rdi == 7'
taskset -p 1 $watched >/dev/null
order call 20
finish
equal "calls told with registers" "$(wc -l <out)" 1
grep -q '"rdi":"0x7"' out && grep -q '"rsi":"0xe"' out || fail "registers: $(cat out)"
equal "CPU" "$(field cpu out)" 0
taskset -p 3 $watched >/dev/null

begin_json __x64_sys_getppid --pid $watched --backtrace
sh -c 'echo $PPID' >/dev/null
order getppid 100
finish
equal "system calls told" "$(wc -l <out)" 100
equal "backtraces that are not whole" "$(grep -c backtrace_end out)" 0
for caller in __x64_sys_getppid do_syscall_64 entry_SYSCALL_64; do
	equal "backtraces with $caller" "$(grep -c "\"place\":\"$caller" out)" 100
done

begin break __x64_sys_getppid --backtrace --registers
order getppid 1
finish
grep -q '#1 .* do_syscall_64+0x' out || fail "no backtrace: $(cat out)"
grep -q 'rax [0-9a-f]\{16\}  rcx' out || fail "no registers: $(cat out)"

begin break --pid $watched $function --count 5
order call 20
wait $command || fail "--count: $(cat err)"
equal "calls up to --count" "$(printed)" 5

# Each instruction of the program: its function is called 20 times from 1 on.
begin step --pid $watched
order call 20
finish
equal "status of step" $status 0
equal "calls that were stepped" "$(awk -v where=$function '$5 == where' out | wc -l)" 20
grep -q ' kernel .*rcx=' out || fail "no system call was stepped: $(tail -n 30 out)"
grep -q 'retq.* rsp=' out || fail "no return was stepped: $(tail -n 30 out)"
grep -q ' 0 lost' err || fail "summary: $(cat err)"
hadal step --pid $watched --json --count 5 >out 2>err &
command=$!
for i in 1 2 3 4 5; do
	sleep 1
	echo "getppid 1" >&3
done
wait $command || fail "step --count: $(cat err)"
equal "instructions up to --count" "$(wc -l <out)" 5
fails hadal step
equal "status of step without --pid" $status 2
sleep 1000 &
sleeper=$!
begin step --pid $sleeper
kill $sleeper
wait $command || fail "the end of the process: $(cat err)"

sentence 'a process.s address' hadal break 0x401000
sentence 'no code' hadal break jiffies
sentence 'not mapped' hadal break --pid $watched 0x1000
sentence 'has a symbol nothing' hadal break nothing
for condition in 'rdi ==' 'rdi == rsi' 'comm == 1' '(edi & 1) == 2' 'rdi + 1 == 2'; do
	fails hadal break do_exit --if "$condition"
	equal "status of --if '$condition'" $status 2
done
fails hadal break do_exit --method something

exec 3>&-
wait $watched
rm orders
hadal status >/dev/null || fail "Hadal does not run any more"
