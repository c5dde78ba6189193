#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tells what a rootkit would hide or turn around, in this system or in an image: rootkit.py [IMAGE]"""

import struct
import sys

import hadal

SYSTEM_CALLS = 440  # that every kernel from 5.10 on has


def suspects(kernel):
    """One sentence for each thing that is not as it should be."""
    for process in kernel.processes():
        if process.hidden:
            yield f"process {process.pid} ({process.name!r}) is hidden from some lists"
    for socket in kernel.sockets():
        if socket.hidden:
            yield f"socket {socket.inode} is hidden: {socket.local}:{socket.local_port} of {socket.holders}"
    start, end = kernel.symbols["_stext"], kernel.symbols["_etext"]
    table = kernel.read(kernel.symbols["sys_call_table"], 8 * SYSTEM_CALLS)
    for number, (target,) in enumerate(struct.iter_unpack("<Q", table)):
        if not start <= target < end:
            yield f"system call {number} goes to {target:#x}, {kernel.symbols.at(target) or 'which has no name'}"


if __name__ == "__main__":
    with hadal.open(*sys.argv[1:]) as machine:
        found = list(suspects(machine.kernel))
    for line in found:
        print(ascii(line)[1:-1])
    sys.exit(1 if found else 0)
