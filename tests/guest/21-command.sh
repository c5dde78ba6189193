# SPDX-License-Identifier: MIT
# hadal: off
# The command: what it says with and without Hadal, its exit codes, and what it reads.
. lib.sh

# exits STATUS COMMAND...: keeps the output in /tmp/out and the errors in /tmp/err.
exits() {
	expected=$1
	shift
	"$@" >/tmp/out 2>/tmp/err
	status=$?
	[ $status -eq "$expected" ] || fail "'$*' ended with $status: $(cat /tmp/out /tmp/err)"
}

exits 1 hadal regs
grep -q 'sudo hadal start' /tmp/err || fail "no advice without Hadal: $(cat /tmp/err)"
exits 1 hadal drgn
grep -q 'sudo hadal start' /tmp/err || fail "drgn gives no advice without Hadal: $(cat /tmp/err)"
exits 1 hadal status --json
equal "running in JSON" "$(field running /tmp/out)" false
exits 0 hadal stop
exits 2 hadal
exits 2 hadal nonsense
exits 2 hadal read 0x1000
exits 2 hadal read 0x1000 12q
exits 2 hadal read 0x1000 16 --levels 4
exits 2 hadal read 0x1000 16 --mmio --kernel
exits 2 hadal find --text --u32 7
exits 2 hadal pss
grep -q 'did you mean ps?' /tmp/err || fail "no guess: $(cat /tmp/err)"
exits 2 hadal read 0x1000 12q
grep -q "invalid LENGTH '12q': expected 4096, 0x1000 or 64k" /tmp/err || fail "$(cat /tmp/err)"
exits 2 hadal regs -c 1 --set nothing=1
grep -q "invalid NAME 'nothing': expected a register" /tmp/err || fail "$(cat /tmp/err)"
exits 2 hadal write 0x1000 1
grep -q "invalid HEX '1': expected pairs" /tmp/err || fail "$(cat /tmp/err)"
exits 2 hadal events cr:5
grep -q "invalid WHAT 'cr:5': expected some of 0, 3, 4 and xcr0" /tmp/err || fail "$(cat /tmp/err)"
exits 2 hadal events exception:14 io:0x10000
grep -q "invalid WHAT 'io:0x10000': expected numbers from 0 to 0xffff" /tmp/err || fail "$(cat /tmp/err)"
exits 2 hadal find 7
grep -q "invalid PATTERN '7': expected pairs" /tmp/err || fail "$(cat /tmp/err)"
exits 0 hadal translate --help
cp /tmp/out /tmp/help
exits 0 hadal help translate
cmp /tmp/help /tmp/out || fail "'hadal help translate' says: $(cat /tmp/out)"
exits 0 hadal help
grep -q '^  translate ' /tmp/out || fail "'hadal help' has no list: $(cat /tmp/out)"

exits 0 hadal start
exits 0 hadal start
grep -q already /tmp/out || fail "a second start says '$(cat /tmp/out)'"
exits 0 hadal status
exits 0 hadal log
[ -s /tmp/out ] || fail "the log is empty"
exits 0 hadal stats
grep -q '^hypercall ' /tmp/out || fail "stats without hypercalls: $(cat /tmp/out)"
exits 0 hadal regs -c 1
grep -q '^CPU 1 ' /tmp/out || fail "regs: $(cat /tmp/out)"
exits 1 hadal regs -c 255
exits 0 hadal regs --json
lstar=$(field lstar /tmp/out cpu=0)
equal "lines of JSON, one a CPU" "$(wc -l </tmp/out)" "$(nproc)"

exits 0 hadal regs --columns cpu,rip,cr3
equal "a table of registers" "$(wc -l </tmp/out)" $(($(nproc) + 1))
exits 0 hadal stats --columns cpu,hypercall --json
grep -q '"hypercall":[1-9]' /tmp/out || fail "stats as JSON: $(cat /tmp/out)"
# This guest has no Python.
exits 1 hadal drgn -e 1
grep -q '^hadal: Cannot run /usr/bin/python3: .*python3-hadal$' /tmp/err || fail "drgn: $(cat /tmp/err)"
exits 0 hadal status --json
equal "CPUs in JSON" "$(field cpu_running /tmp/out)" "$(nproc)"
exits 0 hadal symbols --columns name,type init_task
equal "a symbol's columns" "$(echo $(cat /tmp/out))" "NAME T init_task D"
exits 2 hadal symbols --columns nme init_task
exits 0 hadal symbols --info --json
equal "the kernel's release" "$(field release /tmp/out)" "$(uname -r)"
exits 0 hadal types --columns size,name list_head
equal "a type's columns" "$(echo $(cat /tmp/out))" "SIZE NAME 16 list_head"

# Where a search is to begin and end may be said by symbols.
exits 0 hadal find --text 'Linux version' --start linux_banner --end linux_banner+64 --json
equal "where the banner is found" "$(field address /tmp/out)" "0x$(sed -n 's/ . linux_banner$//p' /proc/kallsyms)"
exits 0 hadal find --kernel --count --text 'Linux version' --start _stext --length 64M
exits 1 hadal show '*(struct list_head *)0xffff800000000000'
exits 1 hadal find --text 'Linux version' --start linux_banner+1 --length 63
exits 1 hadal find --text 'Linux version' --start linux_banner --end linux_banner
exits 2 hadal find --text 'Linux version' --start linux_banner --length 64 --end linux_banner+64

# The kernel's banner, by its virtual and by its physical address.
banner=0x$(sed -n 's/ . linux_banner$//p' /proc/kallsyms)
exits 0 hadal read --kernel "$banner" 13 --raw
equal "the kernel's banner" "$(cat /tmp/out)" "Linux version"
exits 0 hadal read linux_banner+6 7 --raw
equal "the banner by its symbol" "$(cat /tmp/out)" "version"
exits 0 hadal read "$banner" 5 --raw
equal "the banner by an address of the kernel's" "$(cat /tmp/out)" "Linux"
exits 1 hadal read no_such_symbol 5
exits 0 hadal read --pid 1 "0x$(sed -n '1s/-.*//p' /proc/1/maps)" 4 --raw
equal "the program of process 1" "$(od -A n -c /tmp/out | tr -d ' ')" '177ELF'
exits 1 hadal read --pid 1 0x10 4
exits 0 hadal translate "$banner"
physical=$(sed -n 's/.* is at physical \(0x[0-9a-f]*\) .*/\1/p' /tmp/out)
exits 0 hadal read "$physical" 13 -o /tmp/banner
equal "the banner read by $physical" "$(cat /tmp/banner)" "Linux version"
exits 0 hadal read "$physical" 5 --json
equal "the banner in JSON" "$(field data /tmp/out)" 4c696e7578
exits 0 hadal translate "$lstar"
tail -n 1 /tmp/out | grep -q -- '-x-)\|r-x-)' || fail "the kernel's entry: $(cat /tmp/out)"
exits 1 hadal translate 0x1000
exits 1 hadal read 0xfee00000 4
grep -q 'not RAM.*--mmio' /tmp/err || fail "read of a device: $(cat /tmp/err)"

# Written and back again.
exits 0 hadal read "$physical" 5 --raw
exits 0 hadal write "$physical" 'AB cd 00 ff 42'
exits 0 hadal read "$physical" 5 --json
equal "what was written" "$(field data /tmp/out)" abcd00ff42
printf Linux | hadal write "$physical" >/dev/null || fail "write from standard input"
grep -q '^Linux version' /proc/version || fail "the banner is damaged"

# One description makes --help, the lists and completion.
hadal completion bash >/tmp/completion
for command in $(hadal --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
	exits 0 hadal "$command" --help
	grep -q "	$command) options=.*--help" /tmp/completion || fail "no completion of $command"
done

exits 0 hadal stop
exits 0 hadal log
[ -s /tmp/out ] || fail "the log is empty after a stop"
exits 0 hadal stop --unload
[ ! -e /dev/hadal ] || fail "the module is still loaded"
exits 1 hadal log
