# SPDX-License-Identifier: MIT
"""Events of the running system."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hadal._call import Error, checked, ffi, lib

KINDS = {name.removeprefix("HADAL_EVENT_").lower(): value
         for name, value in ffi.typeof("enum hadal_event_kind").relements.items()}  # fmt: skip
_NAMES = {value: name for name, value in KINDS.items()}
ACCESS = {"r": 1, "w": 2, "x": 4}
# What is meant where nothing is said.
_ALL = {"msr": "rw", "io": "rw", "descriptor": "rw", "cr": "w", "memory": "w"}


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


def _close(handle: Any, process: int) -> None:
    if os.getpid() == process:
        lib.hadal_events_close(handle)


class Events:
    """A reader of events: subscribe(), then iterate. Use it in a `with`, or close() it."""

    def __init__(self, ring_bytes: int):
        handle = ffi.new("struct hadal_events **")
        checked(lib.hadal_events_open, handle, ring_bytes)
        self._handle = handle[0]
        self._end = weakref.finalize(self, _close, self._handle, os.getpid())

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
        return self._handle

    def subscribe(self, kind: str, first: int = 0, count: int = 1, access: str = "", **more: int) -> int:
        """Asks for events of a kind; returns the subscription's number.

        first, count and all in `more` (root, sample, share, rate, method, ...) are those of struct
        hadal_subscription; access is of "r", "w" and "x", empty: all that the kind may have, but writes
        only of memory.
        """
        if kind not in KINDS:
            raise ValueError(f"there is no kind of event called {kind!r}; there are {', '.join(KINDS)}")
        asked = ffi.new("struct hadal_subscription *", {"kind": KINDS[kind], "first": first, "count": count, **more})
        asked.access = sum(ACCESS[letter] for letter in set(access or _ALL.get(kind, "x")))
        return checked(lib.hadal_events_subscribe, self._open(), asked)

    def unsubscribe(self, subscription: int) -> None:
        """Ends one subscription."""
        checked(lib.hadal_events_unsubscribe, self._open(), subscription)

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
        return None if record == ffi.NULL else _event(record)

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self.next()  # None after a signal, for which Python has done what is to be done
            if event is not None:
                yield event


def _event(record: Any) -> Event:
    access = "".join(letter for letter, bit in ACCESS.items() if record.access & bit)
    return Event(_NAMES.get(record.kind, str(record.kind)), record.subscription, record.cpu, record.cpl, access,
                 record.flags, record.time, record.rip, record.cr3, record.number, record.address, record.physical,
                 record.old_value, record.new_value)  # fmt: skip
