# SPDX-License-Identifier: MIT
#
# hadal.efi, which starts Hadal before an operating system: build/hadal.efi. Only where clang and
# lld-link are, for gcc makes no such program.
UEFI_OBJECTS := $(patsubst %,$(BUILD)/loader/uefi/%.o,main memory processors options boots sha256 measure chain print string image first_tables)
UEFI_BYTES_MAX := 409600
UEFI_FLAGS := -target x86_64-unknown-windows -ffreestanding -fshort-wchar -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -mno-stack-arg-probe -std=gnu11 -O2 -Wall -Wextra -Iinclude -Iloader/common -MMD -MP

$(BUILD)/loader/uefi/%.o: loader/uefi/%.c
	@mkdir -p $(@D)
	$(call say,EFI,$@)
	$(Q)clang $(UEFI_FLAGS) -c -o $@ $<

$(BUILD)/loader/uefi/%.o: loader/common/%.c
	@mkdir -p $(@D)
	$(call say,EFI,$@)
	$(Q)clang $(UEFI_FLAGS) -c -o $@ $<

$(BUILD)/loader/uefi/sha256.inc: $(BUILD)/hadal.bin
	@mkdir -p $(@D)
	$(Q)sha256sum $< | sed 's/ .*//; s/../0x&,/g; s/,$$//; s/^/.byte /' >$@

$(BUILD)/loader/uefi/image.o: loader/uefi/image.S $(BUILD)/hadal.bin $(BUILD)/loader/uefi/sha256.inc
	@mkdir -p $(@D)
	$(call say,EFI,$@)
	$(Q)clang $(UEFI_FLAGS) -DHADAL_IMAGE='"$(abspath $(BUILD)/hadal.bin)"' \
		-DHADAL_IMAGE_SHA256='"$(abspath $(BUILD)/loader/uefi/sha256.inc)"' -c -o $@ $<

$(BUILD)/hadal.efi: $(UEFI_OBJECTS)
	$(call say,EFI,$@)
	$(Q)lld-link -subsystem:efi_application -entry:efi_main -nodefaultlib -out:$@ $^
	@[ $$(stat -c %s $@) -le $(UEFI_BYTES_MAX) ] || { echo "$@ outgrew $(UEFI_BYTES_MAX) bytes" >&2; exit 1; }

ifneq ($(and $(shell command -v clang),$(shell command -v lld-link)),)
ARTEFACTS += $(BUILD)/hadal.efi
-include $(UEFI_OBJECTS:.o=.d)
endif
