#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Takes the library's declarations from its headers, as cffi reads them: functions, types, enumerators
and those macros that are numbers. What Python knows of the library comes from here, and so does the
list of its names that is checked (lib/libhadal.names).

Run in the tree it prints them; with --python FILE it writes the module hadal._library instead.
"""

import argparse
import os
import re
import subprocess
import sys

FLAGS = ["-Iinclude", "-Ilib", "-D__attribute__(words)="]
HEADER = "#include <hadal.h>\n"
INTERFACE = "".join(f"#include <hadal/{name}.h>\n" for name in ("abi", "boot", "events", "ioctl"))
# Of the C library: types that the headers use and cffi does not know, and functions for what they hand out.
FOREIGN = """typedef int pid_t; typedef struct re_pattern_buffer regex_t;
void free(void *); FILE *fopen(const char *, const char *); int fclose(FILE *);
"""
LINE_MARK = re.compile(r'^# \d+ "([^"]*)"')
# A number, or numbers with operators: no call, no type.
NUMBER = re.compile(r"^[0-9a-fA-FxXuUlL+*/|&~<>()\s-]+$")


def preprocessed(source, *options):
    """What the preprocessor makes of a C source."""
    compiler = os.environ.get("CC", "gcc").split()
    return subprocess.run([*compiler, "-E", *options, *FLAGS, "-xc", "-"], input=source, text=True, check=True,
                          stdout=subprocess.PIPE).stdout  # fmt: skip


def own_lines(text):
    """Lines that stand in the library's headers, not in those of the system."""
    ours = False
    for line in text.splitlines():
        mark = LINE_MARK.match(line)
        if mark:
            ours = mark[1].startswith(("lib/", "include/"))
        elif ours and line.strip():
            yield line


def without_bodies(text):
    """Leaves functions out that the headers have themselves, as cffi can take none of them."""
    begin = re.search(r"^static inline\b", text, re.M)
    while begin:
        at = text.index("{", begin.start())
        depth = 1
        while depth:
            at += 1
            depth += {"{": 1, "}": -1}.get(text[at], 0)
        text = text[: begin.start()] + text[at + 1 :]
        begin = re.search(r"^static inline\b", text, re.M)
    return text


def numbers(header=HEADER):
    """{name: value} of a header's macros that are whole numbers."""
    names = [line.split()[1] for line in preprocessed(header, "-dM").splitlines()
             if re.match(r"#define HADAL_\w+ ", line)]  # fmt: skip
    asked = "".join(f"\n@{index} {name}" for index, name in enumerate(names))
    found = {}
    for index, value in re.findall(r"^@(\d+) (.*)$", preprocessed(header + asked, "-P"), re.M):
        if NUMBER.match(value):
            value = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]*", r"\1", value).replace("/", "//")
            found[names[int(index)]] = eval(value, {}) & (1 << 64) - 1
    return dict(sorted(found.items()))


def declarations():
    """All of them, as one text for cffi."""
    text = without_bodies("\n".join(own_lines(preprocessed(HEADER))))
    text = re.sub(r"_Static_assert\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\);", "", text)
    macros = "".join(f"#define {name} {value}\n" for name, value in numbers().items())
    return FOREIGN + macros + text + "\n"


def interface():
    """(version, text) of what the library, the module and the image talk to each other in."""
    values = numbers(INTERFACE)
    number = values.pop("HADAL_ABI_VERSION")
    text = " ".join("\n".join(own_lines(preprocessed(INTERFACE))).split())
    return number, f"{text} {values}"


def version():
    """Of the library that the headers belong to."""
    return re.search(r'^@"(.*)"$', preprocessed(HEADER + "@HADAL_LIBRARY_VERSION", "-P"), re.M)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", metavar="FILE", help="write a module for cffi's ABI mode")
    options = parser.parse_args()
    if not options.python:
        print(declarations(), end="")
        return 0
    import cffi  # what only prints does without it

    builder = cffi.FFI()
    builder.cdef(declarations())
    builder.set_source("hadal._library", None)
    builder.emit_python_code(options.python)
    with open(options.python, "a", encoding="utf-8") as module:
        module.write(f"version = {version()!r}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
