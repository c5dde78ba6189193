// SPDX-License-Identifier: MIT
/* How the kernel maps physical memory. */
#include "kernel/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where it is unless CONFIG_RANDOMIZE_MEMORY moves it (Linux, Documentation/x86/x86_64/mm.rst). */
#define DIRECT_MAP_4_LEVELS 0xffff888000000000ull
#define DIRECT_MAP_5_LEVELS 0xff11000000000000ull

enum { PAGE_OFFSET_BASE, END, SYMBOLS };

/* The address in a line "SYMBOL(NAME)=ffff..." of VMCOREINFO, for kernels without data symbols. */
static uint64_t vmcoreinfo_symbol(const struct hadal_kernel *kernel, const char *line_start)
{
	const char *line = strstr(hadal_kernel_vmcoreinfo(kernel), line_start);

	return line ? strtoull(line + strlen(line_start), NULL, 16) : 0;
}

/* A candidate counts only if the kernel's image is mapped there too. */
static bool maps_all_ram(struct hadal_kernel *kernel, uint64_t direct_map)
{
	const struct hadal_location *where = &hadal_kernel_info(kernel)->where;
	uint64_t physical;

	return !hadal_space_address(hadal_kernel_space(kernel), direct_map + where->physical,
				    &physical) &&
	       physical == where->physical;
}

static int find_direct_map(struct hadal_kernel *kernel, uint64_t variable, uint64_t *direct_map)
{
	const struct hadal_location *where = &hadal_kernel_info(kernel)->where;

	if (!variable)
		variable = vmcoreinfo_symbol(kernel, "\nSYMBOL(page_offset_base)=");
	if (!variable || hadal_space_read_u64(hadal_kernel_space(kernel), variable, direct_map))
		*direct_map = where->levels == 5 ? DIRECT_MAP_5_LEVELS : DIRECT_MAP_4_LEVELS;
	if (maps_all_ram(kernel, *direct_map))
		return 0;
	*direct_map = 0;
	return -ENOENT;
}

int hadal_kernel_layout(struct hadal_kernel *kernel, struct hadal_layout *layout)
{
	const struct hadal_location *where = &hadal_kernel_info(kernel)->where;
	struct hadal_lookup symbols[SYMBOLS] = {
		[PAGE_OFFSET_BASE] = {.name = "page_offset_base"},
		[END] = {.name = "_end"},
	};

	*layout = (struct hadal_layout){.text = where->base, .text_physical = where->physical};
	hadal_kernel_lookup(kernel, symbols, SYMBOLS, NULL);
	if (symbols[END].address > where->base)
		layout->text_size = (symbols[END].address - where->base + HADAL_PAGE_SIZE - 1) &
				    ~(uint64_t)(HADAL_PAGE_SIZE - 1);
	return find_direct_map(kernel, symbols[PAGE_OFFSET_BASE].address, &layout->direct_map);
}
