// SPDX-License-Identifier: MIT
// Sources: vmm/paging/guest_walk.c
/* Random control registers and random tables in a small memory: the walk ends and stays in bounds.
 */
#include <stdlib.h>
#include <string.h>
#include "base/errno.h"
#include "paging/guest_walk.h"

#define PAGES 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	uint8_t *page[PAGES];
	unsigned reads;
};

/* The input gives the first entries of each page; pages 0 to 6 are memory, the rest is not. */
static void *table(void *context, uint64_t gpa)
{
	struct memory *memory = context;
	uint64_t number = gpa / PAGE_BYTES;

	if (gpa % PAGE_BYTES || ++memory->reads > WALK_MAX_STEPS)
		abort();
	return number < PAGES - 1 ? memory->page[number] : NULL;
}

static void check(struct memory *memory, const struct guest_paging *paging, uint64_t gva,
		  uint32_t access)
{
	struct guest_walk walk;
	struct walk_cache cache;
	int err;

	memory->reads = 0;
	err = guest_walk(paging, gva, access, table, memory, &walk);
	if (walk.step_count > WALK_MAX_STEPS || walk.step_count > memory->reads)
		abort();
	switch (err) {
	case 0:
		if (walk.page_bytes < PAGE_BYTES || walk.gpa >> 52 ||
		    (walk.gpa ^ gva) & (walk.page_bytes - 1))
			abort();
		walk_cache_fill(&cache, paging->cr3, gva, &walk, memory->page[0]);
		if (walk.levels >= 4 && !(access & WALK_SET_AD) &&
		    walk_cache_hit(&cache, paging->cr3, gva) != memory->page[0] + gva % PAGE_BYTES)
			abort();
		break;
	case -EFAULT:
	case -EINVAL:
	case -ENXIO:
		break;
	case -EAGAIN: /* only when two steps went through one entry */
		if (!(access & WALK_SET_AD))
			abort();
		break;
	default:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct {
		struct guest_paging paging;
		uint64_t gva;
		uint32_t access;
	} input = {0};
	struct memory memory = {0};

	if (size < sizeof(input))
		return 0;
	memcpy(&input.paging, data, sizeof(input.paging) - 8);
	memcpy(&input.gva, data + sizeof(input.paging), sizeof(input) - sizeof(input.paging));
	input.paging.physical_bits = 32 + data[sizeof(input.paging) - 8] % 21;
	input.paging.has_1g = data[sizeof(input.paging) - 7] & 1;
	data += sizeof(input);
	size -= sizeof(input);

	for (unsigned i = 0; i < PAGES; i++) {
		size_t part = size / PAGES < PAGE_BYTES ? size / PAGES : PAGE_BYTES;

		memory.page[i] = calloc(1, PAGE_BYTES);
		for (size_t at = 0; part && at < PAGE_BYTES; at += part)
			memcpy(memory.page[i] + at, data + i * part,
			       part < PAGE_BYTES - at ? part : PAGE_BYTES - at);
	}
	input.paging.cr3 &= 0x7fff; /* most roots are memory */
	check(&memory, &input.paging, input.gva, input.access);
	input.gva = (uint64_t)((int64_t)(input.gva << 16) >> 16);
	check(&memory, &input.paging, input.gva, input.access);
	for (unsigned i = 0; i < PAGES; i++)
		free(memory.page[i]);
	return 0;
}
