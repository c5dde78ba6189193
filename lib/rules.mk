# SPDX-License-Identifier: MIT
# libhadal: every source below lib/ goes into build/libhadal.a.

LIB_SOURCES := $(wildcard lib/*.c lib/kernel/*.c lib/dump/*.c lib/profile/*.c lib/types/*.c lib/show/*.c \
	lib/search/*.c lib/disas/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
LIB_CPPFLAGS := -D_GNU_SOURCE -Ilib
# What a program linked with libhadal.a needs beside it.
LIB_LIBS := -Wl,--as-needed -lbpf -lelf -lz -lzstd -lcapstone

ARTEFACTS += $(BUILD)/libhadal.a

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -c -o $@ $<

$(BUILD)/libhadal.a: $(LIB_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

# Programs include <libhadal/hadal.h> and link with -lhadal and LIB_LIBS.
LIB_HEADERS := lib/hadal.h lib/error.h lib/memory.h lib/window.h lib/image.h
LIB_KERNEL_HEADERS := $(addprefix lib/kernel/,arguments.h btf.h dmesg.h files.h find.h kallsyms.h \
	kernel.h list.h maps.h module.h mount_namespaces.h mounts.h namespaces.h object.h path.h process.h \
	sockets.h space.h)
install:: all
	install -d $(DESTDIR)$(PREFIX)/include/hadal $(DESTDIR)$(PREFIX)/include/libhadal \
		$(DESTDIR)$(PREFIX)/lib
	install -m 644 include/hadal/*.h $(DESTDIR)$(PREFIX)/include/hadal
	install -m 644 $(LIB_HEADERS) $(DESTDIR)$(PREFIX)/include/libhadal
	install -d $(DESTDIR)$(PREFIX)/include/libhadal/kernel
	install -m 644 $(LIB_KERNEL_HEADERS) $(DESTDIR)$(PREFIX)/include/libhadal/kernel
	install -m 644 $(BUILD)/libhadal.a $(DESTDIR)$(PREFIX)/lib

uninstall::
	rm -rf $(DESTDIR)$(PREFIX)/include/hadal $(DESTDIR)$(PREFIX)/include/libhadal
	rm -f $(DESTDIR)$(PREFIX)/lib/libhadal.a
