# SPDX-License-Identifier: MIT
"""A Linux kernel, as its machine's memory has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hadal import _objects
from hadal._call import Error, Incomplete, Visitor, checked, encoded, ffi, lib, libc, made, text
from hadal._types import Symbols, Types
from hadal._value import Value

if TYPE_CHECKING:
    from hadal._machine import Machine

_TRANSLATION = {14: "it is not mapped", 22: "it is not canonical, or a table is damaged", 6: "a table is not in RAM"}


class Space:
    """A virtual address space: the kernel's, or that of a process."""

    def __init__(self, kernel: Kernel, raw: Any):
        self._kernel = kernel
        self._raw = raw

    @contextmanager
    def _fresh(self) -> Iterator[Any]:
        """The library's space, which knows nothing of the memory as it was before."""
        machine = self._kernel.machine
        with machine.lock:
            self._kernel.handle()
            if not machine.is_image:
                lib.hadal_space_flush(self._raw)
            yield self._raw

    def read(self, address: int, length: int) -> bytes:
        """Memory at a virtual address. Raises Error unless all of it is there."""
        buffer = ffi.new("char[]", length)
        with self._fresh() as space:
            result = lib.hadal_space_read_exact(space, address, buffer, length)
        if result:
            raise Error(f"{length} bytes at {address:#x} cannot be read: not all of them are mapped", -result)
        return ffi.buffer(buffer, length)[:]

    def read_int(self, address: int, length: int = 8) -> int:
        """An unsigned number of so many bytes."""
        return int.from_bytes(self.read(address, length), "little")

    def read_string(self, address: int, limit: int = 4096) -> str:
        """A text up to its zero byte, or to the limit."""
        buffer = ffi.new("char[]", limit + 1)
        with self._fresh() as space:
            length = lib.hadal_space_read_string(space, address, buffer, limit + 1)
        if length < 0:
            raise Error(f"A text at {address:#x} cannot be read: nothing is mapped there", -length)
        return text(buffer, length)

    def translate(self, address: int) -> _objects.Translation:
        """Where a virtual address is in physical memory. Raises Error when it is nowhere."""
        raw = ffi.new("struct hadal_translation *")
        with self._fresh() as space:
            result = lib.hadal_space_translate(space, address, raw)
        if result:
            raise Error(f"{address:#x} cannot be translated: {_TRANSLATION.get(-result, 'it cannot be read')}", -result)
        rights = raw.rights
        return _objects.Translation(raw.physical, raw.page_bytes, bool(rights & 2), bool(rights & 8), bool(rights & 4),
                                    tuple(raw.step[i].entry for i in range(raw.step_count)))  # fmt: skip


class Kernel(Space):
    """A Linux kernel: machine.kernel. Its own address space is read by read(), translate() and so on.

    A list of which not all could be read raises Incomplete, whose `found` has the rest.
    """

    def __init__(self, machine: Machine, raw: Any):
        self.machine = machine  #: that it runs on
        self._kernel_raw = raw
        self._symbolizer: Any = None
        super().__init__(self, lib.hadal_kernel_space(raw))
        info = lib.hadal_kernel_info(raw)
        self.banner = text(info.banner)  #: "Linux version ..."
        self.release = text(info.release)  #: as uname -r
        self.build_id = text(info.build_id)  #: hexadecimal; empty when it has none
        self.slide = int(info.slide)  #: KASLR, bytes
        self.base = int(info.where.base)  #: virtual address of its image
        self.root = int(info.where.root)  #: physical address of its page tables
        self.levels = int(info.where.levels)  #: of its page tables, 4 or 5

    def handle(self) -> Any:
        """The library's struct hadal_kernel. Raises Error when the machine is closed."""
        self.machine.handle()
        return self._kernel_raw

    def symbolizer(self) -> Any:
        """The library's struct hadal_symbolizer, made when first asked for."""
        handle = self.handle()
        if self._symbolizer is None:
            self._symbolizer = self.machine.own(lib.hadal_symbolizer_free, made(lib.hadal_symbolizer_new, handle))
        return self._symbolizer

    def _whole(self, what: str, read: Callable[[], tuple[Any, int]]) -> Any:
        """What a reader found. It returns that, and in how many places something may be missing."""
        with self.machine.lock:
            handle, memory = self.handle(), lib.hadal_machine_memory(self.machine.handle())
            if not self.machine.is_image:
                lib.hadal_space_flush(self._raw)
            before = memory.missing.reads
            found, lost = read()
            error = ffi.new("struct hadal_error *")
            if memory.missing.reads != before and lib.hadal_kernel_missing(handle, error):
                raise Incomplete(text(error.text), found)
        if lost:
            raise Incomplete(f"{what} may be missing: {lost} place{'s' if lost > 1 else ''} could not be followed", found)
        return found

    def _list(self, kind: str, make: Callable[[Any], Any], free: Any, *calls: Callable[[Any], int]) -> tuple[Any, int]:
        """What the library lists in a structure of that kind, filled by calls."""
        raw = ffi.new(kind)
        try:
            for call in calls:
                call(raw)
            return [make(raw.items[i]) for i in range(raw.count)], raw.lost
        finally:
            free(raw)

    def processes(self, threads: bool = False, check: bool = True) -> list[_objects.Process]:
        """All processes, or all threads of them.

        check: hold the kernel's list against its PID table, the families and what the CPUs execute, and
        add what the list lacks (`hidden`).
        """
        calls = [lambda raw: checked(lib.hadal_processes, self.handle(), threads, raw)]
        if check:
            calls.append(lambda raw: checked(lib.hadal_processes_check, self.handle(), threads, raw))
        return self._whole("Processes", lambda: self._list(
            "struct hadal_process_list *", lambda raw: _objects.process(self, raw), lib.hadal_processes_free, *calls))  # fmt: skip

    def process(self, pid: int) -> _objects.Process:
        """The process of that number. Raises KeyError when there is none."""
        for process in self.processes():
            if process.pid == pid:
                return process
        raise KeyError(f"there is no process {pid}")

    def modules(self) -> list[_objects.Module]:
        """The loaded modules, the newest first."""
        return self._whole("Modules", lambda: self._list(
            "struct hadal_module_list *", _objects.module, lib.hadal_modules_free,
            lambda raw: checked(lib.hadal_modules, self.handle(), raw)))  # fmt: skip

    def sockets(self) -> list[_objects.Socket]:
        """The sockets of all network namespaces."""

        def read() -> tuple[Any, int]:
            raw = ffi.new("struct hadal_socket_list *")
            try:
                checked(lib.hadal_sockets, self.handle(), raw)
                return [_objects.socket(raw.items[i], raw.holders) for i in range(raw.count)], raw.lost
            finally:
                lib.hadal_sockets_free(raw)

        return self._whole("Sockets", read)

    def _visited(self, what: str, kind: str, make: Callable[[Any], Any], walk: Callable[[Any, Any], Any]) -> Any:
        """What the library tells a visitor of that kind, whose last argument is the object; walk(visit, lost)."""

        def read() -> tuple[Any, int]:
            found: list = []
            visitor = Visitor(kind, lambda *arguments: found.append(make(arguments[-1])))
            lost = ffi.new("size_t *")
            walk(visitor.called, lost)
            visitor.finish()
            return found, lost[0]

        return self._whole(what, read)

    @contextmanager
    def _opened(self, opening: Callable, closing: Callable) -> Iterator[Any]:
        reader = made(opening, self.handle())
        try:
            yield reader
        finally:
            closing(reader)

    def dmesg(self) -> list[_objects.Record]:
        """The kernel's log, the oldest record first."""
        return self._visited("Records", "hadal_dmesg_visit", _objects.record, lambda visit, lost: checked(
            lib.hadal_dmesg, self.handle(), visit, ffi.NULL, lost))  # fmt: skip

    def files(self, process: _objects.Process) -> list[_objects.File]:
        """The program, the directories and the open files of a process."""

        def walk(visit: Any, lost: Any) -> None:
            with self._opened(lib.hadal_files_open, lib.hadal_files_close) as reader:
                lib.hadal_files_of(reader, process._raw, visit, ffi.NULL, lost)

        return self._visited("Files", "hadal_file_visit", _objects.file, walk)

    def maps(self, process: _objects.Process) -> list[_objects.Mapping]:
        """The stretches of a process's address space."""
        return self._visited("Mappings", "hadal_mapping_visit", _objects.mapping, lambda visit, lost: checked(
            lib.hadal_maps, self.handle(), process._raw, visit, ffi.NULL, lost))  # fmt: skip

    def namespaces(self, process: _objects.Process) -> dict[str, tuple[int, int]]:
        """(address, number) of the namespaces that a process is in, by kind."""
        found = ffi.new("struct hadal_namespace[]", lib.HADAL_NAMESPACE_KINDS)
        with self.machine.lock, self._opened(lib.hadal_namespaces_open, lib.hadal_namespaces_close) as reader:
            lib.hadal_namespaces_of(reader, process._raw, found)
        names = lib.hadal_namespace_names
        return {text(names[kind]): (space.address, space.number) for kind, space in enumerate(found) if space.address}

    def mounts(self, process: _objects.Process | None = None) -> list[_objects.Mount]:
        """The mounts in the mount namespace of a process; None: of the first one."""
        address, _ = self.namespaces(process or self.process(1)).get("mnt", (0, 0))
        if not address:  # it has ended, and is not waited for yet
            return []

        def walk(visit: Any, lost: Any) -> None:
            with self._opened(lib.hadal_mounts_open, lib.hadal_mounts_close) as reader:
                checked(lib.hadal_mounts_of, reader, address, visit, ffi.NULL, lost)

        return self._visited("Mounts", "hadal_mount_visit", _objects.mount, walk)

    def arguments(self, process: _objects.Process) -> list[str]:
        """The command line of a process."""
        reader, words = ffi.new("struct hadal_arguments *"), ffi.new("char **")
        with self.machine.lock:
            checked(lib.hadal_arguments_open, reader, self.handle())
            length = lib.hadal_arguments_all(reader, process._raw, words)
        if length < 0:
            raise Error("Out of memory", -length)
        if not length:
            return []
        try:
            return text(words[0], length - 1).split("\0")
        finally:
            libc.free(words[0])

    def space(self, process: _objects.Process) -> Space:
        """The address space of a process. Raises Error for one that has none."""
        if not process.page_table:
            raise Error(f"Process {process.pid} has no address space of its own")
        self.handle()
        raw = ffi.new("struct hadal_space *")
        lib.hadal_space_init(raw, self._raw.cache, process.page_table, self.levels)
        return Space(self, raw)

    def show(self, expression: str) -> Value:
        """What a C-like expression is, such as "init_task.cred.uid": an object with fields.

        As `hadal show`: symbols, numbers, casts, * & . -> [] + -, per_cpu(), container_of(), sizeof().
        """
        raw = ffi.new("struct hadal_value *")
        with self.machine.lock:
            checked(lib.hadal_value_evaluate, self.handle(), self.symbolizer(), encoded(expression), raw)
            if raw.in_memory and not raw.type.id and not raw.type.pointers:
                checked(lambda error: lib.hadal_value_untyped(raw, error))
        return Value(self, raw)

    @property
    def symbols(self) -> Symbols:
        """Its symbols."""
        return Symbols(self)

    @property
    def types(self) -> Types:
        """Its types."""
        return Types(self)

    def isf(self, path: str | bytes) -> None:
        """Writes symbols and types to a new file, as volatility3 reads them."""
        out = libc.fopen(encoded(path), b"wx")
        if out == ffi.NULL:
            raise Error(f"{path!r} cannot be made: {os.strerror(ffi.errno)}", ffi.errno)
        try:
            with self.machine.lock:
                checked(lib.hadal_profile_isf, self.handle(), False, out)
        finally:
            full = libc.fclose(out)
        if full:
            raise Error(f"{path!r} cannot be written: {os.strerror(ffi.errno)}", ffi.errno)
