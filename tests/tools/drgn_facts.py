# SPDX-License-Identifier: MIT
"""Run by drgn on a core: prints as JSON what drgn sees in it. By hadal.drgn it has the kernel's own types
only, which tell little of variables, and no stacks.
"""

import json
import os

from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import find_task, for_each_task
from drgn.helpers.linux.printk import get_dmesg

said = json.load(open(os.environ["SAID"]))
name = prog["init_uts_ns"].name  # noqa: F821: drgn's own
modules = list_for_each_entry("struct module", prog["modules"].address_of_(), "list")  # noqa: F821
facts = {
    "release": name.release.string_().decode(),
    "hostname": name.nodename.string_().decode(),
    "init": prog["init_task"].comm.string_().decode(),  # noqa: F821
    "processes": {int(t.pid): t.comm.string_().decode() for t in for_each_task(prog)},  # noqa: F821
    "modules": [module.name.string_().decode() for module in modules],
}
if "HADAL" not in os.environ:
    sleeper = find_task(prog, said["hidden"])  # noqa: F821
    facts |= {
        "swappiness": int(prog["vm_swappiness"]),  # noqa: F821
        "pid_max": int(prog["pid_max"]),  # noqa: F821
        "log": get_dmesg(prog).decode(errors="replace"),  # noqa: F821
        "sleeping_in": [frame.name for frame in prog.stack_trace(sleeper)],  # noqa: F821
    }
print("FACTS " + json.dumps(facts))
