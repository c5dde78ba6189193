# SPDX-License-Identifier: MIT
"""In a guest of own-boot/96-python.amd.sh: what the module tells of this system, held against /proc."""

import os
import select
import signal
import shlex
import socket
import subprocess
import sys
import unittest

import hadal
import schema

# One of each kind of record; of lists those that hold the most kinds of things.
COMMANDS = [
    "check", "status", "stats", "stats --events", "step --count=3 --pid={stir}", "ps --threads", "files", "maps 1", "sockets",
    "mounts --all", "modules", "memmap", "dmesg", "events --count=20 cpuid", "watch -w --count=1 init_uts_ns",
    "break --count=1 --backtrace --registers __x64_sys_sethostname", "read -k init_task 64", "translate -k init_task",
    "find -k --text --limit=2 Linux --start=init_uts_ns --length=400", "strings -k --start=linux_banner --length=200", "regs",
    "symbols init_task", "symbols --info", "types task_struct pid_type", "show init_task.cred init_task.comm init_task.pid",
    "disas schedule 5", "stack", "clients",
]  # fmt: skip
# What makes an event for those that wait for one.
STIR = "while sleep 0.2; do /bin/hostname stirred; done"


def lines(path):
    """A file of /proc, split into words."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return [line.split() for line in file]


class Live(unittest.TestCase):
    """This system."""

    @classmethod
    def setUpClass(cls):
        cls.machine = hadal.open()
        cls.kernel = cls.machine.kernel
        cls.me = cls.kernel.process(os.getpid())

    @classmethod
    def tearDownClass(cls):
        cls.machine.close()

    def test_kernel(self):
        self.assertEqual(self.kernel.release, os.uname().release)
        self.assertFalse(self.machine.is_image)
        self.assertEqual(self.machine.cpus, os.cpu_count())

    def test_processes(self):
        found = {process.pid: process for process in self.kernel.processes()}
        self.assertFalse([process for process in found.values() if process.hidden])
        self.assertEqual((self.me.parent, self.me.uid, self.me.tgid), (os.getppid(), 0, os.getpid()))
        with open("/proc/self/cmdline", encoding="utf-8") as file:
            self.assertEqual(self.me.arguments(), file.read().split("\0")[:-1])
        self.assertEqual(found[2].name, "kthreadd")
        self.assertEqual(self.me.namespaces()["mnt"], os.stat("/proc/self/ns/mnt").st_ino)

    def test_hostile_names_are_exact(self):
        name = b"\x1b[1m\xff\n\xc3"
        with open("/proc/self/comm", "wb") as file:
            file.write(name)
        self.assertEqual(os.fsencode(self.kernel.process(os.getpid()).name), name)

    def test_files_and_sockets(self):
        path = b"/tmp/a \xff\nfile"
        with open(path, "wb") as file, socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            mine = {found.fd: found for found in self.me.files() if found.use == "fd"}
            self.assertEqual(os.fsencode(mine[file.fileno()].path), path)
            self.assertEqual(mine[listening.fileno()].type, "socket")
            port = listening.getsockname()[1]
            found = [each for each in self.kernel.sockets() if each.local_port == port]
            self.assertEqual([str(each.local) for each in found], ["127.0.0.1"])
            self.assertEqual(found[0].holders[0][:2], (os.getpid(), listening.fileno()))

    def test_lists(self):
        self.assertEqual([module.name for module in self.kernel.modules()],
                         [words[0] for words in lines("/proc/modules")])  # fmt: skip
        self.assertEqual([mount.path for mount in self.me.mounts()],
                         [words[4] for words in lines("/proc/self/mountinfo")])  # fmt: skip
        with open("/dev/kmsg", "w", encoding="utf-8") as log:
            log.write("a mark of Python's")
        self.assertIn("a mark of Python's", [record.text for record in self.kernel.dmesg()])
        mapped = [(area.start, area.end) for area in self.me.maps()]
        words = [words[0].split("-") for words in lines("/proc/self/maps") if words[-1] not in ("[vsyscall]",)]
        self.assertLess(set(mapped) ^ {(int(a, 16), int(b, 16)) for a, b in words}, set(mapped))

    def test_memory_and_values(self):
        start = next(area.start for area in self.me.maps() if area.path.endswith("/python3"))
        self.assertEqual(self.me.memory.read(start, 4), b"\x7fELF")
        where = self.me.memory.translate(start)
        self.assertTrue(where.user)
        self.assertEqual(self.machine.read(where.physical, 4), b"\x7fELF")
        self.assertEqual(self.me.value.pid, os.getpid())
        self.assertEqual(str(self.kernel.show("init_uts_ns.name.release")), os.uname().release)
        self.assertEqual(int(self.kernel.show("init_task.cred.uid.val")), 0)
        kallsyms = {words[2]: int(words[0], 16) for words in lines("/proc/kallsyms") if len(words) == 3}
        self.assertEqual(self.kernel.symbols["init_task"], kallsyms["init_task"])
        self.assertTrue(self.machine.registers(0)["cr3"])

    def test_events(self):
        with self.machine.events() as events:
            number = events.subscribe("cpuid", first=0, count=0xFFFFFFFF)
            os.system("/bin/hadal status >/dev/null")
            seen = [events.next(5) for _ in range(3)]
            self.assertEqual({(event.kind, event.subscription) for event in seen}, {("cpuid", number)})
            events.unsubscribe(number)
            while events.next(0):
                pass
            self.assertIsNone(events.next(0.05))
            self.assertEqual(events.lost, 0)
            with self.assertRaises(ValueError):
                events.subscribe("nothing")
            with self.assertRaises(hadal.Error):
                events.subscribe("memory", first=1 << 60, count=1, access="w")

    def set_hostname(self, name):
        """On another CPU than this reader's."""
        return subprocess.Popen(["/bin/hostname", name], preexec_fn=lambda: os.sched_setaffinity(0, [1]))

    def test_filters_and_captures(self):
        address = self.kernel.symbols["__x64_sys_sethostname"]
        with self.machine.events() as events:
            passes = events.subscribe("break", address, cookie=7, clauses=[hadal.Clause("cpu", "==", 1)],
                                      capture=("registers", "code", "stack"), stack_bytes=64)  # fmt: skip
            fails = events.breakpoint(address, condition="cpu == 0 || rip == 1")
            self.set_hostname("filtered").wait()
            self.assertTrue(select.select([events], [], [], 10)[0])
            event = events.next(0)
            self.assertEqual((event.subscription, event.cpu, event.cookie, event.rip), (passes, 1, 7, address))
            self.assertEqual(event.code, self.kernel.read(address, 16))
            self.assertEqual(len(event.stack), 64)
            self.assertIn("do_syscall_64", self.kernel.symbols.at(int.from_bytes(event.stack[:8], "little")))
            self.assertGreater(event.registers["rsp"], 1 << 63)
            self.assertIsNone(events.next(0.05))
            state = events.state(fails)
            self.assertEqual((state.hits, state.filtered, state.state), (1, 1, "full"))
            self.assertEqual((events.state(passes, 0).hits, events.state(passes, 1).hits), (0, 1))
            for wrong in ({"count": 0}, {"count": 2}):
                with self.assertRaises(hadal.Error):
                    events.subscribe("break", **{"first": address, **wrong})
            for wrong in ({"action": "stop"}, {"capture": ["all"]}, {"clauses": [hadal.Clause("cpu", "=", 0)]},
                          {"method": "x"}, {"access": "z"},
                          {"condition": "cpu == 0", "clauses": [hadal.Clause("cpu", "==", 0)]}):  # fmt: skip
                with self.assertRaises(ValueError, msg=wrong):
                    events.subscribe("break", address, **wrong)

    def test_answers(self):
        """What holds a CPU is sent elsewhere: the name is not set, and the program finds nothing wrong."""
        os.sched_setaffinity(0, [0])
        before = os.uname().nodename
        with self.machine.events() as events:
            events.subscribe("break", self.kernel.symbols["__x64_sys_sethostname"], action="hold", deadline=1000000)
            program = self.set_hostname("never")
            event = events.next(10)
            self.assertTrue(event.held)
            with self.assertRaisesRegex(hadal.Error, "out of range"):
                events.answer(event, registers={"rip": 1 << 60})
            events.answer(event, registers={"rip": self.kernel.symbols["__x64_sys_getuid"]})
            self.assertEqual(program.wait(), 0)
            with self.assertRaises(hadal.Error):
                events.answer(event)
        os.sched_setaffinity(0, range(os.cpu_count()))
        self.assertEqual(os.uname().nodename, before)

    def test_json_is_as_documented(self):
        with open("/tests/json.md", encoding="utf-8") as file:
            members = schema.documented(file.read())
        self.assertEqual(members.keys() ^ {command.split()[0] for command in COMMANDS}, set())
        stir = subprocess.Popen(["/bin/sh", "-c", STIR])
        with self.machine.events() as events:
            events.subscribe("exception", first=31, count=1)
            try:
                self.hold_against(members, stir.pid)
            finally:
                stir.kill()
                stir.wait()

    def hold_against(self, members, stir):
        """What each command prints against what the document has of it."""
        for command in COMMANDS:
            words = shlex.split(command.format(stir=stir))
            done = subprocess.run(["/bin/hadal", words[0], "--json", *words[1:]], capture_output=True, timeout=100)
            self.assertIn(done.returncode, (0, 1), (command, done.stderr))
            with self.subTest(command):
                found = schema.check(command, done.stdout.decode("utf-8"), members[words[0]])
                self.assertTrue(found or words[0] == "clients", (command, done.stderr))

    def test_interrupted_it_ends(self):
        with self.machine.events() as events:
            events.subscribe("exception", first=31, count=1, access="x")
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with self.assertRaises(KeyboardInterrupt):
                for _ in events:
                    pass


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Live)
    sys.exit(not unittest.TextTestRunner(sys.stdout).run(suite).wasSuccessful())
