# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 240
# Whom hadal exec admits: what the program executes in whatever way, or with --only itself alone; and what it
# gives to programs of LibVMI's KVM driver.
. lib.sh

# ends STATUS COMMAND...: how the command ends under hadal exec. 3 is test_exec's "not admitted".
ends() {
	expected=$1
	shift
	hadal exec "$@" >/tmp/ends.out 2>&1
	status=$?
	[ $status -eq "$expected" ] ||
		fail "hadal exec $* ended with $status, expected $expected: $(cat /tmp/ends.out)"
}

test_exec
equal "status outside" $? 3
ends 0 -- test_exec
ends 0 test_exec fork
ends 0 -- test_exec exec test_exec exec test_exec fork
ends 0 -- test_exec spawn test_exec spawn test_exec
ends 0 -- test_exec thread test_exec thread test_exec
ends 0 -- test_exec after-failure test_exec

# Scripts: of several tools, in pipelines, in the background, run by their first line.
cat >/tmp/script <<'END'
#!/bin/sh -e
test_exec
true | test_exec | { cat; test_exec; }
test_exec | true
(test_exec)
test_exec & wait $!
[ "$(test_exec && echo yes)" = yes ]
/tmp/no-such-program && exit 9
i=0
while [ $i -lt 10 ]; do
	test_exec || exit 8
	i=$((i + 1))
done
grep -q '^TracerPid:.0$' /proc/self/status
exec test_exec exec "$@"
END
chmod +x /tmp/script
ends 0 -- sh -e /tmp/script test_exec
ends 0 -- /tmp/script test_exec
ends 0 -- env /tmp/script /tmp/script hadal exec -- sh -c 'test_exec && test_exec'

ends 0 -- hadal exec -- true
grep -q "^hadal: hadal exec is not needed here" /tmp/ends.out || fail "a needless one is not told of: $(cat /tmp/ends.out)"
ends 1 -- hadal exec --events -- true
grep -q "^hadal: Cannot serve a program that another" /tmp/ends.out || fail "two drivers: $(cat /tmp/ends.out)"

# Only the program itself.
ends 0 --only -- test_exec fork
ends 3 --only -- test_exec exec test_exec
ends 3 --only -- test_exec spawn test_exec
ends 3 --only -- sh -c 'test_exec; exit $?'
ends 0 --only -- test_exec exec hadal exec -- sh -c 'test_exec; exit $?'
ends 3 -- hadal exec --only -- sh -c 'test_exec; exit $?'
# A file of no format, which execvp() gives to the shell then.
echo 'hadal clients | grep -q "^ *$$ "' >/tmp/plain
chmod +x /tmp/plain
ends 0 --only -- /tmp/plain
# Nor who is not root.
ends 3 -- test_exec nobody test_exec
ends 3 -- test_exec nobody sh -c 'test_exec; exit $?'

# As without it.
ends 7 -- sh -c 'exit 7'
ends 137 -- sh -c 'kill -9 $$'
ends 143 -- sh -c 'test_exec; kill -TERM $$'
ends 127 -- /tmp/no-such-program
ends 126 -- /tmp

# The program ends and what it has started goes on; then one of these is killed.
rm -f /tmp/late
ends 0 -- sh -c '(for i in $(seq 600); do [ ! -e /tmp/late ] || break; sleep 0.1; done; test_exec; echo $? >/tmp/status
	exec sleep 1000) &'
hadal clients | grep -q ' sh ' || fail "no shell: $(hadal clients)"
: >/tmp/late
late_sleeps() {
	[ -s /tmp/status ] && hadal clients | grep -q ' sleep '
}
wait_for 60 "the late program" late_sleeps
equal "status of the late program" "$(cat /tmp/status)" 0
kill -9 "$(hadal clients | sed -n 's/^ *\([0-9]*\) sleep .*/\1/p')"
no_client() {
	[ "$(hadal clients | wc -l)" = 1 ]
}
wait_for 10 "the end of the killed client" no_client

# For LibVMI's KVM driver: files, a stand-in for libvirt and a server, gone with the program.
no_directory() {
	[ -z "$(find /run /tmp -maxdepth 1 -name 'hadal-*')" ]
}
is_slow && quick=quick # Bochs makes a System.map in a minute
ends 0 --events -- test_standin $quick
for name in virDomainGetInfo virDomainSuspend virDomainResume virDomainQemuMonitorCommand; do
	[ "$(grep -c "^hadal: $name() of libvirt is not there" /tmp/ends.out)" = 1 ] ||
		fail "$name is not refused by name: $(cat /tmp/ends.out)"
done
grep -q "^hadal: there is no libvirt at 'xen:///system'" /tmp/ends.out || fail "another libvirt is not refused"
grep -q "^hadal: LibVMI has found no way" /tmp/ends.out || fail "an unknown name is not told of"
wait_for 20 "the end of its files" no_directory
ends 2 --events --only -- true
hadal exec --events -- test_standin hold >/tmp/hold &
is_served() {
	grep -q served /tmp/hold
}
wait_for 60 "the program that is killed" is_served
kill -9 $!
wait_for 20 "the end of its files" no_directory
no_server() {
	! pidof hadal >/dev/null
}
wait_for 20 "the end of its server" no_server
is_slow || ends 3 --events -- test_exec
test_exec
equal "status outside" $? 3
[ "$(hadal clients | wc -l)" = 1 ] || fail "a client is left: $(hadal clients)"
hadal stop >/dev/null || fail "Hadal does not stop"
hadal exec -- true 2>/dev/null
equal "status without Hadal" $? 1
hadal exec --events -- true 2>/dev/null
equal "status without Hadal, with events" $? 1
no_directory || fail "files are left"
