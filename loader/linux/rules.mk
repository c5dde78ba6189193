# SPDX-License-Identifier: MIT
#
# hadal.ko for the guests' kernel and for KDIR. Kbuild writes beside the sources, so each kernel gets
# a directory of links to them below build/.
MODULE_SOURCES := $(wildcard loader/linux/*.[chS] loader/common/*.[ch]) loader/linux/Kbuild
MODULE_HEADERS := $(wildcard include/hadal/*.h include/hadal/*.def)
HADAL_IMAGE ?= $(BUILD)/hadal.bin

# $(call module_release,KDIR): the release a tree of kernel headers is for
module_release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(1)/include/generated/utsrelease.h 2>/dev/null)
MODULE_RELEASE := $(call module_release,$(KDIR))

# $(call kbuild,KDIR,DIR,SOURCES,VARIABLES): modules of SOURCES, one of which is their Kbuild, in DIR
kbuild = mkdir -p $(2) && ln -sf $(abspath $(3)) $(2)/ && env -u MAKEFLAGS -u CFLAGS -u CPPFLAGS $(MAKE) -s -C $(1) \
	M=$(abspath $(2)) CONFIG_DEBUG_INFO_BTF_MODULES= HADAL_TOP=$(CURDIR) $(4) modules

# $(call module_rules,RELEASE,KDIR)
define module_rules
ARTEFACTS += $(BUILD)/module/$(1)/hadal.ko
$(BUILD)/module/$(1)/hadal.ko: $(MODULE_SOURCES) $(MODULE_HEADERS) $(HADAL_IMAGE)
	$$(call say,MODULE,$$@)
	$$(Q)$$(call kbuild,$(2),$$(@D),$(MODULE_SOURCES),HADAL_IMAGE=$(abspath $(HADAL_IMAGE)) \
		HADAL_PLANTED=$(if $(filter %/ext/fault,$(EXT)),y))
endef

# Without the image's own makefile there is nothing to load.
MODULE_KDIRS := $(if $(wildcard vmm/rules.mk),$(sort $(KDIR) $(GUEST_KDIRS)))
$(foreach kdir,$(MODULE_KDIRS),$(if $(call module_release,$(kdir)),\
	$(eval $(call module_rules,$(call module_release,$(kdir)),$(kdir)))))

ifneq ($(and $(MODULE_KDIRS),$(MODULE_RELEASE)),)
MODULE_INSTALLED := $(DESTDIR)/lib/modules/$(MODULE_RELEASE)/updates/hadal.ko
install:: all
	install -D -m 644 $(BUILD)/module/$(MODULE_RELEASE)/hadal.ko $(MODULE_INSTALLED)
	$(if $(DESTDIR),,depmod $(MODULE_RELEASE))

uninstall::
	rm -f $(MODULE_INSTALLED)
	$(if $(DESTDIR),,depmod $(MODULE_RELEASE))
endif
