# SPDX-License-Identifier: MIT
# The benchmark: programs for the guest, modules that time single instructions and starts, and images with
# extensions that have CPUID intercepted. bench/run puts them together. The programs are static, as the
# command is: a guest has only the libraries that its own programs need.

BENCH_SHARED := bench/samples.c
BENCH_PROGRAMS := $(patsubst bench/%.c,$(BUILD)/bench/bin/bench_%,\
	$(filter-out $(BENCH_SHARED),$(wildcard bench/*.c)))
BENCH_MODULE_SOURCES := $(wildcard bench/module/*)
BENCH_MODULE := $(BUILD)/bench/module/hadal_bench.ko
BENCH_IMAGES := $(patsubst bench/ext/%/,%,$(wildcard bench/ext/*/))
bench_image_module = $(BUILD)/bench/image/$(1)/module/$(GUEST_RELEASE)/hadal.ko

$(BENCH_PROGRAMS): $(BUILD)/bench/bin/bench_%: bench/%.c $(BENCH_SHARED) $(BUILD)/libhadal.a
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -static -no-pie -Wl,--no-warnings $(CFLAGS) $(CPPFLAGS) $(LIB_CPPFLAGS) -MF $(BUILD)/bench/$(@F).d -o $@ $(filter %.c %.o %.a,$^) $(LIB_LIBS)

$(BENCH_MODULE): $(BENCH_MODULE_SOURCES) bench/sample.h $(MODULE_HEADERS)
	$(call say,MODULE,$@)
	$(Q)$(call kbuild,$(GUEST_KDIR),$(@D),$(BENCH_MODULE_SOURCES))

# The module with another image: a build of its own below this one.
define bench_image_rule
$(call bench_image_module,$(1)): FORCE
	$$(Q)$$(MAKE) --no-print-directory BUILD=$$(BUILD)/bench/image/$(1) EXT=bench/ext/$(1) \
		GUEST_RELEASE=$$(GUEST_RELEASE) KDIR=$$(GUEST_KDIR) $$@
endef
$(foreach image,$(BENCH_IMAGES),$(eval $(call bench_image_rule,$(image))))

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS) $(BENCH_MODULE) $(foreach image,$(BENCH_IMAGES),\
	$(call bench_image_module,$(image)))
