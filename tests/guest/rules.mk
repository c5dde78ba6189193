# SPDX-License-Identifier: MIT
# Programs of the guest tests: each tests/guest/NAME.c becomes /bin/NAME of every guest.
# What they share is in tests/guest/support; hadal_test.ko (tests/guest/module) lets them execute
# hypercalls, and hadal_examples.ko is the loader with an image of the example extensions.

GUEST_TEST_PROGRAMS := $(patsubst tests/guest/%.c,$(BUILD)/guest-bin/%,$(wildcard tests/guest/*.c))
GUEST_TEST_SUPPORT := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/guest/support/*.c))
GUEST_TEST_CPPFLAGS := $(LIB_CPPFLAGS) -D_GNU_SOURCE -Itests/guest -Ivmm
GUEST_PROGRAMS += $(GUEST_TEST_PROGRAMS)

$(GUEST_TEST_SUPPORT): $(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(GUEST_TEST_CPPFLAGS) -c -o $@ $<

$(GUEST_TEST_PROGRAMS): $(BUILD)/guest-bin/%: tests/guest/%.c $(GUEST_TEST_SUPPORT) $(BUILD)/libhadal.a
	@mkdir -p $(@D) $(BUILD)/tests/guest
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(GUEST_TEST_CPPFLAGS) -MF $(BUILD)/tests/guest/$*.d -o $@ $(filter %.c %.o %.a,$^) $(LIB_LIBS) -ljson-c

# What test_standin opens in LibVMI's place.
GUEST_PROGRAMS += $(BUILD)/guest-bin/fake_libvmi.so
$(BUILD)/guest-bin/fake_libvmi.so: tests/guest/standin/vmi.c tests/guest/standin/vmi.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -fPIC $(filter-out -M%,$(CFLAGS)) $(CPPFLAGS) $(GUEST_TEST_CPPFLAGS) -o $@ $<

GUEST_TEST_MODULE := $(wildcard tests/guest/module/*)
GUEST_EXAMPLES := $(BUILD)/tests/guest/examples/module/$(GUEST_RELEASE)/hadal.ko

$(BUILD)/tests/guest/module/hadal_test.ko: $(GUEST_TEST_MODULE) $(MODULE_HEADERS)
	$(call say,MODULE,$@)
	$(Q)$(call kbuild,$(GUEST_KDIR),$(@D),$(GUEST_TEST_MODULE))

# A build of its own below this one, as make RETPOLINE=1 BARRIER=1 EXT= would do it.
$(GUEST_EXAMPLES): FORCE
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/tests/guest/examples GUEST_RELEASE=$(GUEST_RELEASE) \
		RETPOLINE=1 BARRIER=1 KDIR=$(GUEST_KDIR) EXT='vmm/ext/cpuid_count vmm/ext/hello tests/guest/ext/fault tests/guest/ext/single_step tests/guest/ext/trial' $@

$(BUILD)/guest-bin/hadal_test.ko: $(BUILD)/tests/guest/module/hadal_test.ko
$(BUILD)/guest-bin/hadal_examples.ko: $(GUEST_EXAMPLES)
$(BUILD)/guest-bin/hadal_test.ko $(BUILD)/guest-bin/hadal_examples.ko:
	@mkdir -p $(@D)
	$(Q)strip --strip-debug -o $@ $<

ifneq ($(wildcard $(GUEST_KDIR)),)
GUEST_PROGRAMS += $(BUILD)/guest-bin/hadal_test.ko $(BUILD)/guest-bin/hadal_examples.ko
endif
