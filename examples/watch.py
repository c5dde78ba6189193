#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Watches this system write a variable of its kernel: watch.py EXPRESSION [COUNT]

For example watch.py init_uts_ns.name.nodename, and then hostname NAME.
"""

import sys

import hadal


def watch(machine, expression, count):
    """Prints so many writes: by which function of the kernel, and what is there then."""
    kernel = machine.kernel
    value = kernel.show(expression)
    with machine.events() as events:
        events.subscribe("memory", first=kernel.translate(value.address).physical, count=value.size, access="w")
        print(f"watching {value!r}", flush=True)
        for event in events:
            if event.kind == "memory":
                print(f"CPU {event.cpu} at {kernel.symbols.at(event.rip)}: {event.new:#x}", flush=True)
                count -= 1
                if not count:
                    return


if __name__ == "__main__":
    try:
        with hadal.open() as system:
            watch(system, sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    except hadal.Error as problem:
        sys.exit(f"watch.py: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
