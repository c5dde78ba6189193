// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where Linux is linked to run: __START_KERNEL_map plus the default CONFIG_PHYSICAL_START. */
#define LINK_BASE 0xffffffff81000000ull

/* When only the banner is known: how much around it holds the tables. */
#define BEFORE_BANNER (1ull << 20)
#define AFTER_BANNER  (64ull << 20)
#define IMAGE_SIZE    (128ull << 20)

#define NOTE_BUILD_ID 3 /* NT_GNU_BUILD_ID */

struct hadal_kernel {
	struct hadal_page_cache *cache;
	struct hadal_space space;
	struct hadal_kernel_info info;
	/* A copy of the read-only data, which does not change while a kernel runs. */
	uint8_t *rodata;
	struct hadal_kallsyms *symbols;
	struct hadal_types *types;
	char vmcoreinfo[4096];
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

/* Copies physical memory; what is not RAM becomes zeros. */
static uint8_t *copy_physical(struct hadal_memory *memory, uint64_t pa, size_t len)
{
	uint8_t *copy = calloc(1, len);
	size_t done = 0;

	while (copy && done < len) {
		ssize_t got = hadal_memory_read(memory, pa + done, copy + done, len - done);

		done += got > 0 ? got : 0;
		if (done < len)
			done += HADAL_PAGE_SIZE - (pa + done) % HADAL_PAGE_SIZE;
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

static int open_by_traces(struct hadal_kernel *kernel, const struct hadal_traces *traces,
			  struct hadal_error *error)
{
	struct hadal_location *where = &kernel->info.where;
	int code = hadal_find_by_traces(kernel->cache, traces, where);

	if (code)
		return hadal_fail(error, -code,
				  "The registers given do not lead to a kernel (CR3 %#" PRIx64
				  ", LSTAR %#" PRIx64 ", IDT %#" PRIx64 ")",
				  traces->cr3, traces->lstar, traces->idt_base);
	if (!where->rodata_size || load_symbols(kernel, error)) {
		/* Read-only data is not told apart (rodata=off): take all of the image. */
		where->rodata = where->base;
		where->rodata_size = IMAGE_SIZE;
		code = load_symbols(kernel, error);
		if (code)
			return code;
	}
	return 0;
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
	return hadal_fail(error, ENOENT,
			  "No Linux kernel found in this memory; it must be x86-64 Linux 5.10 or "
			  "later, and the memory complete");
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

static void read_banner(struct hadal_kernel *kernel, uint64_t address)
{
	struct hadal_kernel_info *info = &kernel->info;

	if (!address || hadal_space_read_string(&kernel->space, address, info->banner,
						sizeof(info->banner)) < 0)
		return;
	/* Up to its newline, and only as far as it is text. */
	for (char *c = info->banner;; c++) {
		if (*c < ' ' || *c > '~') {
			*c = '\0';
			break;
		}
	}
	sscanf(info->banner, "Linux version %64s", info->release);
}

/* ELF notes: name size, description size, type, then both padded to 4 bytes. */
static void read_build_id(struct hadal_kernel *kernel, uint64_t start, uint64_t end)
{
	uint8_t notes[1024];
	size_t len = end - start, at = 0;

	if (!start || end <= start)
		return;
	if (len > sizeof(notes))
		len = sizeof(notes);
	if (hadal_space_read_exact(&kernel->space, start, notes, len))
		return;
	while (at + 12 <= len) {
		uint32_t header[3];
		uint64_t description, next;

		memcpy(header, notes + at, sizeof(header));
		description = at + 12 + ((header[0] + 3ull) & ~3ull);
		next = description + ((header[1] + 3ull) & ~3ull);
		if (next > len)
			return;
		if (header[2] == NOTE_BUILD_ID && header[0] == 4 && header[1] == 20 &&
		    !memcmp(notes + at + 12, "GNU", 4)) {
			for (int i = 0; i < 20; i++)
				sprintf(kernel->info.build_id + 2 * i, "%02x",
					notes[description + i]);
			return;
		}
		at = next;
	}
}

/* Reads VMCOREINFO, which Linux keeps for crash dumps, and compares what it tells. */
static void read_vmcoreinfo(struct hadal_kernel *kernel, uint64_t data, uint64_t size)
{
	struct hadal_kernel_info *info = &kernel->info;
	char *text = kernel->vmcoreinfo, release[65] = "";
	const char *line;
	uint64_t address, len, offset = 0;

	if (!data || !size || hadal_space_read_u64(&kernel->space, data, &address) ||
	    hadal_space_read_u64(&kernel->space, size, &len) || len >= sizeof(kernel->vmcoreinfo) ||
	    hadal_space_read_exact(&kernel->space, address, text, len)) {
		text[0] = '\0';
		return;
	}
	text[len] = '\0';
	sscanf(text, "OSRELEASE=%64s", release);
	line = strstr(text, "\nKERNELOFFSET=");
	if (line)
		offset = strtoull(line + strlen("\nKERNELOFFSET="), NULL, 16);
	info->vmcoreinfo_agrees =
		line && offset == (uint64_t)info->slide && !strcmp(release, info->release);
}

static int describe(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_lookup found[OWN_SYMBOLS];

	memcpy(found, own_symbols, sizeof(found));
	hadal_kallsyms_lookup(kernel->symbols, found, OWN_SYMBOLS);
	use_own_root(kernel, found[TOP_PGT].address);
	kernel->info.slide = kernel->info.where.base - LINK_BASE;
	read_banner(kernel, found[BANNER].address);
	if (!kernel->info.release[0])
		return hadal_fail(error, ENOENT,
				  "The symbols found in memory lead to no \"Linux version\"");
	read_build_id(kernel, found[NOTES].address, found[NOTES_END].address);
	read_vmcoreinfo(kernel, found[VMCOREINFO].address, found[VMCOREINFO_SIZE].address);
	return 0;
}

struct hadal_kernel *hadal_kernel_open(struct hadal_memory *memory,
				       const struct hadal_traces *traces, struct hadal_error *error)
{
	struct hadal_kernel *kernel = calloc(1, sizeof(*kernel));

	if (kernel)
		kernel->cache = hadal_page_cache_new(memory);
	if (!kernel || !kernel->cache) {
		free(kernel);
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if ((traces && !open_by_traces(kernel, traces, error) && !describe(kernel, error)) ||
	    (!open_by_search(kernel, error) && !describe(kernel, error)))
		return kernel;
	hadal_kernel_close(kernel);
	return NULL;
}

void hadal_kernel_close(struct hadal_kernel *kernel)
{
	if (!kernel)
		return;
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
	(void)error;
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
	if (!find_btf(kernel, &at, &size)) {
		hadal_fail(error, ENOENT,
			   "This kernel has no type information in memory; it must be built with "
			   "CONFIG_DEBUG_INFO_BTF");
		return NULL;
	}
	hadal_types_load(kernel->rodata + at, size, &kernel->types, error);
	return kernel->types;
}

int hadal_kernel_lookup(struct hadal_kernel *kernel, struct hadal_lookup *lookups, size_t count,
			struct hadal_error *error)
{
	if (hadal_kallsyms_lookup(kernel->symbols, lookups, count) == count)
		return 0;
	while (count && lookups->address) {
		lookups++;
		count--;
	}
	return hadal_fail(error, ENOENT, "This kernel has no symbol %s", lookups->name);
}

int hadal_kernel_fields(struct hadal_kernel *kernel, const struct hadal_field_request *requests,
			size_t count, struct hadal_field *fields, struct hadal_error *error)
{
	const struct hadal_types *types = hadal_kernel_types(kernel, error);

	return types ? hadal_types_resolve(types, requests, count, fields, error) : -ENOENT;
}
