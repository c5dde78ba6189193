# SPDX-License-Identifier: MIT
"""Looks into a running Linux system from the hypervisor below it, or into an image of one.

    import hadal

    with hadal.open() as machine:              # or hadal.open("memory.lime")
        kernel = machine.kernel
        for process in kernel.processes():
            print(process.pid, process.name, process.hidden)
        task = kernel.show("init_task")
        print(task.comm, int(task.cred.uid.val), task.plain(depth=1))

Nothing is taken from the help of the system that is looked into: names and paths are what its memory
has, and may hold any bytes (as os.fsdecode has them; os.fsencode gives the bytes). What fails raises
Error with one sentence; a list of which not all could be read raises Incomplete, with the rest in
`found`. Everything lasts until its machine is closed. Threads may share a machine; a child of fork()
must open its own.
"""

from __future__ import annotations

import os

from hadal._call import Error, Incomplete
from hadal._events import ACTIONS, ANSWERS, CAPTURES, KINDS, METHODS, VALUES, Clause, Event, Events, State, condition
from hadal._kernel import Kernel, Space
from hadal._library import version as __version__
from hadal._machine import Machine
from hadal._objects import File, Mapping, Module, Mount, Process, Record, Socket, Translation
from hadal._types import Member, Symbol, Type
from hadal._value import Value

__all__ = ["ACTIONS", "ANSWERS", "CAPTURES", "KINDS", "METHODS", "VALUES", "Clause", "Error", "Event", "Events",
           "File", "Incomplete", "Kernel", "Machine", "Mapping", "Member", "Module", "Mount", "Process", "Record",
           "Socket", "Space", "State", "Symbol", "Translation", "Type", "Value", "__version__", "condition", "open"]  # fmt: skip


def open(image: str | bytes | os.PathLike | None = None) -> Machine:  # pylint: disable=redefined-builtin
    """Opens this system, on which Hadal must run (as root), or an image of one."""
    return Machine(image)
