# SPDX-License-Identifier: MIT
"""Run by gdb on a core: prints as JSON what gdb sees in it. SAID in the environment is a JSON file
with addresses; with DEBUG=1 the kernel's debug information is loaded too."""

import json
import os

import gdb

said = json.load(open(os.environ["SAID"]))
inferior = gdb.selected_inferior()


def text_at(address, length=512):
    return bytes(inferior.read_memory(address, length)).split(b"\0")[0].decode()


def word_at(address):
    return int.from_bytes(bytes(inferior.read_memory(address, 8)), "little")


def memory():
    """Without any debug information: through both mappings of the kernel's image."""
    slide = said["linux_banner"] - said["text"]
    direct_map = word_at(said["page_offset_base"])
    yield "cpus", len(inferior.threads())
    yield "version", text_at(said["linux_banner"])
    yield "version_by_direct_map", text_at(direct_map + said["text_physical"] + slide)


def list_of(head, kind, link):
    """The structures of this kind on a list_head, at most as many as no guest has."""
    offset = next(field.bitpos // 8 for field in kind.fields() if field.name == link)
    at = head["next"]
    for _ in range(10000):
        if int(at) == int(head.address):
            return
        yield gdb.Value(int(at) - offset).cast(kind.pointer()).dereference()
        at = at["next"]


def kernel():
    def value(text):
        return gdb.parse_and_eval(text)

    # Not the modules: gdb walks no page tables, and they are in the vmalloc area.
    task = gdb.lookup_type("struct task_struct")
    yield "release", value("init_uts_ns.name.release").string()
    yield "hostname", value("init_uts_ns.name.nodename").string()
    yield "swappiness", int(value("vm_swappiness"))
    yield "pid_max", int(value("pid_max"))
    yield "init", value("init_task.comm").string()
    yield (
        "processes",
        {int(t["pid"]): t["comm"].string() for t in list_of(value("init_task.tasks"), task, "tasks")},
    )


facts = dict(memory())
if os.environ.get("DEBUG"):
    facts.update(kernel())
print("FACTS " + json.dumps(facts))
