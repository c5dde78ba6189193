# SPDX-License-Identifier: MIT
"""The shared library, its errors as exceptions, and its texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hadal import _library

ffi = _library.ffi


class Error(Exception):
    """What failed and why, in one sentence.

    errno: its number, as in the module errno. kind: one of the library's HADAL_ERROR_* constants.
    """

    def __init__(self, sentence: str, number: int = 0, kind: int = 0):
        super().__init__(sentence)
        self.errno = number
        self.kind = kind


class Incomplete(Error):
    """Not all of it could be read. found: what was, as the function would have returned it."""

    def __init__(self, sentence: str, found: Any, number: int = 0):
        super().__init__(sentence, number)
        self.found = found


# Where users find them.
Error.__module__ = Incomplete.__module__ = "hadal"


def load(name: str = "libhadal.so.0") -> Any:
    """Opens the shared library, which must be of the version that this module is of."""
    try:
        library = ffi.dlopen(name)
        version = ffi.string(library.hadal_library_version()).decode()
    except (OSError, AttributeError) as problem:
        raise ImportError(f"The module hadal needs {name} of version {_library.version}: {problem}") from None
    if version != _library.version:
        raise ImportError(f"The module hadal is of version {_library.version}, but {name} is of version {version}; "
                          "install both of one version")  # fmt: skip
    return library


lib = load()
libc = ffi.dlopen(None)


def text(bytes_: Any, length: int = -1) -> str:
    """A text of a machine, whatever bytes it has: those that are no UTF-8 come as os.fsdecode has them."""
    raw = ffi.string(bytes_) if length < 0 else ffi.buffer(bytes_, length)[:]
    return raw.decode("utf-8", "surrogateescape")


def encoded(words: str | bytes | os.PathLike) -> bytes:
    """The other way round."""
    words = os.fspath(words)
    raw = words if isinstance(words, bytes) else words.encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise ValueError("a name cannot have a zero byte in it")
    return raw


def failure(error: Any, number: int = 0) -> Error:
    """The exception that a struct hadal_error is."""
    words = text(error.text) or os.strerror(number)
    return Error(words, number, int(error.kind))


def checked(function: Callable, *arguments: Any) -> int:
    """Calls a function of the library whose last argument is a struct hadal_error."""
    error = ffi.new("struct hadal_error *")
    result = function(*arguments, error)
    if result < 0:
        raise failure(error, -result)
    return result


def made(function: Callable, *arguments: Any) -> Any:
    """The same for one that returns a pointer."""
    error = ffi.new("struct hadal_error *")
    result = function(*arguments, error)
    if result == ffi.NULL:
        raise failure(error)
    return result


class Visitor:
    """A function that the library calls; what it raises is raised again behind the library's call."""

    def __init__(self, kind: str, function: Callable, stop: Any = 1):
        self._function = function
        self._problem: BaseException | None = None
        self._stop = stop
        called = ffi.typeof(kind)
        result = (called.item if called.kind == "pointer" else called).result
        self.called = ffi.callback(kind, self._call_void if result.kind == "void" else self._call)

    def _call_void(self, *arguments: Any) -> None:
        self._call(*arguments)

    def _call(self, *arguments: Any) -> Any:
        if self._problem is None:
            try:
                self._function(*arguments)
                return 0
            except BaseException as problem:  # pylint: disable=broad-except
                self._problem = problem
        return self._stop

    def finish(self) -> None:
        """Call it when the library has returned."""
        if self._problem is not None:
            raise self._problem
