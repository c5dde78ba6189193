# SPDX-License-Identifier: MIT
"""What crash sees in a core."""

import re
import subprocess

COMMANDS = {
    "sys": "sys",
    "ps": "ps",
    "tasks": "list task_struct.tasks -s task_struct.pid,comm -h init_task",
    "mod": "mod",
    "log": "log",
    "swappiness": "p -d vm_swappiness",
    "pid_max": "p -d pid_max",
}


def version():
    output = subprocess.run(["crash", "--version"], capture_output=True, text=True).stdout
    return tuple(map(int, re.search(r"(\d+)\.(\d+)\.(\d+)", output).groups()))


def run_commands(core, vmlinux, folder, init_task):
    """{name: output}; crash writes each command's into a file of its own."""
    folder.mkdir()
    commands = {name: command.replace("init_task", f"{init_task:x}") for name, command in COMMANDS.items()}
    script = folder / "commands"
    lines = [f"{command} > {folder}/{name}.out" for name, command in commands.items()]
    script.write_text("\n".join([*lines, "exit", ""]))
    done = subprocess.run(
        ["crash", "-s", vmlinux, core, "-i", script],
        capture_output=True, text=True, errors="replace", timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    outputs = {}
    for name in commands:
        path = folder / f"{name}.out"
        outputs[name] = path.read_text(errors="replace") if path.is_file() else ""
    return outputs, done.stdout + done.stderr


def processes_of_ps(text):
    """Columns: [>] PID PPID CPU TASK ST %MEM VSZ RSS COMM, kernel threads in brackets."""
    line = re.compile(r"^>? +(\d+) +-?\d+ +\d+ +[0-9a-f]{16} +\S+ +[\d.]+ +\d+ +\d+ +(.*)$", re.M)
    found = {int(pid): re.sub(r"^\[(.*)\]$", r"\1", name) for pid, name in line.findall(text)}
    found.pop(0, None)  # the idle threads
    return found


def processes_of_list(text):
    found = re.findall(r"pid = (\d+),?\s+comm = \"(.*?)(?:\\0.*)?\"", text)
    return {int(pid): name for pid, name in found if pid != "0"}


def facts(core, vmlinux, folder, init_task, can_list_pids):
    outputs, messages = run_commands(core, vmlinux, folder, init_task)
    system = dict(re.findall(r"^ *([A-Z ]+): (.*)$", outputs["sys"], re.M))
    seen = {
        "release": system.get("RELEASE"),
        "hostname": system.get("NODENAME"),
        "cpus": int(system.get("CPUS", 0)),
        "processes": processes_of_list(outputs["tasks"]),
        "modules": re.findall(r"^[0-9a-f]{16}  (\S+)", outputs["mod"], re.M),
        "log": outputs["log"],
    }
    if can_list_pids:
        seen["processes_of_ps"] = processes_of_ps(outputs["ps"])
    for name in ("swappiness", "pid_max"):
        value = re.search(r"= (\d+)", outputs[name])
        seen[name] = int(value.group(1)) if value else None
    return seen, messages
