# SPDX-License-Identifier: MIT
"""The kernel's types and symbols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hadal._call import Visitor, encoded, ffi, lib, made, text

if TYPE_CHECKING:
    from hadal._kernel import Kernel

# BTF_KIND_* of <linux/btf.h>.
_KINDS = {"struct": 4, "union": 5, "enum": 6, "typedef": 8}


@dataclass(frozen=True)
class Member:
    """A member of a structure; those of structures without a name in it come as its own."""

    name: str
    declaration: str  #: as in C
    offset: int  #: bytes
    size: int  #: bytes
    bit_first: int  #: of a bit-field, in the byte at offset
    bit_count: int  #: 0: no bit-field


@dataclass(frozen=True)
class Type:
    """A structure or union."""

    name: str
    size: int
    members: tuple[Member, ...]

    def __getitem__(self, name: str) -> Member:
        for member in self.members:
            if member.name == name:
                return member
        raise KeyError(f"{self.name} has no member {name}")


class Types:
    """The kernel's types by name: types["task_struct"]."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel

    def _types(self) -> Any:
        with self._kernel.machine.lock:
            return made(lib.hadal_kernel_types, self._kernel.handle())

    def __contains__(self, name: str) -> bool:
        return any(lib.hadal_types_find(self._types(), encoded(name), kind) for kind in _KINDS.values())

    def __getitem__(self, name: str) -> Type:
        types = self._types()
        number = next(filter(None, (lib.hadal_types_find(types, encoded(name), _KINDS[kind])
                                    for kind in ("struct", "union"))), 0)  # fmt: skip
        if not number:
            raise KeyError(f"the kernel has no struct or union {name}")
        members = []

        def member(_ctx: Any, raw: Any) -> None:
            where = raw.where
            members.append(Member(text(raw.name), text(raw.declaration), where.offset, where.size, where.bit_first,
                                  where.bit_count))  # fmt: skip

        def named(ctx: Any, raw: Any) -> None:
            if raw.name[0] != b"\0":
                member(ctx, raw)

        kind = "void(*)(void *, const struct hadal_member *)"
        calls = [Visitor(kind, member), Visitor(kind, named), Visitor(kind, lambda *_: None)]
        outline = ffi.new("struct hadal_outline *",
                          dict(zip(("member", "begin", "end"), (call.called for call in calls))))  # fmt: skip
        lib.hadal_types_outline(types, number, False, outline)
        for call in calls:
            call.finish()
        return Type(name, lib.hadal_types_bytes(types, number), tuple(members))

    def offset(self, name: str, path: str) -> int:
        """Bytes from the beginning of a structure to a member, by a path such as "uid.val"."""
        field = ffi.new("struct hadal_field *")
        if lib.hadal_types_field(self._types(), encoded(name), encoded(path), field):
            raise KeyError(f"the kernel has no {path} in {name}")
        return field.offset


@dataclass(frozen=True)
class Symbol:
    """A symbol of the kernel."""

    name: str
    address: int
    type: str  #: as in nm and /proc/kallsyms


class Symbols:
    """The kernel's symbols: symbols["init_task"] is an address; iterating gives all, by address."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel

    def _symbols(self) -> Any:
        return made(lib.hadal_kernel_symbols, self._kernel.handle())

    def __len__(self) -> int:
        with self._kernel.machine.lock:
            return lib.hadal_kallsyms_count(self._symbols())

    def __iter__(self) -> Iterator[Symbol]:
        raw = ffi.new("struct hadal_symbol *")
        for index in range(len(self)):
            with self._kernel.machine.lock:
                if lib.hadal_kallsyms_get(self._symbols(), index, raw):
                    return
                symbol = Symbol(text(raw.name), raw.address, raw.type.decode("latin-1"))
            yield symbol

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __getitem__(self, name: str) -> int:
        address = self.get(name)
        if address is None:
            raise KeyError(f"the kernel has no symbol {name}")
        return address

    def get(self, name: str) -> int | None:
        """The address of the kernel's first symbol of that name, or None."""
        with self._kernel.machine.lock:
            return lib.hadal_kallsyms_address(self._symbols(), encoded(name)) or None

    def at(self, address: int) -> str | None:
        """What an address belongs to: "name+0x12", or "name+0x12 [module]"; None: to neither."""
        words = ffi.new("char[]", lib.HADAL_SYMBOL_NAME_MAX + 128)
        with self._kernel.machine.lock:
            known = lib.hadal_symbolize(self._kernel.symbolizer(), address, words, len(words))
        return text(words) if known else None
