# SPDX-License-Identifier: MIT
"""Events of the running system."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hadal._call import Error, checked, encoded, ffi, lib, text


def _names(kind: str, prefix: str) -> dict[str, int]:
    """{name: value} of an enum, names without the prefix and in small letters."""
    return {name.removeprefix(prefix).lower(): value for name, value in ffi.typeof(f"enum {kind}").relements.items()}


KINDS = _names("hadal_event_kind", "HADAL_EVENT_")
ACTIONS = _names("hadal_event_action", "HADAL_ACTION_")
ANSWERS = _names("hadal_answer", "HADAL_ANSWER_")
METHODS = _names("hadal_break_method", "HADAL_BREAK_")
VALUES = _names("hadal_filter_value", "HADAL_FILTER_")
_KIND_NAMES = {value: name for name, value in KINDS.items()}
_VALUE_NAMES = {value: name for name, value in VALUES.items()}
_STATES = {value: name for name, value in _names("hadal_notice", "HADAL_NOTICE_").items()}
ACCESS = {"r": 1, "w": 2, "x": 4}
OPERATORS = {"==": 0, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5}
_OPERATOR_NAMES = {value: sign for sign, value in OPERATORS.items()}
CAPTURES = {"registers": lib.HADAL_CAPTURE_REGISTERS, "code": lib.HADAL_CAPTURE_CODE,
            "stack": lib.HADAL_CAPTURE_STACK, "task": lib.HADAL_CAPTURE_TASK}  # fmt: skip
# What is meant where nothing is said.
_ALL_ACCESS = {"msr": "rw", "io": "rw", "descriptor": "rw", "cr": "w", "memory": "w", "view": "rwx"}
_WITHOUT_COUNT = ("cr", "descriptor", "step", "request")
_STACK_BYTES = 512


def _registers() -> dict[str, int]:
    """{name: number} of all registers."""
    found = {}
    while (name := lib.hadal_reg_name(len(found))) != ffi.NULL:
        found[text(name)] = len(found)
    return found


REGISTERS = _registers()
_REGISTER_NAMES = tuple(REGISTERS)
_GENERAL = tuple(REGISTERS)[:16]


def _known(what: str, name: str, names: Mapping[str, int]) -> int:
    if name not in names:
        raise ValueError(f"there is no {what} called {name!r}; there are {', '.join(names)}")
    return names[name]


@dataclass(frozen=True)
class Clause:
    """One comparison of a filter: (value & mask) operator operand, unsigned; decided in the hypervisor."""

    value: str  #: as in VALUES: "new", "cr3", "register", "memory", ...
    operator: str  #: == != < <= > >=
    operand: int
    mask: int = (1 << 64) - 1
    register: str = ""  #: of "register", and of "memory" at that register + offset
    offset: int = 0
    bytes: int = 0  #: of "memory": 1, 2, 4 or 8
    alternative: bool = False  #: "or" with what stands before it; "and" binds closer

    def raw(self) -> dict[str, int]:
        """As struct hadal_clause has it."""
        return {"value": _known("value", self.value, VALUES),
                "compare": _known("operator", self.operator, OPERATORS),
                "index": _known("register", self.register, REGISTERS) if self.register else 0,
                "bytes": self.bytes, "alternative": self.alternative, "offset": self.offset, "mask": self.mask,
                "operand": self.operand}  # fmt: skip


def condition(words: str) -> list[Clause]:
    """The clauses of a condition such as "rdi == 3 && *(u32 *)(rsi + 8) != 0 || cpu == 1", as `hadal break --if` has it.

    Values are general registers, rip, rflags, cpu, cpl, cr3, and memory at a register and an offset as u8 to u64;
    each may be masked by &, and is compared with a number, all unsigned. Raises Error with what is wrong in it.
    """
    found = ffi.new("struct hadal_clause[]", lib.HADAL_MAX_CLAUSES)
    number = checked(lib.hadal_condition_parse, encoded(words), found)
    return [_clause(found[i]) for i in range(number)]


_parsed = condition  # where an argument has its name


def _clause(raw: Any) -> Clause:
    value, compare = _VALUE_NAMES[raw.value], _OPERATOR_NAMES[raw.compare]
    register = _REGISTER_NAMES[raw.index] if value in ("register", "memory") else ""
    return Clause(value, compare, raw.operand, raw.mask, register, raw.offset, raw.bytes, bool(raw.alternative))


@dataclass(frozen=True)
class Event:
    """Something that happened.

    What number, address and physical are depends on the kind: enum hadal_event_kind in hadal/events.h says.
    """

    kind: str  #: as in KINDS
    subscription: int
    cpu: int
    cpl: int
    access: str  #: of "r", "w" and "x"
    flags: int  #: HADAL_RECORD_*
    time: int  #: TSC
    rip: int
    cr3: int
    number: int
    address: int
    physical: int
    old: int
    new: int
    cookie: int = 0
    registers: dict[str, int] = field(default_factory=dict)  #: when they are captured, as the next ones
    code: bytes = b""
    stack: bytes = b""  #: from rsp on
    task: int = 0

    @property
    def held(self) -> bool:
        """The vCPU waits for Events.answer()."""
        return bool(self.flags & lib.HADAL_RECORD_HELD)


@dataclass(frozen=True)
class State:
    """What became of a subscription; members as in struct hadal_subscription_state."""

    state: str  #: "full", "sampled" or "off"
    hits: int
    filtered: int
    lost: int
    ticks: int
    steps: int
    held: int
    timeouts: int
    late: int
    elapsed: int


def _close(handle: Any, process: int) -> None:
    if os.getpid() == process:
        lib.hadal_events_close(handle)


class Events:
    """A reader of events: subscribe(), then iterate. Use it in a `with`, or close() it."""

    def __init__(self, ring_bytes: int):
        handle = ffi.new("struct hadal_events **")
        checked(lib.hadal_events_open, handle, ring_bytes)
        self._handle = handle[0]
        self._process = os.getpid()
        self._asked: dict[int, Any] = {}
        self._end = weakref.finalize(self, _close, self._handle, self._process)

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all subscriptions; a second time is fine."""
        self._end()

    def _open(self) -> Any:
        if not self._end.alive:
            raise Error("The events are closed")
        if os.getpid() != self._process:
            raise Error("The events were opened by the parent process; open them again after fork()")
        return self._handle

    def fileno(self) -> int:
        """For select and the like; readable when there is an event."""
        return lib.hadal_events_fd(self._open())

    def subscribe(self, kind: str, first: int = 0, count: int | None = None, access: str = "", *,
                  condition: str = "", clauses: Iterable[Clause] = (), action: str = "record", method: str = "any",
                  capture: Iterable[str] = (), **more: int) -> int:  # fmt: skip
        """Asks for events of a kind; returns the subscription's number.

        first and count: where, as struct hadal_subscription tells for each kind. access: of "r", "w" and "x",
        empty: all that the kind may have, but writes only of memory. condition: a filter, such as "rdi == 3", see
        hadal.condition(); or clauses, the same in parts. action: "record", "count", or "hold", which waits for
        answer(). method: of a breakpoint. capture: some of CAPTURES. more: the other members of that struct (root,
        stack_bytes, sample, share, rate, deadline, cookie, task_offset).
        """
        number = _known("kind of event", kind, KINDS)
        asked = ffi.new("struct hadal_subscription *", {"kind": number, "first": first, **more})
        asked.count = count if count is not None else int(kind not in _WITHOUT_COUNT)
        asked.access = sum(_known("access", letter, ACCESS) for letter in set(access or _ALL_ACCESS.get(kind, "x")))
        asked.action = _known("action", action, ACTIONS)
        asked.method = _known("method", method, METHODS)
        asked.capture |= sum(_known("capture", name, CAPTURES) for name in set(capture))
        if asked.capture & CAPTURES["stack"] and not asked.stack_bytes:
            asked.stack_bytes = _STACK_BYTES
        clauses = list(clauses)
        if condition and clauses:
            raise ValueError("a filter is a condition or clauses, not both")
        _filter(asked, _parsed(condition) if condition else clauses)
        subscription = checked(lib.hadal_events_subscribe, self._open(), asked)
        self._asked[subscription] = asked
        return subscription

    def breakpoint(self, address: int, condition: str = "", **more: Any) -> int:
        """Asks for an event each time that an instruction is executed; the rest is as for subscribe()."""
        return self.subscribe("break", address, condition=condition, **more)

    def unsubscribe(self, subscription: int) -> None:
        """Ends one subscription."""
        checked(lib.hadal_events_unsubscribe, self._open(), subscription)

    def state(self, subscription: int, cpu: int | None = None) -> State:
        """What became of a subscription, on all CPUs or on one."""
        raw = ffi.new("struct hadal_subscription_state *")
        if cpu is None:
            checked(lib.hadal_events_state, self._open(), subscription, raw)
        else:
            checked(lib.hadal_events_state_on, self._open(), subscription, cpu, raw)
        return State(_STATES.get(raw.state, str(raw.state)), raw.hits, raw.filtered, raw.lost, raw.ticks, raw.steps,
                     raw.held, raw.timeouts, raw.late, raw.elapsed)  # fmt: skip

    def answer(self, event: Event, answer: str = "go_on", registers: Mapping[str, int] | None = None, vector: int = 0,
               error: int = 0, value: int = 0) -> None:  # fmt: skip
        """Lets a vCPU go that an event holds: "go_on", "skip", or "exception" with vector and error, "value".

        registers are set before. Raises Error when nothing waits any more, or when the processor would refuse
        that; the vCPU then waits on.
        """
        raw = ffi.new("struct hadal_event_answer *", {"subscription": event.subscription, "cpu": event.cpu,
                                                      "time": event.time, "vector": vector, "error": error,
                                                      "value": value})  # fmt: skip
        raw.answer = _known("answer", answer, ANSWERS)
        memory, size = ffi.buffer(ffi.addressof(raw.set, "values")), ffi.new("size_t *")
        for name, value in (registers or {}).items():
            number = _known("register", name, REGISTERS)
            at = lib.hadal_reg_place(number, size)
            memory[at : at + size[0]] = value.to_bytes(size[0], "little")
            raw.set.mask |= 1 << number
        checked(lib.hadal_events_answer, self._open(), raw)

    @property
    def lost(self) -> int:
        """Records that found no room, as they were not read fast enough."""
        return lib.hadal_events_lost(self._open())

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event. timeout: in seconds, None: for ever. Returns None when there was none."""
        record = lib.hadal_events_next(self._open())
        if record == ffi.NULL:
            if not checked(lib.hadal_events_wait, self._open(), -1 if timeout is None else int(timeout * 1000)):
                return None
            record = lib.hadal_events_next(self._open())
        return None if record == ffi.NULL else self._event(record)

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self.next()  # None after a signal, for which Python has done what is to be done
            if event is not None:
                yield event

    def _event(self, record: Any) -> Event:
        access = "".join(letter for letter, bit in ACCESS.items() if record.access & bit)
        return Event(_KIND_NAMES.get(record.kind, str(record.kind)), record.subscription, record.cpu, record.cpl,
                     access, record.flags, record.time, record.rip, record.cr3, record.number, record.address,
                     record.physical, record.old_value, record.new_value, record.cookie,
                     **_parts(self._asked.get(record.subscription), record))  # fmt: skip


def _filter(asked: Any, clauses: list[Clause]) -> None:
    if len(clauses) > lib.HADAL_MAX_CLAUSES:
        raise ValueError(f"a filter has at most {lib.HADAL_MAX_CLAUSES} clauses")
    asked.clause_count = len(clauses)
    asked.clause = [clause.raw() for clause in clauses]


def _parts(asked: Any, record: Any) -> dict[str, Any]:
    """What a record has beside its fixed part."""
    found: dict[str, Any] = {}
    if asked is None or not asked.capture:
        return found
    for name, bit in CAPTURES.items():
        part = lib.hadal_event_part(asked, record, bit)
        if part == ffi.NULL:
            continue
        if name == "registers":
            registers = ffi.cast("struct hadal_event_registers *", part)
            found[name] = dict(zip(_GENERAL, registers.general))
            found[name] |= {each: getattr(registers, each) for each in ("rflags", "fs_base", "gs_base")}
        elif name == "task":
            found[name] = ffi.cast("uint64_t *", part)[0]
        else:
            found[name] = ffi.buffer(ffi.cast("char *", part), asked.stack_bytes if name == "stack" else 16)[:]
    return found
