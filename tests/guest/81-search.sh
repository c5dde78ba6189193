# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 500
# What a program has in its memory is found there, and in physical memory in the pages it has.
. lib.sh
# No bar among the words of the test.
exec 2>/tmp/bars

mkfifo /tmp/search.fifo
test_search >/tmp/search.fifo &
planter=$!
{
	read -r address first second hex
	read -r text wide id
} </tmp/search.fifo
rm /tmp/search.fifo
[ -n "$id" ] || fail "test_search says: $address $first $second $hex"

# Bochs would take minutes for all memory; there, around the first half.
everywhere=
if is_slow; then
	everywhere="--start $((first & ~0xfffff)) --length 1M"
fi

# hits OPTION...: the addresses found, on one line
hits() {
	hadal find "$@" 2>/tmp/err | sed 's/ .*//' | tr '\n' ' ' | sed 's/ $//'
	[ ! -s /tmp/err ] || fail "find $* says: $(cat /tmp/err)"
}

wide16() {
	printf '%#018x' "$1"
}

# Together they are nowhere but there, not even where an earlier search had them.
for i in 1 2; do
	hadal find $everywhere "$hex" && fail "the bytes are found in physical memory"
done
equal "the bytes in the process" "$(hits --pid $planter "$hex")" "$(wide16 "$address")"
equal "these with wildcards" "$(hits --pid $planter "$(echo "$hex" | sed 's/^\(......\)../\1?? /')")" "$(wide16 "$address")"
hadal find --pid $planter "$hex" | grep -q " $(wide16 "$first")\$" || fail "$(hadal find --pid $planter "$hex")"
half=$(echo "$hex" | cut -c 1-16)
equal "the first half in physical memory" "$(hits $everywhere "$half")" "$(wide16 "$first")"
equal "the second half in physical memory" \
	"$(hits --start $((second & ~0xfffff)) --length 1M "$(echo "$hex" | cut -c 17-32)")" "$(wide16 "$second")"
hadal find --owner $everywhere "$half" | grep -q " test_search\[$planter\] $(printf '%#x' "$address") *\$" ||
	fail "the owner: $(hadal find --owner $everywhere "$half")"
if [ -n "$everywhere" ]; then
	kill $planter
	exit 0
fi
equal "the count" "$(hadal find --count --pid $planter "$hex")" 1
hadal find --json --pid $planter "$hex" >/tmp/out
equal "what is found in JSON" "$(field 'address physical length data' /tmp/out)" "$address $first 16 $hex"
hadal find -C 16 --pid $planter "$hex" | tail -n +2 | cut -c 19-57 | tr -d ' \n' | grep -q "$hex" ||
	fail "the context: $(hadal find -C 16 --pid $planter "$hex")"

equal "the text" "$(hits --pid $planter --text "hadal:$id")" "$(wide16 "$text")"
equal "the text in other letters" "$(hits --pid $planter -i --text "HADAL:$id")" "$(wide16 "$text")"
equal "the wide text" "$(hits --pid $planter --utf16 "hadal:$id")" "$(wide16 "$wide")"
hadal find --pid $planter --regex 'hadal:[0-9a-f]{8}' | grep -q "^$(wide16 "$text") .* hadal:$id\$" ||
	fail "$(hadal find --pid $planter --regex 'hadal:[0-9a-f]{8}')"
hadal strings --pid $planter -e all -n 14 | grep "  hadal:$id\$" | sed 's/ .*//' | sort >/tmp/got
for place in $text $wide; do wide16 "$place"; echo; done | sort >/tmp/expected
cmp -s /tmp/got /tmp/expected || fail "strings: $(cat /tmp/got), expected: $(cat /tmp/expected)"
hadal strings --json --pid $planter --limit 1 | field 'encoding address text' - | grep -q '^ascii 0x[0-9a-f]* .' ||
	fail "$(hadal strings --json --pid $planter --limit 1)"

# The kernel's own words, at the address it has for them; init_task is the first of its list.
banner=$(sed -n 's/ . linux_banner$//p' /proc/kallsyms)
equal "the banner" "$(hits --kernel --start 0x$banner --length 4k --regex '^Linux version [0-9.]+')" "0x$banner"
equal "the banner's owner" \
	"$(hadal find --kernel --start 0x$banner --length 64 --text Linux --owner | sed 's/.*  \([a-z_]\)/\1/; s/ *$//')" linux_banner

# What it looks for is in this program's memory, and not found there.
hadal find --owner --text "sought:$id" >/tmp/out 2>/tmp/err
grep 'hadal\[' /tmp/out && fail "the command finds itself"
[ ! -s /tmp/err ] || fail "$(cat /tmp/err)"

hadal find --pid $planter 'ff 00 ff 00 ff 00 ff 00 ff 00 ff' && fail "what is not there is found"
hadal find 'de a' 2>/tmp/err
equal "the status of a wrong pattern" $? 2
hadal find --pid 4000000 00 2>/tmp/err && fail "a process that does not exist has memory"
grep -q 'There is no process' /tmp/err || fail "$(cat /tmp/err)"
kill $planter
