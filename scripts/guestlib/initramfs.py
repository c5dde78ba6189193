# SPDX-License-Identifier: MIT
"""The initial RAM file system of a guest, written as a newc cpio archive without needing root."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


class SetupError(Exception):
    """The guest cannot be started; the text tells the user why and what to do."""


class Cpio:
    """Collects files; a path added twice keeps its last content, as an overlay should."""

    def __init__(self):
        self.entries = {}

    def add(self, path, mode, data=b"", device=(0, 0)):
        path = str(path).strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.add(parent, stat.S_IFDIR | 0o755)
        old = self.entries.get(path)
        if old and stat.S_ISDIR(old[0]) != stat.S_ISDIR(mode):
            raise SetupError(f"overlay would replace /{path} by something of another kind")
        self.entries[path] = (mode, data, device)

    def directory(self, path, mode=0o755):
        self.add(path, stat.S_IFDIR | mode)

    def text(self, path, text, mode=0o644):
        self.add(path, stat.S_IFREG | mode, text.encode())

    def symlink(self, path, target):
        self.add(path, stat.S_IFLNK | 0o777, target.encode())

    def copy(self, source, path):
        """Adds a file, following symbolic links."""
        source = Path(source)
        mode = stat.S_IMODE(source.stat().st_mode)
        self.add(path, stat.S_IFREG | mode, source.read_bytes())

    def strip(self, path):
        """Takes debug information out of an ELF file that was added: it slows the boot down."""
        mode, data, device = self.entries[path]
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            subprocess.run(["strip", "--strip-debug", file.name], check=True)
            self.entries[path] = (mode, Path(file.name).read_bytes(), device)

    def tree(self, top):
        """Adds everything below a directory; symbolic links stay links."""
        top = Path(top)
        if not top.is_dir():
            raise SetupError(f"overlay {top} is not a directory")
        for folder, folders, files in os.walk(top):
            for name in sorted(folders + files):
                source = Path(folder, name)
                path = source.relative_to(top)
                if source.is_symlink():
                    self.symlink(path, os.readlink(source))
                elif source.is_dir():
                    self.directory(path, stat.S_IMODE(source.stat().st_mode))
                elif source.is_file():
                    self.copy(source, path)

    def write(self, path):
        with open(path, "wb") as out:
            for inode, (name, (mode, data, device)) in enumerate(self.entries.items(), 1):
                self._member(out, inode, name, mode, data, device)
            self._member(out, 0, "TRAILER!!!", 0, b"", (0, 0))

    @staticmethod
    def _member(out, inode, name, mode, data, device):
        encoded = name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        out.write(header + encoded + b"\0" * (-(len(header) + len(encoded)) % 4))
        out.write(data + b"\0" * (-len(data) % 4))


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def shared_libraries(program):
    """The absolute paths of every library that a program loads, its loader included."""
    result = subprocess.run(["ldd", program], capture_output=True, text=True)
    if result.returncode != 0:  # a static program or a script
        return []
    if "not found" in result.stdout:
        raise SetupError(f"{program} misses a library: {result.stdout.strip()}")
    return re.findall(r"(/\S+) \(0x", result.stdout)


def add_program(cpio, source, path):
    cpio.copy(source, path)
    for library in shared_libraries(source):
        cpio.copy(library, library)


def kernel_release(vmlinuz):
    """The release string inside a bzImage (Linux boot protocol, field kernel_version at 0x20e)."""
    data = Path(vmlinuz).read_bytes()
    if data[0x202:0x206] != b"HdrS":
        raise SetupError(f"{vmlinuz} is not a bzImage")
    start = int.from_bytes(data[0x20E:0x210], "little") + 0x200
    return data[start : data.index(b"\0", start)].split()[0].decode()


def stock_modules(names, modules):
    """Files of stock modules and of all they depend on, dependencies first."""
    files = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}
    ordered = []

    def visit(name):
        path = files.get(name.replace("-", "_"))
        if path is None:
            raise SetupError(f"there is no module {name} below {modules}")
        if path in ordered:
            return
        depends = output("modinfo", "-F", "depends", path)
        for dependency in filter(None, depends.split(",")):
            visit(dependency)
        ordered.append(path)

    for name in names:
        visit(name)
    return ordered


def build(path, build_dir, release, modules_dir, options, nonce):
    """Writes the initramfs of one run: busybox, Hadal as far as built, overlays, the command."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise SetupError("busybox is missing; run scripts/setup")
    cpio = Cpio()
    for name in ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "lib/modules"):
        cpio.directory(name)
    cpio.directory("tmp", 0o1777)
    cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    cpio.add("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))
    cpio.symlink("sbin", "bin")
    cpio.symlink("usr", ".")
    add_program(cpio, busybox, "bin/busybox")
    for applet in output(busybox, "--list").split():
        if applet != "busybox":
            cpio.symlink(f"bin/{applet}", "busybox")
    cpio.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    cpio.text("etc/group", "root:x:0:\nnogroup:x:65534:\n")
    cpio.copy(TOP / "scripts/guest-init", "init")

    add_hadal(cpio, build_dir, release, options.load)
    stock = stock_modules(options.module, modules_dir)
    for module in stock:
        cpio.copy(module, f"lib/modules/{release}/{module.name}")
    cpio.text("guest/modules", "".join(f"{module.name}\n" for module in stock))
    for overlay in options.overlay:
        cpio.tree(overlay)

    cpio.text("guest/command", "exec " + shlex.join(options.command) + "\n")
    cpio.text("guest/nonce", nonce)
    if options.load:
        cpio.text("guest/load", "")
    cpio.write(path)


def add_hadal(cpio, build_dir, release, required):
    # Not linked with, but loaded by glibc where threads are ended, as by hadal mount.
    cpio.copy(output("gcc", "-print-file-name=libgcc_s.so.1"), "lib/x86_64-linux-gnu/libgcc_s.so.1")
    module = build_dir / "module" / release / "hadal.ko"
    parts = [(module, f"lib/modules/{release}/hadal.ko"), (build_dir / "hadal", "bin/hadal")]
    for source, target in parts:
        if source.exists():
            add_program(cpio, source, target)
            cpio.strip(target)
        elif required:
            raise SetupError(f"{source} is not there; run make first")
    programs = build_dir / "guest-bin"
    for program in sorted(programs.iterdir()) if programs.is_dir() else []:
        if program.suffix != ".d":
            add_program(cpio, program, f"bin/{program.name}")
