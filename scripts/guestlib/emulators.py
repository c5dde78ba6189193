# SPDX-License-Identifier: MIT
"""Command lines of the two emulators. Both write the kernel console and the output to FIFOs."""

import os
import shutil
import subprocess
from pathlib import Path

from .initramfs import TOP, SetupError

BUILD = Path(os.environ.get("BUILD", TOP / "build")).resolve()
# The Bochs that scripts/setup unpacks beside the system's, to be run with libraries of its own.
NEWER_BOCHS = BUILD / "bochs-3.0"
VGA_BIOS = Path("/usr/share/vgabios/vgabios.bin")
OVMF = Path("/usr/share/OVMF")
GRUB_MODULES = Path("/usr/lib/grub/i386-pc")
GRUB_EFI_MODULES = Path("/usr/lib/grub/x86_64-efi")

# What --cpu accepts: the emulator, its CPU model, and kernel arguments that the model needs.
CPUS = {
    # A busy host may not give QEMU the time that Linux waits to see its timer tick.
    "amd": ("qemu", "EPYC,+svm", "no_timer_check"),
    "intel": ("bochs", "broadwell_ult", ""),
    # Bochs does not count down the timer of MWAITX, which Linux uses to wait.
    "ryzen": ("bochs", "ryzen", "clearcpuid=mwaitx"),
}
# The self-tests of the crypto API take half of the boot in Bochs.
COMMAND_LINE = "console=ttyS0,115200 loglevel=5 rdinit=/init cryptomgr.notests"


def kernel_arguments(options):
    arguments = [COMMAND_LINE, CPUS[options.cpu][2], options.append]
    if options.verbose:
        arguments.append("loglevel=8")
    return " ".join(filter(None, arguments))


def need(program):
    path = shutil.which(program)
    if not path:
        raise SetupError(f"{program} is missing; run scripts/setup")
    return path


def memory_size(options):
    if not options.max_mem:
        return str(options.mem)
    return f"{options.mem},slots=4,maxmem={options.max_mem}M"


def firmware(tmp, smm):
    """QEMU's arguments for OVMF, with variables of this guest's own, which it may keep by SMM."""
    code = OVMF / ("OVMF_CODE_4M.secboot.fd" if smm else "OVMF_CODE_4M.fd")
    variables = OVMF / "OVMF_VARS_4M.fd"
    if not code.is_file():
        raise SetupError("OVMF is missing; run scripts/setup")
    shutil.copyfile(variables, tmp / "variables.fd")
    flash = "if=pflash,format=raw,unit="
    machine = ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
    return [*(machine if smm else []), "-drive", f"{flash}0,readonly=on,file={code}", "-drive", f"{flash}1,file={tmp}/variables.fd"]


def damaged_copy(program, path):
    """hadal.efi with one bit of the hypervisor in it changed."""
    data, image = bytearray(program.read_bytes()), (BUILD / "hadal.bin").read_bytes()
    data[data.index(image) + len(image) // 2] ^= 1
    path.write_bytes(data)
    return path


def grub_program(path, arguments):
    """GRUB as distributions have it on the EFI system partition, with its modules in the program."""
    if not GRUB_EFI_MODULES.is_dir():
        raise SetupError("GRUB for UEFI is missing; run scripts/setup")
    path.with_suffix(".cfg").write_text(grub_config("search --no-floppy --set=root --file /vmlinuz", arguments))
    run_tool([
        need("grub-mkstandalone"), "-O", "x86_64-efi", "-d", GRUB_EFI_MODULES, "-o", path,
        "--install-modules=part_gpt fat search search_fs_file linux boot normal configfile echo",
        "--locales=", "--themes=", "--fonts=", f"boot/grub/grub.cfg={path.with_suffix('.cfg')}",
    ])  # fmt: skip
    return path


def tpm(tmp):
    """The command that is the guest's TPM, with a fresh state; it ends with its guest."""
    (tmp / "tpm-state").mkdir()
    return [
        need("swtpm"), "socket", "--tpm2", "--tpmstate", f"dir={tmp}/tpm-state", "--ctrl",
        f"type=unixio,path={tmp}/tpm", "--flags", "startup-clear", "--terminate",
    ]  # fmt: skip


def fat_disk(path, files):
    """A disk with these files, of which there may be some in EFI/BOOT."""
    size = sum(Path(file).stat().st_size for file in files.values()) + (40 << 20)
    with open(path, "wb") as disk:
        disk.truncate(size >> 20 << 20)
    run_tool([need("mformat"), "-i", path, "-F", "::"])
    run_tool([need("mmd"), "-i", path, "::EFI", "::EFI/BOOT"])
    for name, file in files.items():
        run_tool([need("mcopy"), "-i", path, file, f"::{name}"])


def hadal_program():
    program = BUILD / "hadal.efi"
    if not program.is_file():
        raise SetupError(f"{program} is not there; run scripts/setup and make")
    return program


# Where the firmware looks for a program on a disk that it has no boot entry of.
REMOVABLE = "EFI/BOOT/BOOTX64.EFI"


def two_disks(tmp, kernel, initramfs, arguments, with_hadal):
    """
    QEMU's arguments for a system behind GRUB on one disk, and before it hadal.efi on another; or that
    disk with hadal.efi where the firmware does not look for it.
    """
    grub = grub_program(tmp / "boot.grub", arguments)
    disks = {
        "hadal": {REMOVABLE if with_hadal else "hadal.efi": hadal_program()},
        "system": {"vmlinuz": kernel, "initrd": initramfs, REMOVABLE: grub},
    }
    command = []
    for index, (name, files) in enumerate(disks.items()):
        fat_disk(tmp / f"{name}.fat", files)
        command += ["-drive", f"if=none,id={name},format=raw,file={tmp}/{name}.fat"]
        command += ["-device", f"virtio-blk-pci,drive={name},bootindex={index + 1}"]
    return command


def boot_disk(path, kernel, initramfs, arguments, how, own=""):
    """
    An EFI system partition with hadal.efi, with options of its own, and a kernel; the firmware's shell
    is its last resort.
    """
    program = hadal_program()
    files = {"vmlinuz": kernel, "initrd": initramfs, "startup.nsh": path.with_suffix(".nsh")}
    boot = f"\\vmlinuz initrd=\\initrd {arguments}"
    script = {
        "named": f"\\hadal.efi {own} {boot}",
        "grub": f"\\hadal.efi {own} \\grub.efi",
        "next": boot,
        "refused": f"\\damaged.efi\n\\hadal.efi --pool=60000 --none \\no.efi\n{boot}",
    }
    if how == "grub":
        files["grub.efi"] = grub_program(path.with_suffix(".grub"), arguments)
    if how == "refused":
        files["damaged.efi"] = damaged_copy(program, path.with_suffix(".damaged"))
    files["startup.nsh"].write_text(script[how] + "\n")
    files[REMOVABLE if how == "next" else "hadal.efi"] = program
    fat_disk(path, files)


def qemu(options, model, kernel, initramfs, console, output, tmp):
    """The command that boots the guest in QEMU."""
    if options.accel == "kvm":
        accel, model = "kvm", "host"
    elif options.icount:
        accel = "tcg,thread=single"
    else:
        accel = "tcg,thread=multi"
    command = [
        need("qemu-system-x86_64"), "-nodefaults", "-no-user-config", "-display", "none",
        "-accel", accel, "-cpu", model, "-smp", str(options.smp), "-m", memory_size(options),
        "-serial", f"file:{console}", "-serial", f"file:{output}",
    ]  # fmt: skip
    arguments = "panic=-1 " + kernel_arguments(options)
    if options.hadal_first in ("disk", "without"):
        command += two_disks(tmp, kernel, initramfs, arguments, options.hadal_first == "disk")
    elif options.hadal_first:
        boot_disk(tmp / "boot.fat", kernel, initramfs, arguments, options.hadal_first,
                  options.hadal_options)
        command += ["-drive", f"file={tmp}/boot.fat,format=raw,if=virtio"]
    else:
        command += ["-kernel", kernel, "-initrd", initramfs, "-append", arguments]
    if options.uefi:
        command += firmware(tmp, options.smm)
    if options.low_mem:
        command += ["-machine", f"max-ram-below-4g={options.low_mem}M"]
    if not options.reboots:
        command += ["-no-reboot"]
    if options.icount:
        # The clock follows the instruction count, so that RDTSC counts instructions.
        command += ["-icount", "shift=0,sleep=off", "-seed", "1"]
        command += ["-rtc", "base=2024-01-01,clock=vm"]
    if options.mem_file:
        backend = f"memory-backend-file,id=ram,share=on,mem-path={options.mem_file}"
        command += ["-object", f"{backend},size={options.mem}M", "-machine", "memory-backend=ram"]
    if options.disk:
        command += ["-drive", f"file={options.disk},format=raw,if=virtio"]
    if options.tpm:
        command += ["-chardev", f"socket,id=tpm,path={tmp}/tpm", "-tpmdev", "emulator,id=tpm,chardev=tpm"]
        command += ["-device", "tpm-tis,tpmdev=tpm"]
    if options.monitor:
        command += ["-monitor", f"unix:{options.monitor},server=on,wait=off"]
    if options.gdb:
        command += ["-gdb", f"tcp:127.0.0.1:{options.gdb}"]
    return command


def bochs_version():
    """The Bochs that guests run in: BOCHS of the environment, or the newest that is there."""
    there = (NEWER_BOCHS / "packages").is_file()
    version = os.environ.get("BOCHS") or ("3.0" if there else "2.7")
    if version not in ("2.7", "3.0"):
        raise SetupError(f"BOCHS={version} is unknown; set it to 2.7 or 3.0")
    if version == "3.0" and not there:
        raise SetupError(f"BOCHS=3.0, but {NEWER_BOCHS} is not there; run scripts/setup")
    return version


def bochs_program():
    """The command that starts Bochs, and the directory that its firmware is in."""
    if bochs_version() == "2.7":
        return [need("bochs")], Path("/usr/share/bochs")
    libraries = NEWER_BOCHS / "usr/lib/x86_64-linux-gnu"
    command = [
        need("env"), f"LTDL_LIBRARY_PATH={libraries}/bochs/plugins",
        libraries / "ld-linux-x86-64.so.2", "--library-path", libraries,
        NEWER_BOCHS / "usr/bin/bochs-bin",
    ]  # fmt: skip
    return command, NEWER_BOCHS / "usr/share/bochs"


def grub_word(word):
    return "'" + word.replace("'", "'\\''") + "'"


def grub_config(root, append):
    arguments = " ".join(grub_word(word) for word in append.split())
    return f"{root}\nlinux /vmlinuz {arguments}\ninitrd /initrd\nboot\n"


def bootable_iso(iso, kernel, initramfs, append, tmp):
    """A CD whose GRUB core image boots the kernel at once, without a menu or further modules."""
    config = tmp / "grub.cfg"
    config.write_text(grub_config("set root=cd", append))
    if not GRUB_MODULES.is_dir():
        raise SetupError("GRUB for BIOS is missing; run scripts/setup")
    run_tool([
        need("grub-mkimage"), "-O", "i386-pc-eltorito", "-d", GRUB_MODULES, "-c", config,
        "-p", "/", "-o", tmp / "boot.img", "biosdisk", "iso9660", "linux", "boot",
    ])  # fmt: skip
    run_tool([
        need("xorriso"), "-as", "mkisofs", "-quiet", "-graft-points", "-o", iso,
        "-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
        f"boot.img={tmp}/boot.img", f"vmlinuz={kernel}", f"initrd={initramfs}",
    ])  # fmt: skip


def run_tool(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise SetupError(f"{os.path.basename(command[0])} failed: {result.stderr.strip()}")


def bochs(options, model, kernel, initramfs, console, output, tmp):
    """The command that boots the guest in Bochs; RDTSC counts instructions in it."""
    for_qemu = options.mem_file, options.disk, options.monitor, options.gdb, options.icount, options.uefi, options.tpm, options.low_mem
    if options.accel != "tcg" or any(for_qemu):
        raise SetupError("--accel kvm, --icount, --mem-file, --disk, --monitor, --gdb, --uefi, --tpm and --low-mem are for --cpu amd only")
    program, share = bochs_program()
    # A triple fault resets the machine; 2.7 has to be told so.
    cpu_options = ", reset_on_triple_fault=1" if bochs_version() == "2.7" else ""
    bootable_iso(tmp / "boot.iso", kernel, initramfs, kernel_arguments(options), tmp)
    (tmp / "bochsrc").write_text(f"""\
memory: guest={options.mem}, host={options.mem}
romimage: file={share}/BIOS-bochs-latest, options=fastboot
vgaromimage: file={VGA_BIOS}
cpu: model={model}, count={options.smp}, ips={options.ips}{cpu_options}
clock: sync=none, time0=1704067200
boot: cdrom
ata0-master: type=cdrom, path={tmp}/boot.iso, status=inserted
com1: enabled=1, mode=file, dev={console}
com2: enabled=1, mode=file, dev={output}
display_library: rfb, options="timeout=0"
sound: driver=dummy
speaker: enabled=0, mode=none
log: {tmp}/bochs.log
panic: action=fatal, ioapic=report
error: action=report
info: action=ignore
""")
    # The debugger stops at each reset; unless told to go on it ends Bochs there.
    (tmp / "debugger").write_text("c\n" * (100 if options.reboots else 1))
    return [*program, "-q", "-f", tmp / "bochsrc", "-rc", tmp / "debugger"]


EMULATORS = {"qemu": qemu, "bochs": bochs}
