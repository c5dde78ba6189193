# SPDX-License-Identifier: MIT
# Unit tests: each test_*.c becomes a host program with cmocka and sanitizers. A test names the
# sources it tests, and libraries if any, in comments of its own:
#   // Sources: lib/error.c lib/show/*.c
#   // Libraries: -lbpf
# A comment may be there more than once. KERNEL stands for all that reads a kernel in memory.

UNIT_TESTS := $(wildcard tests/unit/test_*.c)
UNIT_PROGRAMS += $(UNIT_TESTS:%.c=$(BUILD)/%)
UNIT_CFLAGS := $(CFLAGS) -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_CPPFLAGS := $(CPPFLAGS) -D_GNU_SOURCE -Ilib -Ivmm -Itests/unit

# The comment "// NAME: words" of a test, as words.
test_note = $(shell sed -n 's,^// $(2): *,,p' $(1))
KERNEL_SOURCES := lib/error.c lib/memory/memory.c lib/memory/space.c \
	$(wildcard $(patsubst %,lib/%/*.c,types symbols kernel walk process file net system memmap unwind))
test_sources = $(sort $(wildcard $(patsubst KERNEL,$(KERNEL_SOURCES),$(call test_note,$(1),Sources))))
test_objects = $(patsubst %.c,$(BUILD)/tests/sanitized/%.o,$(1) $(call test_sources,$(1)))

# Not of C: they check the tree that they are run in.
SCRIPT_TESTS := $(addprefix $(BUILD)/tests/unit/test_,layout descriptions install-uefi library python)
UNIT_PROGRAMS += $(SCRIPT_TESTS)
$(BUILD)/tests/unit/test_library: $(LIB_PUBLIC) $(BUILD)/$(LIB_SO) $(BUILD)/tests/unit/write_image
$(BUILD)/tests/unit/test_python: $(BUILD)/$(LIB_SO) $(BUILD)/tests/unit/write_image $(PYTHON_FILES)
$(BUILD)/tests/unit/test_descriptions: $(BUILD)/hadal
$(SCRIPT_TESTS): $(BUILD)/tests/unit/test_%: tests/%
	@mkdir -p $(@D)
	$(Q)install -m 755 tests/$* $@

# Not intermediate: several tests share them.
.SECONDARY:

$(BUILD)/tests/sanitized/%.o: %.c tests/unit/rules.mk
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(UNIT_CFLAGS) $(UNIT_CPPFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/%: $$(call test_objects,tests/unit/%.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka $(call test_note,tests/unit/$*.c,Libraries)
