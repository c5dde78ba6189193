# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 600
# Profiles agree with what the kernel says of itself. In Bochs going through the symbols takes too long.
. lib.sh

# The same names in the same order as in /proc/kallsyms, without modules and BPF; all moved alike.
hadal profile --system-map -o /tmp/map || fail "no System.map"
awk '!/\[/ { print $3 }' /proc/kallsyms >/tmp/expected
cut -d ' ' -f 3 /tmp/map >/tmp/got
cmp /tmp/got /tmp/expected || fail "the names are not those of /proc/kallsyms"
for name in _text init_task linux_banner vmcoreinfo_data; do
	grep " $name\$" /tmp/map /proc/kallsyms | sed 's/.*:\([0-9a-f]*\) .*/0x\1/' >/tmp/two
	echo $(($(sed -n 2p /tmp/two) - $(sed -n 1p /tmp/two)))
done | sort -u >/tmp/slides
equal "the number of different slides" "$(wc -l </tmp/slides)" 1
# Per-CPU symbols are offsets and do not move.
grep '^00000' /tmp/map >/tmp/got
awk '/^00000/ && !/\[/' /proc/kallsyms >/tmp/expected
cut -d ' ' -f 1,3 /tmp/expected >/tmp/two
cut -d ' ' -f 1,3 /tmp/got | cmp - /tmp/two || fail "per-CPU symbols are moved: $(head -n 3 /tmp/got)"
[ -s /tmp/two ] || fail "the kernel has no per-CPU symbols"
equal "where _text was linked" "$(grep ' _text$' /tmp/map)" "ffffffff81000000 T _text"

hadal profile -o /tmp/isf || fail "no ISF"
for part in '"format": "6.2.0"' '"task_struct": {"size": ' '"linux_banner": {"address": ' \
	'"pgd": {"offset": ' '"anonymous": true' '"kind": "bitfield"' '"pointer": {"size": 8'; do
	grep -qF "$part" /tmp/isf || fail "the ISF has no $part"
done
banner=$(sed -n 's/.*"constant_data": "\([^"]*\)".*/\1/p' /tmp/isf | base64 -d | tr -d '\0')
equal "the banner in the ISF" "$banner" "$(cat /proc/version)"

hadal profile --libvmi=guest --sysmap /tmp/map >/tmp/conf || fail "no libvmi.conf"
for key in ostype sysmap linux_init_task kpgd linux_name linux_tasks linux_mm linux_pid linux_pgd; do
	grep -q "^	$key = ..*;\$" /tmp/conf || fail "libvmi.conf has no $key"
done
init_task=0x$(sed -n 's/ . init_task$//p' /proc/kallsyms)
equal "init_task" "$(sed -n 's/.*linux_init_task = \(.*\);/\1/p' /tmp/conf)" "$init_task"
# By these two the name of the first process is found.
name=$(sed -n 's/.*linux_name = \(.*\);/\1/p' /tmp/conf)
equal "the name of init_task" "$(hadal read --kernel $(printf 0x%x $((init_task + name))) 9 --raw)" swapper/0

fails hadal profile --libvmi='a b'
fails hadal profile -o /nowhere/x
rm /tmp/map /tmp/isf
