# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 300
# A storm of NMIs while CPUs exit all the time: every NMI of the guest comes through, none of Hadal's.
. lib.sh

nmis() {
	awk '$1 == "NMI:" { print $2 + $3 }' /proc/interrupts
}

rounds=60
dmesg -c >/dev/null
dmesg -n 1
before=$(nmis)
for cpu in 0 1; do
	taskset $((1 << cpu)) sh -c 'while :; do test_native; done' >/dev/null 2>&1 &
done
(while :; do hadal regs -c 0; hadal regs -c 1; done >/dev/null 2>&1) &
loop=$!
seen=0
for i in $(seq $rounds); do
	echo l >/proc/sysrq-trigger # one CPU sends the other an NMI and waits for its backtrace
	dmesg -c >/tmp/round
	seen=$((seen + $(grep -c 'NMI backtrace for cpu' /tmp/round)))
	grep -E 'Uhhuh|Dazed|unknown NMI' /tmp/round &&
		fail "the guest got an NMI that nobody sent it"
done
kill $(jobs -p) $loop 2>/dev/null
came=$(($(nmis) - before))
[ "$came" -ge $rounds ] || fail "only $came NMIs of $rounds came"
[ "$seen" -ge $((2 * rounds)) ] || fail "only $seen backtraces of $((2 * rounds))"
hadal stats | grep -q kicks || fail "no kick was needed: nothing was tested"
