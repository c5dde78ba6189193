# SPDX-License-Identifier: MIT
# hadal: off
# timeout: 900
# NMIs all the time, on all CPUs, while Hadal starts and stops: none finds the machine half changed.
. lib.sh

rounds=200
hz=2000

insmod /bin/hadal_test.ko 2>/dev/null
nmis() {
	awk '$1 == "NMI:" { print $2 + $3 }' /proc/interrupts
}
before=$(nmis)
test_storm $hz sh -c "
	for i in \$(seq $rounds); do
		hadal start >/dev/null && hadal stop >/dev/null || { echo \"round \$i\"; exit 1; }
	done" >/tmp/storm || fail "start and stop while NMIs come: $(tail -n 2 /tmp/storm)"
cat /tmp/storm
came=$(($(nmis) - before))
echo "$came NMIs by the kernel's own count"
[ $came -ge $((4 * rounds)) ] || fail "only $came NMIs came: nothing was tested"
dmesg | grep -E 'Uhhuh|Dazed|unknown NMI' && fail "an NMI that nobody sent"
hadal log | tail -n 1 | grep -q stopped || fail "the log cannot be read after a stop"
