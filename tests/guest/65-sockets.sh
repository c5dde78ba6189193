# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# Sockets read from raw memory are those of /proc/net in every namespace; one taken out of the
# kernel's table is still seen.
. lib.sh

in_scene

test_sockets $SCENE $INNER >/tmp/out || fail "$(cat /tmp/out)"
hadal sockets --extended >/tmp/all || fail "no sockets"
# has PATTERN: the columns' spaces are one each
has() {
	tr -s ' ' </tmp/all | grep -q "$1" && return
	cat /tmp/all
	fail "there is no '$1'"
}
has '^tcp LISTEN 1 5 0 [0-9]* 127.0.0.1:1001 0.0.0.0:\* test_objects/'
has '^tcp ESTABLISHED 0 0 0 0 127.0.0.1:1001 127.0.0.1:[0-9]* -$'
has '^tcp TIME_WAIT 0 0 0 0 127.0.0.1:[0-9]* 127.0.0.1:1001 -$'
has "^tcp6 ESTABLISHED 0 0 0 [0-9]* \[::1\]:1002 \[::1\]:[0-9]* "
has "^udp UNCONN 0 0 0 [0-9]* 127.0.0.1:1008 0.0.0.0:\* open in no process$"
has "^udp UNCONN 0 0 65534 [0-9]* 127.0.0.1:10009 "
has "^u_dgr UNCONN - 0 0 [0-9]* @an abstract name - "
has "^u_seq ESTABLISHED - [0-9]* 0 [0-9]* - socket:\[[0-9]*\] "
has "^p_dgr UNCONN 0 0 0 [0-9]* 0x88b5:0 - "
has "^nl UNCONN 0 0 0 [0-9]* route:$SCENE - "
has "^network namespace $(stat -L -c %i /proc/$INNER/ns/net):$"
grep -q '^tcp .*HIDDEN' /tmp/all && fail "something is hidden: $(cat /tmp/all)"

# pointer EXPRESSION: its value
pointer() {
	hadal show "$1" | sed 's/.* = (.*) \(0x[0-9a-f]*\).*/\1/'
}
# bytes NUMBER: the eight of it as they lie in memory
bytes() {
	printf '%016x' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\8\7\6\5\4\3\2\1/'
}

# A listening socket taken out of its chain, as a rootkit would do it.
hadal sockets --json >/tmp/json
sock=$(field 'state sock' /tmp/json local_port=1007 | sed -n 's/^LISTEN //p')
node="((struct sock *)$sock)->__sk_common.skc_node"
link=$(pointer "$node.pprev")
kept=$(hadal read --kernel "$link" 8 --raw | od -A n -t x1 | tr -d ' ')
hadal write --kernel "$link" "$(bytes "$(pointer "$node.next")")" || fail "cannot write to $link"
grep -q '^ *[0-9]*: 0100007F:03EF 00000000:0000 0A' /proc/net/tcp && fail "the socket is still in /proc/net/tcp"
hadal sockets >/tmp/all
hadal write --kernel "$link" "$kept"
has '^tcp LISTEN 127.0.0.1:1007 0.0.0.0:\* HIDDEN test_objects/'
equal "the number of hidden sockets" "$(grep -c HIDDEN /tmp/all)" 1
grep -q '^ *[0-9]*: 0100007F:03EF 00000000:0000 0A' /proc/net/tcp || fail "the socket is not back in /proc/net/tcp"
