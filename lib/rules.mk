# SPDX-License-Identifier: MIT
# libhadal: every source below lib/ goes into build/libhadal.a.

LIB_SOURCES := $(wildcard lib/*.c lib/kernel/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
LIB_CPPFLAGS := -D_GNU_SOURCE -Ilib
# What a program linked with libhadal.a needs beside it.
LIB_LIBS := -lbpf -lelf -lz

ARTEFACTS += $(BUILD)/libhadal.a

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -c -o $@ $<

$(BUILD)/libhadal.a: $(LIB_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^
