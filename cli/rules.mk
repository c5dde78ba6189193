# SPDX-License-Identifier: MIT
# The hadal command, $(BUILD)/hadal.
CLI_SRC := $(wildcard cli/*.c)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)

ARTEFACTS += $(BUILD)/hadal

$(BUILD)/cli/%.o: cli/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Werror -D_GNU_SOURCE -Ilib -c -o $@ $<

$(BUILD)/hadal: $(CLI_OBJ) $(BUILD)/libhadal.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ljson-c $(LIB_LIBS)

install:: all
	install -D -m 755 -s $(BUILD)/hadal $(DESTDIR)$(PREFIX)/bin/hadal
	install -D -m 644 docs/hadal.8 $(DESTDIR)$(PREFIX)/share/man/man8/hadal.8

uninstall::
	rm -f $(DESTDIR)$(PREFIX)/bin/hadal $(DESTDIR)$(PREFIX)/share/man/man8/hadal.8
