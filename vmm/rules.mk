# SPDX-License-Identifier: MIT
#
# The image: one freestanding program, linked at a fixed address, written out as a flat file.
# EXT= names directories of extensions to link in beside the usual ones, inside the tree or outside
# of it.

VMM_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes \
	-ffreestanding -fno-builtin -nostdlib -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fpie -mcmodel=small -mno-red-zone -mgeneral-regs-only -fcf-protection=none -fno-jump-tables \
	-fno-strict-aliasing -fomit-frame-pointer -Ivmm -Iinclude -include vmm/base/visibility.h -MMD -MP

# RETPOLINE=1: no indirect branch of the image is guessed by what programs have taught the processor. It
# costs every exit some instructions; hadal check says whether a processor needs it.
RETPOLINE ?=
ifneq ($(RETPOLINE),)
VMM_CFLAGS += -DHADAL_RETPOLINE -mindirect-branch=thunk-extern -mindirect-branch-register
endif

# BARRIER=1: each exit forgets what programs have taught the processor, at a cost of thousands of cycles.
BARRIER ?=
ifneq ($(BARRIER),)
VMM_CFLAGS += -DHADAL_BARRIER
# One exit in svm/entry.S, two in vmx/entry.S, and the trial in speculation_read.c.
BARRIERS := 4
endif

EXT ?=
VMM_EXT := vmm/ext/bareflank $(EXT)
# In reading order: a directory uses those before it.
VMM_DIRS := $(addprefix vmm/,base x86 paging vcpu extension cpus exit events leave svm vmx life hypercall)
VMM_SOURCES := $(foreach dir,$(VMM_DIRS),$(sort $(wildcard $(dir)/*.c $(dir)/*.S)))
VMM_OBJECTS := $(addprefix $(BUILD)/,$(addsuffix .o,$(basename $(VMM_SOURCES))))
EXT_SOURCES := $(foreach dir,$(VMM_EXT),$(sort $(wildcard $(dir)/*.c)))
EXT_OBJECTS := $(foreach source,$(EXT_SOURCES),$(BUILD)/vmm/ext-objects/$(notdir \
	$(patsubst %/,%,$(dir $(source))))-$(notdir $(basename $(source))).o)

# What it is compiled with is part of what it is made from.
$(BUILD)/vmm/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(VMM_CFLAGS)' | cmp -s - $@ || echo '$(VMM_CFLAGS)' > $@

# The assembler takes no number as C writes it.
$(BUILD)/vmm/life/trampoline.o: include/hadal/abi.h
$(BUILD)/vmm/life/trampoline.o: private VMM_CFLAGS += -DIMAGE_ABI_VERSION=$(shell sed -n 's/^\#define HADAL_ABI_VERSION \([0-9]*\)u$$/\1/p' include/hadal/abi.h)

$(VMM_OBJECTS): $(BUILD)/%.o: $$(wildcard %.c %.S) vmm/rules.mk $(BUILD)/vmm/flags
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VMM_CFLAGS) -c -o $@ $<

define ext_rule
$(BUILD)/vmm/ext-objects/$(notdir $(patsubst %/,%,$(dir $(1))))-$(notdir $(basename $(1))).o: $(1) vmm/rules.mk $(BUILD)/vmm/flags
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(VMM_CFLAGS) -c -o $$@ $$<
endef
$(foreach source,$(EXT_SOURCES),$(eval $(call ext_rule,$(source))))

# The list of extensions is part of what the image is made from.
$(BUILD)/vmm/ext-list: FORCE
	@mkdir -p $(@D)
	@echo '$(EXT_OBJECTS)' | cmp -s - $@ || echo '$(EXT_OBJECTS)' > $@

$(BUILD)/vmm/hadal.elf: vmm/image.ld $(VMM_OBJECTS) $(EXT_OBJECTS) $(BUILD)/vmm/ext-list
	$(call say,LD,$@)
	$(Q)ld $(VMM_LDFLAGS) -nostdlib -static -no-pie -z noexecstack -z max-page-size=4096 -T vmm/image.ld -o $@ \
		$(VMM_OBJECTS) $(EXT_OBJECTS)
	$(if $(RETPOLINE),$(Q)! objdump -d --no-show-raw-insn $@ | grep -E 'call +\*' || { rm -f $@; exit 1; })
	$(if $(BARRIER),$(Q)test $$(objdump -d --no-show-raw-insn $@ | grep -cE 'mov +\$$0x49,%ecx') -eq $(BARRIERS) || { rm -f $@; exit 1; })

$(BUILD)/hadal.bin: $(BUILD)/vmm/hadal.elf
	$(call say,IMAGE,$@)
	$(Q)objcopy -O binary $< $@

ARTEFACTS += $(BUILD)/hadal.bin
.PHONY: FORCE
FORCE:
