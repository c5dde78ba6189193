# SPDX-License-Identifier: MIT
# libhadal: every source below lib/ goes into build/libhadal.a.

# In reading order: a directory uses those before it.
LIB_DIRS := memory device events types symbols kernel walk process file net system memmap unwind show search disas dump profile
LIB_SOURCES := $(wildcard lib/*.c $(LIB_DIRS:%=lib/%/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
LIB_CPPFLAGS := -D_GNU_SOURCE -Ilib
# What a program linked with libhadal.a needs beside it.
LIB_LIBS := -Wl,--as-needed -lbpf -lelf -lz -lzstd -llzo2 -lsnappy -lstdc++ -lcapstone

ARTEFACTS += $(BUILD)/libhadal.a

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -c -o $@ $<

$(BUILD)/libhadal.a: $(LIB_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

# Programs include <hadal.h> with -I$(PREFIX)/include/libhadal and link with -lhadal and LIB_LIBS.
LIB_HEADERS := lib/hadal.h lib/error.h
LIB_ROOM_HEADERS := $(addprefix lib/,device/window.h events/events.h memory/image.h memory/memory.h memory/space.h types/btf.h \
	symbols/kallsyms.h kernel/find.h kernel/kernel.h kernel/missing.h walk/list.h walk/object.h walk/plan.h process/arguments.h \
	process/namespaces.h process/process.h file/files.h file/maps.h file/mount_namespaces.h file/mounts.h \
	file/path.h net/sockets.h system/dmesg.h system/module.h)
install:: all
	install -d $(DESTDIR)$(PREFIX)/include/hadal $(DESTDIR)$(PREFIX)/include/libhadal \
		$(DESTDIR)$(PREFIX)/lib
	install -m 644 include/hadal/*.h include/hadal/*.def $(DESTDIR)$(PREFIX)/include/hadal
	install -m 644 $(LIB_HEADERS) $(DESTDIR)$(PREFIX)/include/libhadal
	$(foreach header,$(LIB_ROOM_HEADERS),install -D -m 644 $(header) \
		$(DESTDIR)$(PREFIX)/include/libhadal/$(patsubst lib/%,%,$(header)) &&) true
	install -m 644 $(BUILD)/libhadal.a $(DESTDIR)$(PREFIX)/lib

uninstall::
	rm -rf $(DESTDIR)$(PREFIX)/include/hadal $(DESTDIR)$(PREFIX)/include/libhadal
	rm -f $(DESTDIR)$(PREFIX)/lib/libhadal.a
