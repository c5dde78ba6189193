# SPDX-License-Identifier: MIT
# libhadal: every source below lib/ goes into build/libhadal.a.

# In reading order: a directory uses those before it.
LIB_DIRS := memory device events kvmi types symbols kernel machine walk process file net system memmap unwind show search disas dump profile
LIB_SOURCES := $(wildcard lib/*.c $(LIB_DIRS:%=lib/%/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
LIB_CPPFLAGS := -D_GNU_SOURCE -Ilib
# What a program linked with libhadal.a needs beside it.
LIB_LIBS := -Wl,--as-needed -lbpf -lelf -lz -lzstd -llzo2 -lsnappy -lstdc++ -lcapstone

# What the shared one needs; it has what C++ needs by the libraries themselves.
LIB_SHARED_LIBS := -Wl,--as-needed -lbpf -lelf -lz -lzstd -llzo2 -lsnappy -lcapstone

# All names are of this version, so that a program of another one is refused when it starts.
LIB_VERSION := $(shell sed -n 's/^\#define HADAL_VERSION "\(.*\)"/\1/p' include/hadal/abi.h)
LIB_SO := libhadal.so.0
LIB_PIC_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/pic/%.o)

# libhadal.a is for this tree; other programs get one object with the listed names alone.
LIB_PUBLIC := $(BUILD)/public/libhadal.a

ARTEFACTS += $(BUILD)/libhadal.a $(LIB_PUBLIC) $(BUILD)/$(LIB_SO)

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -c -o $@ $<

$(BUILD)/pic/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -fPIC $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -c -o $@ $<

$(BUILD)/libhadal.a: $(LIB_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

# What programs may use, of lib/libhadal.names (tests/library --write).
$(BUILD)/public/names: lib/libhadal.names
	@mkdir -p $(@D)
	$(Q)sed -n 's/^\(function\|variable\) \([a-z0-9_]*\) .*/\2/p' $< > $@

$(BUILD)/public/libhadal.map: $(BUILD)/public/names include/hadal/abi.h
	$(Q)(echo 'HADAL_$(LIB_VERSION) {'; echo 'global:'; sed 's/$$/;/' $<; echo 'local: *;'; echo '};') > $@

$(LIB_PUBLIC): $(LIB_OBJECTS) $(BUILD)/public/names
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(@D)/libhadal.o $(LIB_OBJECTS)
	$(Q)objcopy --keep-global-symbols=$(BUILD)/public/names $(@D)/libhadal.o
	$(Q)$(AR) rcs $@ $(@D)/libhadal.o

$(BUILD)/$(LIB_SO): $(LIB_PIC_OBJECTS) $(BUILD)/public/libhadal.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,$(LIB_SO) -Wl,--version-script,$(BUILD)/public/libhadal.map -Wl,-z,defs \
		$(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB_SHARED_LIBS)

# Installed headers are found as <hadal/...>, whatever else is on a program's way to its own.
LIB_HEADERS := hadal.h $(shell sed -n 's/^\#include "\(.*\)"/\1/p' lib/hadal.h)
LIB_INSTALLED := $(DESTDIR)$(PREFIX)/include/hadal
LIBDIR ?= $(PREFIX)/lib
install:: all install-library

.PHONY: install-library
install-library: $(LIB_PUBLIC) $(BUILD)/$(LIB_SO)
	install -d $(LIB_INSTALLED) $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 include/hadal/*.h include/hadal/*.def $(LIB_INSTALLED)
	for header in $(LIB_HEADERS); do \
		install -d $(LIB_INSTALLED)/$$(dirname $$header) && \
		sed 's,^#include "\(.*\)"$$,#include <hadal/\1>,' lib/$$header > $(LIB_INSTALLED)/$$header || exit 1; \
	done
	install -m 644 $(LIB_PUBLIC) $(DESTDIR)$(LIBDIR)
	install -m 755 $(BUILD)/$(LIB_SO) $(DESTDIR)$(LIBDIR)
	ln -sf $(LIB_SO) $(DESTDIR)$(LIBDIR)/libhadal.so
	sed 's,@PREFIX@,$(PREFIX),; s,@LIBDIR@,$(LIBDIR),; s,@VERSION@,$(LIB_VERSION),' lib/hadal.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/hadal.pc

uninstall::
	rm -rf $(LIB_INSTALLED)
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libhadal.a libhadal.so $(LIB_SO) pkgconfig/hadal.pc)
