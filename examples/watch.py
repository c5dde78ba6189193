#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Watches this system write a model-specific register: watch.py MSR [COUNT], e.g. watch.py 0x1b"""

import sys

import hadal


def watch(machine, msr, count):
    """Prints so many writes, and which function of the kernel made each."""
    symbols = machine.kernel.symbols
    with machine.events() as events:
        events.subscribe("msr", first=msr, access="w")
        print("watching", flush=True)
        for event in events:
            print(f"CPU {event.cpu}: {event.new:#x} by {symbols.at(event.rip) or hex(event.rip)}", flush=True)
            count -= 1
            if not count:
                return


if __name__ == "__main__":
    try:
        with hadal.open() as system:
            watch(system, int(sys.argv[1], 0), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    except hadal.Error as problem:
        sys.exit(f"watch.py: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
