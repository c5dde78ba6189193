# SPDX-License-Identifier: MIT
"""What expressions are: objects in the kernel's memory, with fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hadal._call import Error, Visitor, checked, encoded, ffi, lib, text

if TYPE_CHECKING:
    from hadal._kernel import Kernel

_UNREADABLE = None


class _Builder:
    """Makes Python objects of what hadal_value_walk tells."""

    def __init__(self) -> None:
        self.result: Any = None
        self._open: list = []

    def _put(self, name: Any, value: Any, times: int = 1) -> None:
        if not self._open:
            self.result = value
        elif isinstance(self._open[-1], list):
            self._open[-1].extend([value] * times)
        else:
            self._open[-1][text(name)] = value

    def begin(self, _ctx: Any, name: Any, array: bool) -> None:
        """A structure or an array."""
        value: Any = [] if array else {}
        self._put(name, value)
        self._open.append(value)

    def end(self, _ctx: Any, _array: bool) -> None:
        """The end of it."""
        self._open.pop()

    def leaf(self, _ctx: Any, name: Any, leaf: Any) -> None:
        """All else."""
        kind = leaf.kind
        value: Any
        if kind in (lib.HADAL_LEAF_DEEPER, lib.HADAL_LEAF_UNREADABLE):
            value = _UNREADABLE
        elif kind == lib.HADAL_LEAF_MORE:
            return
        elif kind == lib.HADAL_LEAF_BOOL:
            value = bool(leaf.number)
        elif kind == lib.HADAL_LEAF_STRING:
            value = text(leaf.text, leaf.text_len)
        elif kind == lib.HADAL_LEAF_WIDE:
            value = int(text(leaf.text), 16)
        elif kind in (lib.HADAL_LEAF_SIGNED, lib.HADAL_LEAF_ENUM):
            value = int(ffi.cast("int64_t", leaf.number))
        else:
            value = int(leaf.number)
        self._put(name, value, int(leaf.repeats))


class Value:
    """Something in the kernel's memory, or a number.

    A structure's members are attributes, or items by name: task.cred.uid, task["comm"]. A pointer is
    followed by asking for a member. Elements of arrays, and what pointers point to, are items by number.
    int() reads a number, str() a text, plain() all of it as dict, list, int, bool and str. Each reads the
    memory as it is then.
    """

    def __init__(self, kernel: Kernel, raw: Any):
        self._kernel = kernel
        self._cdata = raw

    @property
    def _raw(self) -> Any:
        """struct hadal_value, whose types go with the machine."""
        self._kernel.handle()
        return self._cdata

    # Members may have any name, so own names are few.
    @property
    def type(self) -> str:
        """Its type, in C."""
        declaration = ffi.new("char[]", lib.HADAL_DECLARATION_MAX)
        lib.hadal_value_declare(self._raw.types, ffi.addressof(self._raw, "type"), declaration)
        return text(declaration)

    @property
    def address(self) -> int:
        """Where it is in memory; of a pointer, where the pointer itself is. Error for a mere number."""
        if not self._raw.in_memory:
            raise Error("It is a number, and not in memory")
        return self._raw.address

    @property
    def size(self) -> int:
        """Bytes; 0 when that is not known."""
        return lib.hadal_value_size(self._raw.types, ffi.addressof(self._raw, "type"))

    def _scalar_bytes(self) -> int:
        return lib.hadal_scalar_bytes(self._raw.types, self._raw)

    def _target(self) -> Any:
        """The type of elements, or of what it points to; None when it is neither."""
        target = ffi.new("struct hadal_value_type *")
        known = lib.hadal_value_target(self._raw.types, ffi.addressof(self._raw, "type"), target)
        return target if known else None

    def _at(self, kind: Any, address: int, first: int = 0, count: int = 0) -> Value:
        raw = ffi.new("struct hadal_value *")
        raw.types, raw.type, raw.in_memory = self._raw.types, kind, True
        raw.address, raw.bit_first, raw.bit_count = address % (1 << 64), first, count
        return Value(self._kernel, raw)

    def __int__(self) -> int:
        if not self._raw.in_memory and not self._raw.type.id and not self._raw.type.pointers:
            return int(ffi.cast("int64_t", self._raw.number))
        plain = self.plain() if self._scalar_bytes() else None
        if not isinstance(plain, int):
            raise TypeError(f"a {self.type} is not a number")
        return plain

    __index__ = __int__

    def __bool__(self) -> bool:
        return int(self) != 0

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == other
        if isinstance(other, (int, Value)):
            return int(self) == int(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        """The text of an array of char, or that a pointer to char points to; else as Python shows plain()."""
        target = self._target()
        if target is not None and self._scalar_bytes() and lib.hadal_value_size(self._raw.types, target) == 1:
            return self._kernel.read_string(int(self))
        return str(self.plain())

    def __repr__(self) -> str:
        where = f"at {self._raw.address:#x}" if self._raw.in_memory else f"{self._raw.number:#x}"
        return f"<{self.type} {where}>"

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as problem:
            raise AttributeError(problem.args[0]) from None

    def __getitem__(self, which: str | int) -> Value:
        target = self._target()
        if isinstance(which, str):
            return self._member(which, target)
        if target is None:
            raise TypeError(f"a {self.type} has no elements")
        if not self._scalar_bytes() and self.size and not -len(self) <= which < len(self):
            raise IndexError(f"a {self.type} has {len(self)} elements")
        if which < 0 and not self._scalar_bytes():
            which += len(self)
        start = int(self) if self._scalar_bytes() else self.address
        return self._at(target[0], start + which * lib.hadal_value_size(self._raw.types, target))

    def _member(self, name: str, target: Any) -> Value:
        kind, start = ffi.addressof(self._raw, "type"), 0
        if target is not None and self._scalar_bytes():
            kind, start = target, int(self)
        elif self._raw.in_memory:
            start = self._raw.address
        number = ffi.new("uint32_t *", kind.id)
        lib.hadal_types_resolved(self._raw.types, number)
        field = ffi.new("struct hadal_field *")
        if kind.pointers or lib.hadal_types_member(self._raw.types, number[0], encoded(name), field):
            raise KeyError(f"a {self.type} has no member {name}")
        return self._at({"id": field.type, "pointers": 0}, start + field.offset, field.bit_first, field.bit_count)

    def __len__(self) -> int:
        target = self._target()
        if target is None or self._scalar_bytes():
            raise TypeError(f"a {self.type} has no length")
        return self.size // max(lib.hadal_value_size(self._raw.types, target), 1)

    def __iter__(self) -> Iterator[Value]:
        return (self[index] for index in range(len(self)))

    def plain(self, depth: int = 1000, elements: int = 1 << 20) -> Any:
        """All of it: dict, list, int, bool, str. None: what cannot be read, or is deeper than depth.

        elements: how many of each array at most.
        """
        builder = _Builder()
        calls = [Visitor("void(*)(void *, const char *, bool)", builder.begin),
                 Visitor("void(*)(void *, bool)", builder.end),
                 Visitor("void(*)(void *, const char *, const struct hadal_leaf *)", builder.leaf)]  # fmt: skip
        visitor = ffi.new("struct hadal_value_visitor *",
                          {"begin": calls[0].called, "end": calls[1].called, "leaf": calls[2].called})  # fmt: skip
        options = ffi.new("struct hadal_walk_options *", {"depth": depth, "elements": elements})
        with self._kernel.machine.lock:
            checked(lib.hadal_value_walk, self._kernel.handle(), self._kernel.symbolizer(), self._raw, options,
                    visitor)  # fmt: skip
        for call in calls:
            call.finish()
        return builder.result
