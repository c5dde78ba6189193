# SPDX-License-Identifier: MIT
"""Compares the profiles that `hadal profile` made with the DWARF and the symbols of the same kernel."""

import json
import re
import subprocess

# Fields that tools begin with. Each must be right; of all others a few may differ, for several
# structures may have one name, and the two sides then do not mean the same one.
WELL_KNOWN = {
    "task_struct": "tasks thread_node pid tgid comm __state exit_state flags real_parent parent children "
                   "sibling group_leader cred real_cred mm active_mm signal sighand files fs nsproxy stack "
                   "start_time start_boottime thread_pid pid_links utime stime on_cpu prio in_execve",
    "mm_struct": "pgd mm_mt mmap_base task_size arg_start arg_end env_start env_end start_code end_code "
                 "start_brk brk start_stack exe_file map_count total_vm mm_users mm_count owner",
    "vm_area_struct": "vm_start vm_end vm_flags vm_file vm_pgoff vm_mm",
    "cred": "uid gid euid egid suid fsuid cap_effective cap_permitted user_ns",
    "module": "state list name init_layout core_layout kallsyms num_syms syms version",
    "module_layout": "base size text_size",
    "file": "f_path f_inode f_op f_pos f_flags f_mode",
    "path": "mnt dentry",
    "dentry": "d_name d_parent d_inode d_child d_subdirs d_iname",
    "qstr": "name len hash",
    "inode": "i_ino i_mode i_uid i_size i_sb i_mtime",
    "super_block": "s_list s_type s_root s_id s_mounts",
    "mount": "mnt mnt_mountpoint mnt_parent mnt_devname mnt_list",
    "vfsmount": "mnt_root mnt_sb mnt_flags",
    "fs_struct": "root pwd umask",
    "files_struct": "fdt fdtab fd_array",
    "fdtable": "max_fds fd open_fds",
    "signal_struct": "nr_threads thread_head rlim tty",
    "nsproxy": "uts_ns ipc_ns mnt_ns pid_ns_for_children net_ns",
    "pid_namespace": "idr child_reaper level parent",
    "pid": "level tasks numbers",
    "upid": "nr ns",
    "sock": "__sk_common sk_protocol sk_type sk_socket",
    "sock_common": "skc_daddr skc_rcv_saddr skc_dport skc_num skc_family skc_state",
    "inet_sock": "inet_saddr inet_sport",
    "socket": "state type sk file",
    "list_head": "next prev",
    "printk_ringbuffer": "desc_ring text_data_ring",
    "printk_info": "seq ts_nsec text_len caller_id",
    "tcphdr": "source dest doff fin syn ack",
    "kobject": "name entry parent kset",
    "net_device": "name ifindex flags dev_list",
    "page": "flags mapping _refcount _mapcount",
    "rq": "curr nr_running cpu",
}  # fmt: skip
# What the kernel has of each, at the least; far fewer would say that something was left out.
MIN_STRUCTURES, MIN_SYMBOLS = 5000, 50000
MAX_AMBIGUOUS = 0.005


class Differs(Exception):
    """A profile is not what DWARF and the symbol table say."""


class Isf:
    def __init__(self, path):
        self.data = json.loads(path.read_text())
        self.types = self.data["user_types"]

    def fields(self, name):
        """{field: (bit offset, bits of a bit-field or None)}, those of anonymous members too."""
        found = {}
        for field, member in self.types[name]["fields"].items():
            kind, bit = member["type"], 8 * member["offset"]
            if member.get("anonymous"):
                inner = self.fields(kind["name"])
                found.update({key: (bit + at, length) for key, (at, length) in inner.items()})
            elif kind["kind"] == "bitfield":
                found[field] = bit + kind["bit_position"], kind["bit_length"]
            else:
                found[field] = bit, None
        return found


def dwarf_fields(kind):
    """The same of a type of drgn's."""
    found = {}
    for member in kind.members:
        if member.name is None:
            inner = dwarf_fields(member.type)
            found.update({key: (member.bit_offset + at, length) for key, (at, length) in inner.items()})
        else:
            found[member.name] = member.bit_offset, member.bit_field_size
    return found


def check_structure(isf, program, name):
    """The number of fields; raises Differs, or LookupError when DWARF does not have it."""
    described = isf.types[name]
    kind = program.type(f"{described['kind']} {name}")
    if kind.size != described["size"]:
        raise Differs(f"{name} has {described['size']} bytes, DWARF says {kind.size}")
    ours, theirs = isf.fields(name), dwarf_fields(kind)
    for field in sorted(ours.keys() | theirs.keys()):
        if ours.get(field) != theirs.get(field):
            raise Differs(f"{name}.{field} is at bit {ours.get(field)}, DWARF says {theirs.get(field)}")
    return len(ours)


def check_well_known(isf, program):
    fields = 0
    for name, members in WELL_KNOWN.items():
        if name not in isf.types:
            raise Differs(f"the ISF has no {name}")
        check_structure(isf, program, name)
        absent = set(members.split()) - isf.fields(name).keys()
        if absent:
            raise Differs(f"{name} has no {', '.join(sorted(absent))}")
        fields += len(members.split())
    return fields


def check_all(isf, program):
    structures = fields = 0
    differences = []
    for name in isf.types:
        try:
            if not name.startswith("unnamed_"):
                fields += check_structure(isf, program, name)
                structures += 1
        except Differs as difference:
            differences.append(str(difference))
        except (LookupError, SyntaxError):
            pass  # inside a function, or a name that drgn cannot parse
    if structures < MIN_STRUCTURES or len(differences) > MAX_AMBIGUOUS * structures:
        raise Differs(f"{structures} structures agree; not: {'; '.join(differences[:10])}")
    return structures, fields, len(differences)


def check_enumerations(isf, program):
    """pid_type and those like it: by their constants."""
    for enum, constant in (("pid_type", "PIDTYPE_TGID"), ("module_state", "MODULE_STATE_GOING"),
                           ("zone_type", "ZONE_NORMAL"), ("sock_type", "SOCK_STREAM")):  # fmt: skip
        ours, theirs = isf.data["enums"][enum]["constants"][constant], program[constant].value_()
        if ours != theirs:
            raise Differs(f"{constant} is {ours}, DWARF says {theirs}")


def check_symbols(isf, system_map, vmlinux):
    """Each address must be one that the linker gave this name."""
    linked = {}
    for line in subprocess.run(["nm", vmlinux], capture_output=True, text=True).stdout.splitlines():
        address, _, name = line[:16], line[17], line[19:]
        linked.setdefault(name, set()).add(address)
    given = [(f"{symbol['address']:016x}", name) for name, symbol in isf.data["symbols"].items()]
    given += [line.split(" ", 2)[::2] for line in system_map.read_text().splitlines()]
    # kallsyms cuts nothing off and makes up nothing, but the linker's own local names are not in nm.
    wrong = [(at, name) for at, name in given if name in linked and at not in linked[name]]
    known = sum(name in linked for _, name in given)
    if wrong or known < 2 * MIN_SYMBOLS:
        raise Differs(f"{known} symbols are in the symbol table too, of these elsewhere: {wrong[:5]}")
    return known


def check_libvmi(text, program):
    """The offsets in libvmi.conf."""
    for key, kind, member in (("tasks", "task_struct", "tasks"), ("mm", "task_struct", "mm"),
                              ("pid", "task_struct", "pid"), ("name", "task_struct", "comm"),
                              ("pgd", "mm_struct", "pgd")):  # fmt: skip
        found = re.search(rf"linux_{key} = (\w+);", text)
        theirs = program.type(f"struct {kind}").member(member).offset
        if not found or int(found.group(1), 0) != theirs:
            raise Differs(f"libvmi.conf: linux_{key} is {found and found.group(1)}, DWARF says {theirs}")


def check(said, vmlinux):
    """Returns a line that says what was compared; raises Differs."""
    import drgn  # may not be there

    program = drgn.Program()
    program.load_debug_info([vmlinux])
    isf = Isf(said / "isf.json")
    known = check_well_known(isf, program)
    structures, fields, ambiguous = check_all(isf, program)
    check_enumerations(isf, program)
    symbols = check_symbols(isf, said / "System.map", vmlinux)
    check_libvmi((said / "libvmi.conf").read_text(), program)
    return (f"{known} well-known fields; {fields} fields of {structures} structures "
            f"({ambiguous} names are of several); {symbols} symbols")  # fmt: skip
