# SPDX-License-Identifier: MIT
# Programs of the guest tests: each tests/guest/NAME.c becomes /bin/NAME of every guest.

GUEST_TEST_PROGRAMS := $(patsubst tests/guest/%.c,$(BUILD)/guest-bin/%,$(wildcard tests/guest/*.c))
GUEST_PROGRAMS += $(GUEST_TEST_PROGRAMS)

$(GUEST_TEST_PROGRAMS): $(BUILD)/guest-bin/%: tests/guest/%.c $(BUILD)/libhadal.a
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -o $@ $^ $(LIB_LIBS)
