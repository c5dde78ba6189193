# SPDX-License-Identifier: MIT
"""A machine: this one, on which Hadal runs, or an image of one."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

from hadal._call import Error, checked, encoded, ffi, lib, made, text
from hadal._events import Events
from hadal._kernel import Kernel


def _close(handle: Any, process: int, owned: list) -> None:
    """owned: (function, object) of what must go first. A child of fork leaves its parent's alone."""
    if os.getpid() != process:
        return
    for free, thing in reversed(owned):
        free(thing)
    lib.hadal_machine_close(handle)


class Machine:
    """A machine that is looked into. Use it in a `with`, or close() it.

    All that is got from it lasts until it is closed and raises Error afterwards. Threads may share it:
    they wait for each other. A process made by fork() must open its own.
    """

    def __init__(self, image: str | bytes | os.PathLike | None = None):
        handle = ffi.new("struct hadal_machine **")
        if image is None:
            checked(lib.hadal_open_system, handle)
        else:
            checked(lib.hadal_open_image, encoded(image), handle)
        self._handle = handle[0]
        self._process = os.getpid()
        self._owned: list = []
        self._kernel: Kernel | None = None
        self.lock = threading.RLock()
        self._end = weakref.finalize(self, _close, self._handle, self._process, self._owned)

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes it; a second time is fine."""
        with self.lock:
            self._end()

    def handle(self) -> Any:
        """The library's struct hadal_machine. Raises Error when it is closed."""
        if not self._end.alive:
            raise Error("The machine is closed")
        if os.getpid() != self._process:
            raise Error("The machine was opened by the parent process; open it again after fork()")
        return self._handle

    def own(self, free: Any, thing: Any) -> Any:
        """Lets the machine free a thing before it closes itself."""
        self._owned.append((free, thing))
        return thing

    @property
    def is_image(self) -> bool:
        """False for this running system."""
        return lib.hadal_machine_device(self.handle()) == ffi.NULL

    @property
    def cpus(self) -> int:
        """CPU numbers are below this; 0 for an image."""
        return lib.hadal_machine_cpus(self.handle())

    @property
    def ram(self) -> list[tuple[int, int]]:
        """Ranges of RAM, (first address, address behind the last)."""
        memory = lib.hadal_machine_memory(self.handle())
        return [(memory.ranges[i].start, memory.ranges[i].end) for i in range(memory.range_count)]

    def read(self, address: int, length: int) -> bytes:
        """Physical memory. Raises Error unless all of it is RAM, and in the image."""
        buffer = ffi.new("char[]", length)
        with self.lock:
            result = lib.hadal_memory_read_exact(lib.hadal_machine_memory(self.handle()), address, buffer, length)
        if result:
            raise Error(f"{length} bytes at physical {address:#x} cannot be read: not all of them are RAM", -result)
        return ffi.buffer(buffer, length)[:]

    @property
    def kernel(self) -> Kernel:
        """The Linux kernel that runs, or ran, on it; found when first asked for."""
        with self.lock:
            handle = self.handle()
            if self._kernel is None:
                self._kernel = Kernel(self, made(lib.hadal_machine_kernel, handle))
            return self._kernel

    def registers(self, cpu: int) -> dict[str, int]:
        """Registers of a CPU of this system at this moment, by name, such as "rip"."""
        device = lib.hadal_machine_device(self.handle())
        if device == ffi.NULL:
            raise Error("An image has no registers that can be read this way")
        registers = ffi.new("struct hadal_regs *")
        checked(lib.hadal_regs, device, cpu, registers)
        raw, found, size = ffi.buffer(registers), {}, ffi.new("size_t *")
        number = 0
        while (name := lib.hadal_reg_name(number)) != ffi.NULL:
            at = lib.hadal_reg_place(number, size)
            found[text(name)] = int.from_bytes(raw[at : at + size[0]], "little")
            number += 1
        return found

    def events(self, ring_bytes: int = 1 << 18) -> Events:
        """Events of this system; subscribe to some, and iterate."""
        if self.is_image:
            raise Error("An image has no events: nothing happens in it")
        return Events(ring_bytes)
