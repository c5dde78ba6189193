# SPDX-License-Identifier: MIT
#
# Hadal's top makefile. Each directory that builds something has a rules.mk, included below, which
# names its sources relative to the top and puts its output under $(BUILD)/<directory>/.
#
# A rules.mk adds to these lists:
#   ARTEFACTS       what `make` builds and what a user installs
#   GUEST_PROGRAMS  programs of tests and benchmarks, $(BUILD)/guest-bin/NAME; every guest has them in /bin
#   UNIT_PROGRAMS   cmocka programs, $(BUILD)/tests/unit/NAME, run by `make test`
#   FUZZ_PROGRAMS   libFuzzer programs, $(BUILD)/tests/fuzz/NAME, run a bounded time by `make test`
#   C_SOURCES       (optional) sources for `make format` that git does not list
# and may hang recipes on install:: and uninstall:: (double colon).

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
Q := $(if $(filter 0,$(V)),@)
# Prints what is being made, one short line each: $(call say,CC,$@)
say = @printf '  %-7s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$(2))'

# The kernels of the guests are fetched by scripts/setup; the module is built for each of them and
# for the running kernel, into $(BUILD)/module/RELEASE/hadal.ko.
GUEST_RELEASES := $(shell cat $(BUILD)/kernel/release $(wildcard $(BUILD)/kernel-*/release) 2>/dev/null || \
	ls /lib/modules 2>/dev/null | grep cloud-amd64 | sort -V | tail -n 1)
GUEST_KDIRS := $(GUEST_RELEASES:%=/lib/modules/%/build)
# The modules of tests and measurements are built for the first one only, build/kernel.
GUEST_RELEASE := $(firstword $(GUEST_RELEASES))
GUEST_KDIR := $(firstword $(GUEST_KDIRS))
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) $(GUEST_KDIRS))

CC := gcc
CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -MMD -MP
CPPFLAGS += -Iinclude

ARTEFACTS :=
GUEST_PROGRAMS :=
UNIT_PROGRAMS :=
FUZZ_PROGRAMS :=
C_SOURCES :=

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDEXPANSION:

include $(wildcard vmm/rules.mk loader/linux/rules.mk loader/uefi/rules.mk lib/rules.mk python/rules.mk cli/rules.mk \
	tests/unit/rules.mk tests/guest/rules.mk tests/fuzz/rules.mk bench/rules.mk)


.PHONY: all guest-programs test-programs setup demo test test-tools run-tests bench deb format clean help
all: $(ARTEFACTS)
guest-programs: all $(GUEST_PROGRAMS)
test-programs: guest-programs $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS)

setup:
	@scripts/setup

# The lists above depend on what setup installs, so the build runs in a make of its own after it.
CPU ?= amd
BOOT ?= late
demo: setup
	@$(MAKE) --no-print-directory guest-programs
	@scripts/demo --cpu $(CPU) --boot $(BOOT)

test: setup
	@$(MAKE) --no-print-directory test-programs
	@$(MAKE) --no-print-directory run-tests

test-tools:
	@scripts/setup tools
	@$(MAKE) --no-print-directory guest-programs python
	@tests/tools/run

# Its standard output is the figures alone, for JSON=1.
bench:
	@scripts/setup >&2
	@$(MAKE) --no-print-directory guest-programs bench-programs >&2
	@bench/run $(if $(JSON),--json)

run-tests:
	@tests/run --unit '$(UNIT_PROGRAMS)' --fuzz '$(FUZZ_PROGRAMS)'

install:: all
uninstall::

# Debian's packages, of what git knows of this tree, in $(BUILD)/deb.
deb:
	@scripts/setup packages
	@tests/packages

# The boot entry; PREFIX and DESTDIR are not for it.
.PHONY: install-uefi uninstall-uefi
install-uefi:
	@scripts/install-uefi $(BUILD)/hadal.efi
uninstall-uefi:
	@scripts/install-uefi --undo

format:
	clang-format -i $(shell git ls-files '*.c' '*.h') $(C_SOURCES)

clean:
	rm -rf $(BUILD)

help:
	@echo 'make            build the hypervisor image, the kernel module, the library and the command'
	@echo 'make demo       boot a stock Debian kernel in QEMU and look into it (CPU=intel: in Bochs;'
	@echo '                BOOT=uefi: Hadal before the kernel)'
	@echo 'make test       unit, fuzz and guest tests on both vendors; ends with "N passed, N failed"'
	@echo 'make test-tools open a dump with gdb, crash and drgn, and check profiles (fetches 280 MB)'
	@echo 'make bench      measure against KVM in the same emulator (JSON=1: as JSON)'
	@echo 'make install    install under PREFIX=/usr/local; make uninstall takes it away again'
	@echo 'make install-uefi  start Hadal before this system; make uninstall-uefi takes it away again'
	@echo 'make deb        build the packages of Debian in build/deb, and check them'
	@echo 'make format     clang-format every C file'
	@echo 'make clean      remove $(BUILD)/'
	@echo 'Variables: V=1 show commands, KDIR= kernel headers for the module, EXT=DIRECTORY an extension to link in,'
	@echo '           RETPOLINE=1 no indirect branch of the image can be steered by programs (docs/security.md)'
	@echo '           BARRIER=1   each exit begins with a barrier for predictions (docs/security.md)'

-include $(shell find $(BUILD) -type f -name '*.d' -not -path '$(BUILD)/kernel*/*' -not -path '$(BUILD)/deb/*' -not -path '$(BUILD)/module/*' 2>/dev/null)
