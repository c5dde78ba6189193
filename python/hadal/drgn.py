# SPDX-License-Identifier: MIT
"""drgn on this running system or on an image, with the kernel's own types and no debug package.

    prog = hadal.drgn.program(machine)
    prog["init_task"].comm.string_()
    prog.type("struct task_struct")

    hadal drgn [--image FILE] [-e CODE] [SCRIPT [ARGUMENT...]]     # or: python3 -m hadal.drgn

The last is as drgn itself: a prompt, or a script that finds `prog` (and `machine`).

Types are those of the kernel's profile: they know no typedefs, and structures without a name are called
struct unnamed_... . Names that are symbols only are of type void. Modules' types are not in it.
"""

from __future__ import annotations

import argparse
import builtins
import code
import json
import os
import readline
import rlcompleter
import runpy
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import drgn

import hadal

if TYPE_CHECKING:
    from hadal import Kernel, Machine

# What a prompt has beside prog, as drgn's own.
_AT_HAND = ("NULL", "Object", "cast", "container_of", "reinterpret", "sizeof")
_COMPOUND = {drgn.TypeKind.STRUCT: "struct", drgn.TypeKind.UNION: "union"}


class _Types:
    """Makes drgn's types of those of a profile, each when it is asked for."""

    def __init__(self, prog: drgn.Program, profile: dict):
        self._prog = prog
        self._profile = profile
        self._made: dict[str, drgn.Type] = {}
        self._constants = {constant: (name, value) for name, raw in profile["enums"].items()
                           for constant, value in raw["constants"].items()}  # fmt: skip

    def constant(self, name: str) -> drgn.Object:
        """An enumerator."""
        if name not in self._constants:
            raise LookupError(f"the kernel has no symbol and no enumerator {name}")
        enum, value = self._constants[name]
        return drgn.Object(self._prog, self.enum(enum), value)

    def base(self, name: str) -> drgn.Type:
        """A type that has no parts."""
        raw = self._profile["base_types"][name]
        kind = raw["kind"]
        if kind == "void":
            return self._prog.void_type()
        if kind == "bool":
            return self._prog.bool_type(name, raw["size"])
        if kind == "float":
            return self._prog.float_type(name, raw["size"])
        return self._prog.int_type(name, raw["size"], raw["signed"])

    def compound(self, name: str) -> drgn.Type:
        """A structure or union; of those that are only named nothing is known but that."""
        if name not in self._made:
            raw = self._profile["user_types"].get(name, {"kind": "struct", "fields": {}, "size": 0})
            make = self._prog.union_type if raw["kind"] == "union" else self._prog.struct_type
            members = [self._member(member, field) for member, field in raw["fields"].items()]
            members.sort(key=lambda member: member.bit_offset)
            self._made[name] = make(name, raw["size"], members)
        return self._made[name]

    def _member(self, name: str, field: dict) -> drgn.TypeMember:
        kind, at = field["type"], 8 * field["offset"]
        called = None if field.get("anonymous") else name
        if kind["kind"] == "bitfield":
            return drgn.TypeMember(
                lambda: drgn.Object(self._prog, self.make(kind["type"]), bit_field_size=kind["bit_length"]),
                called, at + kind["bit_position"])  # fmt: skip
        return drgn.TypeMember(lambda: self.make(kind), called, at)

    def enum(self, name: str) -> drgn.Type:
        """An enum."""
        if name not in self._made:
            raw = self._profile["enums"][name]
            self._made[name] = self._prog.enum_type(
                name, self.base(raw["base"]), [drgn.TypeEnumerator(*pair) for pair in raw["constants"].items()])  # fmt: skip
        return self._made[name]

    def make(self, raw: dict) -> drgn.Type:
        """Whatever a profile says a type is."""
        kind = raw["kind"]
        if kind == "base":
            return self.base(raw["name"])
        if kind == "pointer":
            return self._prog.pointer_type(self.make(raw["subtype"]))
        if kind == "array":
            return self._prog.array_type(self.make(raw["subtype"]), raw["count"])
        if kind == "enum":
            return self.enum(raw["name"])
        if kind == "function":  # the profile tells no arguments
            return self._prog.function_type(self._prog.void_type(), (), True)
        return self.compound(raw["name"])

    def find(self, kind: drgn.TypeKind, name: str, filename: str | None) -> drgn.Type:
        """As Program.add_type_finder wants it."""
        raw = self._profile["user_types"].get(name)
        if filename is None:
            if raw and raw["kind"] == _COMPOUND.get(kind):
                return self.compound(name)
            if kind == drgn.TypeKind.ENUM and name in self._profile["enums"]:
                return self.enum(name)
            if name in self._profile["base_types"] and kind in (drgn.TypeKind.INT, drgn.TypeKind.BOOL):
                return self.base(name)
        raise LookupError(f"the kernel has no type {name}")


def profile(kernel: Kernel) -> dict:
    """The kernel's profile (volatility3's ISF)."""
    with tempfile.TemporaryDirectory(prefix="hadal-") as folder:
        path = os.path.join(folder, "isf")
        kernel.isf(path)
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def program(machine: Machine) -> Any:
    """A drgn.Program that reads the machine's memory. It lasts as long as the machine is open."""
    kernel = machine.kernel
    prog = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    known = profile(kernel)
    types = _Types(prog, known)

    def read(address: int, count: int, _offset: int, physical: bool) -> bytes:
        try:
            return machine.read(address, count) if physical else kernel.read(address, count)
        except hadal.Error as problem:
            raise drgn.FaultError(str(problem), address) from None

    def find(_prog: drgn.Program, name: str, flags: drgn.FindObjectFlags, filename: str | None) -> drgn.Object:
        wanted = bool(flags & (drgn.FindObjectFlags.VARIABLE | drgn.FindObjectFlags.FUNCTION)) and not filename
        address = kernel.symbols.get(name) if wanted else None
        if address is None:
            return types.constant(name if flags & drgn.FindObjectFlags.CONSTANT and not filename else "")
        kind = known["symbols"].get(name, {}).get("type")
        return drgn.Object(prog, types.make(kind) if kind else prog.void_type(), address=address)

    prog.add_memory_segment(0, (1 << 64) - 1, read)
    prog.add_memory_segment(0, machine.ram[-1][1], read, True)
    prog.add_type_finder(types.find)
    prog.add_object_finder(find)
    return prog


def _shown(value: Any) -> None:
    """What a prompt prints of a value: drgn's own as C."""
    if value is not None:
        builtins._ = value  # type: ignore[attr-defined]
        print(value if isinstance(value, (drgn.Object, drgn.Type)) else repr(value))


def _prompt(names: dict[str, Any], title: str) -> None:
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")
    sys.displayhook = _shown
    code.interact(title, local=names, exitmsg="")


def run(image: str | None, source: str | None, words: list[str]) -> None:
    """Opens this system or an image, and executes the source, else the script that words begin with, else asks for
    what to do. What follows is the script's sys.argv. Raises hadal.Error.
    """
    if source is None and words and not os.path.exists(words[0]):
        raise hadal.Error(f"There is no script {words[0]}")
    with hadal.open(image) as machine:
        names = {"prog": program(machine), "machine": machine, "drgn": drgn}
        names.update((name, getattr(drgn, name)) for name in _AT_HAND)
        if source is not None:
            sys.argv[:] = ["-e", *words]
            exec(compile(source, "<exec>", "exec"), {"__name__": "__main__", **names})  # pylint: disable=exec-used
        elif words:
            sys.argv[:] = words
            sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))
            runpy.run_path(words[0], {"prog": names["prog"], "machine": machine}, "__main__")
        else:
            _prompt(names, f"prog is Linux {machine.kernel.release}")


def main(arguments: list[str]) -> None:
    """See above."""
    parser = argparse.ArgumentParser("hadal.drgn", description="drgn on this running system or on an image.")
    parser.add_argument("--image", metavar="FILE", help="a dump or raw memory image instead of this system")
    parser.add_argument("-e", "--exec", metavar="CODE", help="execute CODE instead of a script")
    parser.add_argument("script", metavar="SCRIPT", nargs=argparse.REMAINDER, help="a script and its arguments")
    asked = parser.parse_args(arguments)
    run(asked.image, asked.exec, asked.script)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except hadal.Error as failure:
        sys.exit(f"hadal.drgn: {failure}")
