// SPDX-License-Identifier: MIT
/* A kernel that was found: its symbols and types, and facts kept from earlier. */
#include "kernel/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/facts.h"
#include "kernel/identity.h"
#include "kernel/missing.h"

/* Where Linux is linked to run: __START_KERNEL_map plus the default CONFIG_PHYSICAL_START. */
#define LINK_BASE 0xffffffff81000000ull

/* When only the banner is known: how much around it holds the tables. */
#define BEFORE_BANNER (1ull << 20)
#define AFTER_BANNER  (64ull << 20)
#define IMAGE_SIZE    (128ull << 20)

struct hadal_kernel {
	struct hadal_page_cache *cache;
	struct hadal_space space;
	struct hadal_kernel_info info;
	/* A copy of the read-only data, which does not change while a kernel runs. */
	uint8_t *rodata;
	struct hadal_kallsyms *symbols;
	struct hadal_types *types;
	char vmcoreinfo[HADAL_VMCOREINFO_MAX];
	struct hadal_facts facts;
	char *facts_directory; /* NULL: they are not kept */
};

enum own_symbol {
	TEXT,
	BANNER,
	TOP_PGT,
	VMCOREINFO,
	VMCOREINFO_SIZE,
	NOTES,
	NOTES_END,
	OWN_SYMBOLS
};

static const struct hadal_lookup own_symbols[OWN_SYMBOLS] = {
	[TEXT] = {.name = "_text"},
	[BANNER] = {.name = "linux_banner"},
	[TOP_PGT] = {.name = "init_top_pgt"},
	[VMCOREINFO] = {.name = "vmcoreinfo_data"},
	[VMCOREINFO_SIZE] = {.name = "vmcoreinfo_size"},
	[NOTES] = {.name = "__start_notes"},
	[NOTES_END] = {.name = "__stop_notes"},
};

/* The first RAM at pa or above; the end of addresses when there is none. */
static uint64_t next_ram(const struct hadal_memory *memory, uint64_t pa)
{
	for (size_t i = 0; i < memory->range_count; i++)
		if (pa < memory->ranges[i].end)
			return pa > memory->ranges[i].start ? pa : memory->ranges[i].start;
	return UINT64_MAX;
}

/* Copies physical memory; what is not RAM becomes zeros. */
static uint8_t *copy_physical(struct hadal_memory *memory, uint64_t pa, size_t len)
{
	uint8_t *copy = calloc(1, len);
	uint64_t at = next_ram(memory, pa);

	while (copy && at - pa < len) {
		ssize_t got = hadal_memory_read(memory, at, copy + (at - pa), len - (at - pa));

		at += got > 0 ? got : 0;
		/* A page that cannot be read is passed over. */
		if (at - pa < len)
			at = next_ram(memory, at - at % HADAL_PAGE_SIZE + HADAL_PAGE_SIZE);
	}
	return copy;
}

static int load_symbols(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_location *where = &kernel->info.where;
	uint64_t pa = where->physical + (where->rodata - where->base);

	free(kernel->rodata);
	kernel->rodata =
		copy_physical(hadal_page_cache_memory(kernel->cache), pa, where->rodata_size);
	if (!kernel->rodata)
		return hadal_fail(error, ENOMEM, "Out of memory");
	return hadal_kallsyms_find(kernel->rodata, where->rodata_size, where->rodata,
				   &kernel->symbols, error);
}

/* Loads the symbol tables from read-only data, or where that is not told apart, from the image. */
static int load_tables(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_location *where = &kernel->info.where;

	/* Not looked for where facts were enough so far. */
	if (!where->rodata_size)
		hadal_find_rodata(&kernel->space, where);
	if (where->rodata_size && !load_symbols(kernel, error))
		return 0;
	where->rodata = where->base;
	where->rodata_size = IMAGE_SIZE;
	return load_symbols(kernel, error);
}

/* The virtual address at which a root maps the kernel's physical base; 0 when it does not. */
static uint64_t find_mapping(struct hadal_kernel *kernel, uint64_t physical)
{
	uint64_t pa;

	for (uint64_t va = HADAL_IMAGE_MIN; va < HADAL_IMAGE_MAX; va += HADAL_IMAGE_ALIGN)
		if (!hadal_space_address(&kernel->space, va, &pa) && pa == physical)
			return va;
	return 0;
}

/*
 * With the banner's place known, the rest of the location follows: symbols tell how far the others
 * lie from it in physical memory, and the kernel's own page tables where that is mapped.
 */
static int locate_by_banner(struct hadal_kernel *kernel, uint64_t banner_pa, uint64_t data_pa)
{
	struct hadal_location *where = &kernel->info.where;
	struct hadal_lookup found[OWN_SYMBOLS];
	uint64_t to_physical;

	memcpy(found, own_symbols, sizeof(found));
	hadal_kallsyms_lookup(kernel->symbols, found, OWN_SYMBOLS);
	if (!found[BANNER].address || !found[TOP_PGT].address)
		return -ENOENT;
	to_physical = banner_pa - found[BANNER].address;
	where->physical = found[TEXT].address + to_physical;
	where->root = found[TOP_PGT].address + to_physical;
	for (where->levels = 4; where->levels <= 5; where->levels++) {
		hadal_space_init(&kernel->space, kernel->cache, where->root, where->levels);
		where->base = find_mapping(kernel, where->physical);
		if (where->base)
			break;
	}
	where->rodata = where->base + (data_pa - where->physical);
	hadal_kallsyms_set_va(kernel->symbols, where->rodata);
	return where->base ? 0 : -ENOENT;
}

static int open_by_search(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_location *where = &kernel->info.where;
	struct hadal_memory *memory = hadal_page_cache_memory(kernel->cache);
	uint64_t banner = 0;

	for (; !hadal_find_banner(memory, &banner); banner++) {
		uint64_t start = banner < BEFORE_BANNER ? 0 : banner - BEFORE_BANNER;

		start -= start % HADAL_PAGE_SIZE;
		/* Physical addresses, until the virtual ones are known. */
		*where = (struct hadal_location){.physical = start,
						 .rodata_size = banner - start + AFTER_BANNER};
		hadal_kallsyms_free(kernel->symbols);
		kernel->symbols = NULL;
		if (!load_symbols(kernel, error) && !locate_by_banner(kernel, banner, start))
			return 0;
	}
	return hadal_fail(
		error, ENOENT,
		"No Linux kernel was found in this memory; it must be x86-64 Linux 5.10 or "
		"later, and the memory complete%s",
		hadal_missing_hole_advice(memory));
}

/* Goes over to the kernel's own root, which stays when the process of the traces is gone. */
static void use_own_root(struct hadal_kernel *kernel, uint64_t top_pgt)
{
	struct hadal_location *where = &kernel->info.where;
	uint64_t pa = where->physical + (top_pgt - where->base), base_pa;

	hadal_space_init(&kernel->space, kernel->cache, pa, where->levels);
	if (top_pgt && !hadal_space_address(&kernel->space, where->base, &base_pa) &&
	    base_pa == where->physical)
		where->root = pa;
	else
		hadal_space_init(&kernel->space, kernel->cache, where->root, where->levels);
}

/* Says what is known of the kernel, from the addresses of the symbols for that. */
static int describe(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_kernel_info *info = &kernel->info;
	struct hadal_lookup found[OWN_SYMBOLS];

	memcpy(found, own_symbols, sizeof(found));
	/* Those that this kernel does not have stay 0. */
	hadal_kernel_lookup(kernel, found, OWN_SYMBOLS, NULL);
	use_own_root(kernel, found[TOP_PGT].address);
	info->slide = info->where.base - LINK_BASE;
	hadal_identity_banner(&kernel->space, found[BANNER].address, info);
	if (!info->release[0])
		return hadal_fail(error, ENOENT,
				  "The symbols found in memory lead to no \"Linux version\"");
	if (!kernel->facts.build_id_at) {
		uint64_t at =
			hadal_identity_build_id(&kernel->space, found[NOTES].address,
						found[NOTES_END].address, kernel->facts.build_id);

		kernel->facts.build_id_at = at ? at - info->where.base : 0;
	}
	for (int i = 0; kernel->facts.build_id_at && i < HADAL_BUILD_ID_BYTES; i++) {
		info->build_id[2 * i] = "0123456789abcdef"[kernel->facts.build_id[i] >> 4];
		info->build_id[2 * i + 1] = "0123456789abcdef"[kernel->facts.build_id[i] & 15];
	}
	hadal_identity_vmcoreinfo(&kernel->space, found[VMCOREINFO].address,
				  found[VMCOREINFO_SIZE].address, info, kernel->vmcoreinfo);
	return 0;
}

/* Facts are about this kernel when its build id is in memory where they say. */
static bool facts_fit(struct hadal_kernel *kernel, const struct hadal_facts *facts)
{
	uint8_t build_id[HADAL_BUILD_ID_BYTES];

	return facts->build_id_at && facts->build_id_at < IMAGE_SIZE &&
	       !hadal_space_read_exact(&kernel->space, kernel->info.where.base + facts->build_id_at,
				       build_id, sizeof(build_id)) &&
	       !memcmp(build_id, facts->build_id, sizeof(build_id));
}

/* Takes the facts about the kernel at hand from the directory, if they are there. */
static bool take_facts(struct hadal_kernel *kernel)
{
	const struct hadal_location *where = &kernel->info.where;
	DIR *directory = kernel->facts_directory ? opendir(kernel->facts_directory) : NULL;
	struct dirent *entry;
	bool taken = false;

	hadal_space_init(&kernel->space, kernel->cache, where->root, where->levels);
	while (directory && !taken && (entry = readdir(directory))) {
		struct hadal_facts facts;
		char *path;

		if (entry->d_name[0] == '.' ||
		    asprintf(&path, "%s/%s", kernel->facts_directory, entry->d_name) < 0)
			continue;
		if (!hadal_facts_load(&facts, path)) {
			taken = facts_fit(kernel, &facts);
			if (taken)
				kernel->facts = facts;
			else
				hadal_facts_clear(&facts);
		}
		free(path);
	}
	if (directory)
		closedir(directory);
	return taken;
}

static int open_by_traces(struct hadal_kernel *kernel, const struct hadal_traces *traces,
			  struct hadal_error *error)
{
	struct hadal_location *where = &kernel->info.where;
	int code;

	if (kernel->facts_directory && !hadal_find_base(kernel->cache, traces, where) &&
	    take_facts(kernel)) {
		if (!describe(kernel, error))
			return 0;
		hadal_facts_clear(&kernel->facts);
	}
	code = hadal_find_by_traces(kernel->cache, traces, where);
	hadal_space_init(&kernel->space, kernel->cache, where->root, where->levels);
	if (!code)
		code = load_tables(kernel, error);
	return code ? code : describe(kernel, error);
}

struct hadal_kernel *hadal_kernel_open_cached(struct hadal_memory *memory,
					      const struct hadal_traces *traces,
					      const char *directory, struct hadal_error *error)
{
	struct hadal_kernel *kernel = calloc(1, sizeof(*kernel));

	if (kernel) {
		kernel->cache = hadal_page_cache_new(memory);
		kernel->facts_directory = directory ? strdup(directory) : NULL;
	}
	if (!kernel || !kernel->cache || (directory && !kernel->facts_directory))
		hadal_fail(error, ENOMEM, "Out of memory");
	else if ((traces && !open_by_traces(kernel, traces, error)) ||
		 (!open_by_search(kernel, error) && !describe(kernel, error))) {
		/* What was tried on the way tells nothing of what is there. */
		memory->missing = (struct hadal_missing){0};
		return kernel;
	}
	hadal_kernel_close(kernel);
	return NULL;
}

struct hadal_kernel *hadal_kernel_open(struct hadal_memory *memory,
				       const struct hadal_traces *traces, struct hadal_error *error)
{
	return hadal_kernel_open_cached(memory, traces, NULL, error);
}

void hadal_kernel_close(struct hadal_kernel *kernel)
{
	if (!kernel)
		return;
	/* A cache that cannot be written costs time at the next start and nothing else. */
	if (kernel->facts_directory && kernel->facts.build_id_at && kernel->facts.changed)
		hadal_facts_save(&kernel->facts, kernel->facts_directory);
	hadal_facts_clear(&kernel->facts);
	free(kernel->facts_directory);
	hadal_types_free(kernel->types);
	hadal_kallsyms_free(kernel->symbols);
	hadal_page_cache_free(kernel->cache);
	free(kernel->rodata);
	free(kernel);
}

const struct hadal_kernel_info *hadal_kernel_info(const struct hadal_kernel *kernel)
{
	return &kernel->info;
}

struct hadal_space *hadal_kernel_space(struct hadal_kernel *kernel)
{
	return &kernel->space;
}

struct hadal_kallsyms *hadal_kernel_symbols(struct hadal_kernel *kernel, struct hadal_error *error)
{
	if (!kernel->symbols)
		load_tables(kernel, error);
	return kernel->symbols;
}

const char *hadal_kernel_vmcoreinfo(const struct hadal_kernel *kernel)
{
	return kernel->vmcoreinfo;
}

/* The blob between the kernel's own symbols for it, or else wherever one begins. */
static bool find_btf(struct hadal_kernel *kernel, size_t *at, size_t *size)
{
	struct hadal_lookup ends[] = {{.name = "__start_BTF"}, {.name = "__stop_BTF"}};
	const struct hadal_location *where = &kernel->info.where;

	if (hadal_kallsyms_lookup(kernel->symbols, ends, 2) == 2 &&
	    ends[0].address >= where->rodata && ends[1].address > ends[0].address &&
	    ends[1].address - where->rodata <= where->rodata_size) {
		*at = ends[0].address - where->rodata;
		*size = ends[1].address - ends[0].address;
		return true;
	}
	return hadal_btf_search(kernel->rodata, where->rodata_size, at, size);
}

const struct hadal_types *hadal_kernel_types(struct hadal_kernel *kernel, struct hadal_error *error)
{
	size_t at, size;

	if (kernel->types)
		return kernel->types;
	if (!hadal_kernel_symbols(kernel, error))
		return NULL;
	if (!find_btf(kernel, &at, &size)) {
		hadal_fail(error, ENOENT,
			   "This kernel has no type information in memory; it must be built with "
			   "CONFIG_DEBUG_INFO_BTF");
		return NULL;
	}
	hadal_types_load(kernel->rodata + at, size, &kernel->types, error);
	return kernel->types;
}

/* Fills in what is known already; true when that is all. */
static bool lookup_facts(const struct hadal_kernel *kernel, struct hadal_lookup *lookups,
			 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct hadal_fact_symbol *symbol =
			hadal_facts_symbol(&kernel->facts, lookups[i].name);

		if (!symbol)
			return false;
		lookups[i].address =
			symbol->offset + (symbol->absolute ? 0 : kernel->info.where.base);
	}
	return true;
}

int hadal_kernel_lookup(struct hadal_kernel *kernel, struct hadal_lookup *lookups, size_t count,
			struct hadal_error *error)
{
	uint64_t base = kernel->info.where.base;
	const char *missing = NULL;

	if (lookup_facts(kernel, lookups, count))
		return 0;
	if (!hadal_kernel_symbols(kernel, error))
		return -ENOENT;
	hadal_kallsyms_lookup(kernel->symbols, lookups, count);
	for (size_t i = 0; i < count; i++) {
		/* Per-CPU symbols are not in the image. */
		bool absolute = lookups[i].address < base;

		if (lookups[i].address)
			hadal_facts_add_symbol(&kernel->facts, lookups[i].name,
					       lookups[i].address - (absolute ? 0 : base),
					       absolute);
		else if (!missing)
			missing = lookups[i].name;
	}
	if (missing)
		return hadal_fail(error, ENOENT, "This kernel has no symbol %s", missing);
	return 0;
}

/* Members are known by the first path that a request has for them. */
static bool field_facts(const struct hadal_kernel *kernel,
			const struct hadal_field_request *requests, size_t count,
			struct hadal_field *fields)
{
	for (size_t i = 0; i < count; i++) {
		const struct hadal_fact_field *known =
			hadal_facts_field(&kernel->facts, requests[i].type, requests[i].paths[0]);

		if (!known)
			return false;
		fields[i] = known->field;
	}
	return true;
}

int hadal_kernel_fields(struct hadal_kernel *kernel, const struct hadal_field_request *requests,
			size_t count, struct hadal_field *fields, struct hadal_error *error)
{
	const struct hadal_types *types;
	int result;

	if (field_facts(kernel, requests, count, fields))
		return 0;
	types = hadal_kernel_types(kernel, error);
	if (!types)
		return -ENOENT;
	result = hadal_types_resolve(types, requests, count, fields, error);
	for (size_t i = 0; !result && i < count; i++)
		hadal_facts_add_field(&kernel->facts, requests[i].type, requests[i].paths[0],
				      &fields[i]);
	return result;
}
