# SPDX-License-Identifier: MIT
"""Holds what a command prints with --json against docs/json.md: names, their order, and their types."""

import json
import re

HEXADECIMAL = re.compile(r"0|0x[1-9a-f][0-9a-f]*")
# What the document says of a member, the first that fits, and what it then is.
TYPES = (
    (r"string, `0x...`", lambda value: isinstance(value, str) and HEXADECIMAL.fullmatch(value)),
    (r"string, two digits a byte", lambda value: isinstance(value, str) and re.fullmatch(r"([0-9a-f]{2})*", value)),
    (r"true or false", lambda value: isinstance(value, bool)),
    (r"(with [^:]*: )?(number|percent)", lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)),
    (r"(with [^:]*: )?string", lambda value: isinstance(value, str)),
    (r"(with [^:]*: |of [^:]*: )?array", lambda value: isinstance(value, list)),
    (r"(with [^:]*: |of [^:]*: )?object", lambda value: isinstance(value, dict)),
    (r"true when", lambda value: value is True),
    (r"an object of a structure's members, an array, a string", lambda value: True),
)


def documented(text):
    """{command: {member: its type}} of docs/json.md."""
    found, members = {}, {}
    for line in text.splitlines():
        if line.startswith("## hadal "):
            members = found.setdefault(line.split()[2], {})
        row = re.match(r"\| `([\w-]+)` \|[^|]*\| (.*?) ?\| (.*) \|$", line)
        if row:
            members[row[1]] = f"{row[2]} {row[3]}".strip()
    return found


def _pairs(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a name is there twice: {names}"
    return dict(pairs)


def check(command, output, members):
    """Every line of a command's output. Raises AssertionError; returns the objects."""
    objects = []
    for line in output.splitlines():
        assert not re.search(r"[\x00-\x1f\x7f]", line), f"{command}: control characters in {line!r}"
        record = json.loads(line, object_pairs_hook=_pairs)
        assert isinstance(record, dict), f"{command}: no object: {line}"
        unknown = record.keys() - members.keys()
        assert not unknown, f"{command}: not documented: {unknown}"
        assert list(record) == [name for name in members if name in record], f"{command}: another order: {line}"
        for name, value in record.items():
            fits = next((test for words, test in TYPES if re.match(words, members[name])), None)
            assert fits, f"{command}: what is {name}? The document says: {members[name]}"
            assert fits(value), f"{command}: {name} is {value!r}, and should be: {members[name]}"
        objects.append(record)
    return objects
