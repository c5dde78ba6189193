# SPDX-License-Identifier: MIT
# hadal: on
# The log read from raw memory is the kernel's own, with a record of many lines and odd bytes.
. lib.sh

printf 'hadal test: one\ntwo\tthree' >/dev/kmsg
printf '<3>hadal test: \001\033[31mred' >/dev/kmsg
dmesg >/tmp/before
hadal dmesg >/tmp/seen 2>/tmp/err || fail "$(cat /tmp/err)"
[ ! -s /tmp/err ] || fail "dmesg says: $(cat /tmp/err)"
# Bytes that could steer a terminal are digits from below.
sed "s/$(printf '\001')/\\\\001/g; s/$(printf '\033')/\\\\033/g" </tmp/before >/tmp/expected
# dmesg shows what came since somebody cleared the log for it; from below all of it is there.
missing=$(grep -F -x -v -f /tmp/seen /tmp/expected)
[ -z "$missing" ] || fail "not seen from below: $missing"
[ "$(wc -l </tmp/seen)" -gt 100 ] || fail "the log has $(wc -l </tmp/seen) lines only"

hadal dmesg --level err >/tmp/errors
grep -q -F 'hadal test: \001\033[31mred' /tmp/errors || fail "errors are: $(cat /tmp/errors)"
grep -q 'hadal test: one' /tmp/errors && fail "--level err shows a warning"
text='hadal test: one
two	three'
equal "the record in JSON" "$(hadal dmesg --json | field 'level text' - "text=$text")" "warn $text"
fails hadal dmesg --level wrong
