# SPDX-License-Identifier: MIT
"""What is listed of a system. Names and paths may hold any bytes: as os.fsdecode has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from hadal._call import ffi, lib, text

if TYPE_CHECKING:
    from hadal._kernel import Kernel, Space


@dataclass(frozen=True)
class Process:
    """A process, or a thread of one."""

    pid: int  #: of the thread, in the first PID namespace
    tgid: int  #: of the process
    parent: int
    name: str  #: as /proc/PID/comm
    uid: int
    euid: int
    gid: int
    threads: int
    state: str  #: as ps shows
    kernel_thread: bool
    start_time: int  #: nanoseconds after boot
    task: int  #: address of its task_struct
    mm: int  #: address of its mm_struct; 0 for a kernel thread
    page_table: int  #: physical address of its root; 0 when it has none
    hidden: bool  #: in the kernel's list or in its PID table, but not in both
    _kernel: Kernel = field(repr=False, compare=False)
    _raw: Any = field(repr=False, compare=False)

    def arguments(self) -> list[str]:
        """Its command line; empty for a kernel thread, and where the memory is not there."""
        return self._kernel.arguments(self)

    def files(self) -> list[File]:
        """Its program, its directories and its open files."""
        return self._kernel.files(self)

    def maps(self) -> list[Mapping]:
        """The stretches of its address space."""
        return self._kernel.maps(self)

    def mounts(self) -> list[Mount]:
        """The mounts of its mount namespace."""
        return self._kernel.mounts(self)

    def namespaces(self) -> dict[str, int]:
        """Numbers of the namespaces that it is in, by kind, as in /proc/PID/ns."""
        return {kind: number for kind, (_, number) in self._kernel.namespaces(self).items()}

    @property
    def memory(self) -> Space:
        """Its address space."""
        return self._kernel.space(self)

    @property
    def value(self) -> Any:
        """Its task_struct, with all fields."""
        return self._kernel.show(f"*(struct task_struct *){self.task:#x}")


def process(kernel: Kernel, raw: Any) -> Process:
    """A struct hadal_process, which is copied."""
    copy = ffi.new("struct hadal_process *", raw)
    return Process(copy.pid, copy.tgid, copy.parent, text(copy.comm), copy.uid, copy.euid, copy.gid, copy.threads,
                   copy.state.decode("latin-1"), copy.kernel_thread, copy.start_time, copy.task, copy.mm,
                   copy.page_table, copy.hidden, kernel, copy)  # fmt: skip


@dataclass(frozen=True)
class Module:
    """A loaded kernel module."""

    name: str
    address: int  #: of its struct module
    base: int  #: of its text
    size: int  #: bytes, as in /proc/modules
    references: int
    state: str  #: as in /proc/modules
    parts: tuple[tuple[int, int], ...]  #: where it lies: (first address, address behind the last)


def module(raw: Any) -> Module:
    """A struct hadal_module."""
    parts = tuple((raw.parts[i].start, raw.parts[i].end) for i in range(raw.part_count))
    return Module(text(raw.name), raw.address, raw.base, raw.size, raw.references,
                  text(lib.hadal_module_state_name(raw.state)), parts)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file that a process has."""

    use: str  #: "fd", "exe", "cwd" or "root"
    fd: int  #: -1 when it is no file descriptor
    path: str  #: as in /proc/PID/fd
    type: str  #: "file", "dir", "pipe", "socket", "char", "block", "link" or "anon"
    readable: bool
    writable: bool
    flags: int  #: O_*
    position: int
    mode: int
    inode: int
    file: int  #: address of its struct file; 0: none


def file(raw: Any) -> File:
    """A struct hadal_file."""
    use = {lib.HADAL_FILE_EXE: "exe", lib.HADAL_FILE_CWD: "cwd", lib.HADAL_FILE_ROOT: "root"}.get(raw.use, "fd")
    return File(use, raw.fd, text(raw.path), text(lib.hadal_file_type_name(raw.mode)), raw.readable, raw.writable,
                raw.flags, raw.position, raw.mode, raw.inode, raw.file)  # fmt: skip


@dataclass(frozen=True)
class Mapping:
    """A stretch of a process's address space."""

    start: int
    end: int
    readable: bool
    writable: bool
    executable: bool
    shared: bool
    offset: int
    inode: int
    path: str  #: as in /proc/PID/maps; empty for none
    area: int  #: address of its vm_area_struct


def mapping(raw: Any) -> Mapping:
    """A struct hadal_mapping."""
    return Mapping(raw.start, raw.end, raw.readable, raw.writable, raw.executable, raw.shared, raw.offset, raw.inode,
                   text(raw.path), raw.area)  # fmt: skip


@dataclass(frozen=True)
class Mount:
    """A mounted file system, or a part of one."""

    id: int
    parent: int
    device: tuple[int, int]
    path: str
    root: str
    source: str
    type: str
    options: str
    super_options: str
    mount: int  #: address of its struct mount


def mount(raw: Any) -> Mount:
    """A struct hadal_mount."""
    return Mount(raw.id, raw.parent, (raw.major, raw.minor), text(raw.path), text(raw.root), text(raw.source),
                 text(raw.type), text(raw.options), text(raw.super_options), raw.mount)  # fmt: skip


Address = IPv4Address | IPv6Address | None


@dataclass(frozen=True)
class Socket:
    """A socket."""

    family: int  #: AF_*, as in the module socket
    type: int  #: SOCK_*
    protocol: int
    state: int  #: TCP_*, for all kinds
    local: Address  #: AF_INET and AF_INET6 only
    local_port: int
    peer: Address
    peer_port: int
    name: str  #: AF_UNIX: "/path", "@abstract" or ""
    inode: int  #: 0: it has no file
    uid: int
    namespace: int  #: number of its network namespace
    hidden: bool  #: not in the kernel's table, or open and of no process
    holders: tuple[tuple[int, int, str], ...]  #: (PID, file descriptor, name of the process)
    sock: int  #: address of its struct sock


def socket(raw: Any, holders: Any) -> Socket:
    """A struct hadal_socket of a list with these holders."""
    found, at = [], raw.first_holder
    while at != (1 << 64) - 1:
        found.append((holders[at].pid, holders[at].fd, text(holders[at].comm)))
        at = holders[at].next
    ends: list[Address] = [None, None]
    if raw.family == 2:
        ends = [IPv4Address(ffi.buffer(end, 4)[:]) for end in (raw.local, raw.peer)]
    elif raw.family == 10:
        ends = [IPv6Address(ffi.buffer(end, 16)[:]) for end in (raw.local, raw.peer)]
    return Socket(raw.family, raw.type, raw.protocol, raw.state, ends[0], raw.local_port, ends[1], raw.peer_port,
                  text(raw.name, raw.name_len), raw.inode, raw.uid, raw.net, raw.hidden != lib.HADAL_SOCKET_SEEN,
                  tuple(found), raw.sock)  # fmt: skip


@dataclass(frozen=True)
class Record:
    """A record of the kernel's log."""

    sequence: int
    time: int  #: nanoseconds after boot
    level: int  #: 0 (emerg) to 7 (debug)
    facility: int
    text: str
    subsystem: str
    device: str


def record(raw: Any) -> Record:
    """A struct hadal_dmesg_record."""
    return Record(raw.sequence, raw.time, raw.level, raw.facility, text(raw.text, raw.text_len), text(raw.subsystem),
                  text(raw.device))  # fmt: skip


@dataclass(frozen=True)
class Translation:
    """How a virtual address is translated."""

    physical: int
    page_bytes: int
    writable: bool
    user: bool
    executable: bool
    entries: tuple[int, ...]  #: of the page tables, from the root on
