# SPDX-License-Identifier: MIT
# Fuzz targets: each fuzz_*.c becomes a libFuzzer program. A target names the sources it throws its
# input at, and libraries if any, in the same comments as a unit test (see tests/unit/rules.mk).

FUZZ_TARGETS := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_PROGRAMS += $(FUZZ_TARGETS:%.c=$(BUILD)/%)
FUZZ_CFLAGS := -std=gnu11 -O1 -g -Wall -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_CPPFLAGS := $(CPPFLAGS) -D_GNU_SOURCE -Ilib -Ivmm -Itests/unit

fuzz_objects = $(patsubst %.c,$(BUILD)/tests/fuzzed/%.o,$(1) $(call test_sources,$(1)))

$(BUILD)/tests/fuzzed/%.o: %.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)clang $(FUZZ_CFLAGS) $(FUZZ_CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/fuzz/%: $$(call fuzz_objects,tests/fuzz/%.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)clang $(FUZZ_CFLAGS) -o $@ $^ $(call test_note,tests/fuzz/$*.c,Libraries)

# The walkers over a changed memory image, run by a guest test that makes one.
FUZZ_IMAGE := $(BUILD)/tests/fuzz/fuzz_image

$(FUZZ_IMAGE): $$(call test_objects,tests/fuzz/image/main.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(UNIT_CFLAGS) -o $@ $^ $(call test_note,tests/fuzz/image/main.c,Libraries)

test-programs: $(FUZZ_IMAGE)
