# SPDX-License-Identifier: MIT
# The hadal command, $(BUILD)/hadal. Static, so that it trusts no library of the machine it looks into
# and starts cheaply; not position-independent, since relocating what it links would cost more than
# all the rest of a short command. The linker would warn of dlopen(), which libfuse has for modules
# that nobody asks for here.

CLI_LIBS := -ljson-c -lfuse3
CLI_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c)) $(BUILD)/cli/standin/image.o

COMPLETIONS := $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions/hadal \
	zsh/vendor-completions/_hadal)

ARTEFACTS += $(BUILD)/hadal

$(BUILD)/cli/%.o: cli/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -c -o $@ $<

# What LibVMI programs get in place of libvirt, inside the command: it only needs libc.
STANDIN_SOURCES := $(wildcard cli/standin/*.c)

$(BUILD)/cli/standin/libvirt.so: $(STANDIN_SOURCES) cli/standin/standin.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -fPIC -fvisibility=hidden -Wl,-soname,$(@F) -Wl,-z,defs -s $(filter-out -g -M%,$(CFLAGS)) \
		$(CPPFLAGS) -D_GNU_SOURCE $(LDFLAGS) -o $@ $(STANDIN_SOURCES)

$(BUILD)/cli/standin/image.o: cli/standin/image.S $(BUILD)/cli/standin/libvirt.so
	$(call say,AS,$@)
	$(Q)$(CC) -DSTANDIN_IMAGE='"$(BUILD)/cli/standin/libvirt.so"' -c -o $@ $<

$(BUILD)/hadal: $(CLI_OBJECTS) $(BUILD)/libhadal.a
	$(call say,LD,$@)
	$(Q)$(CC) -static -no-pie -Wl,--no-warnings $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CLI_LIBS) $(LIB_LIBS)

install:: all
	install -D -m 755 -s $(BUILD)/hadal $(DESTDIR)$(PREFIX)/bin/hadal
	install -D -m 644 docs/hadal.8 $(DESTDIR)$(PREFIX)/share/man/man8/hadal.8
	install -d $(dir $(COMPLETIONS))
	$(BUILD)/hadal completion bash > $(word 1,$(COMPLETIONS))
	$(BUILD)/hadal completion zsh > $(word 2,$(COMPLETIONS))

uninstall::
	rm -f $(DESTDIR)$(PREFIX)/bin/hadal $(DESTDIR)$(PREFIX)/share/man/man8/hadal.8 $(COMPLETIONS)
