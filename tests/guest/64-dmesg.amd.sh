# SPDX-License-Identifier: MIT
# hadal: on
# The log read from raw memory is the kernel's own, with a record of many lines and odd bytes.
. lib.sh

printf 'hadal test: one\ntwo\tthree' >/dev/kmsg
printf '<3>hadal test: \001\033[31mred' >/dev/kmsg
dmesg >/tmp/before
hadal dmesg >/tmp/seen 2>/tmp/err || fail "$(cat /tmp/err)"
[ ! -s /tmp/err ] || fail "dmesg says: $(cat /tmp/err)"
lines=$(wc -l </tmp/before)
[ "$lines" -gt 100 ] || fail "the kernel's log has $lines lines only"

# Bytes that could steer a terminal are question marks from below.
tr '\001\033' '??' </tmp/before >/tmp/expected
head -n "$lines" /tmp/seen >/tmp/got
cmp -s /tmp/got /tmp/expected || fail "$(diff /tmp/got /tmp/expected | head -n 10)"

hadal dmesg --level err >/tmp/errors
grep -q 'hadal test: ??\[31mred' /tmp/errors || fail "errors are: $(cat /tmp/errors)"
grep -q 'hadal test: one' /tmp/errors && fail "--level err shows a warning"
hadal dmesg --json | grep '"text":"hadal test: one\\ntwo\\tthree"' | grep -q '"level":"warn"' ||
	fail "$(hadal dmesg --json | grep 'hadal test')"
fails hadal dmesg --level wrong
