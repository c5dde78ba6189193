// SPDX-License-Identifier: MIT
/* Arguments for hypercalls: good, bad, and good ones a little changed. */
#include <string.h>

#include "../unit/random.h"
#include "support/hostile.h"

#define TABLE_FLAGS 7ull /* present, writable, user */
#define LARGE       0x80ull
#define ENTRIES     512
/* From here on, the looping table's entries lead to pages. */
#define LEAVES       256
#define LEAVES_MIXED 384

static uint64_t pick(uint64_t *random, const uint64_t *from, size_t count)
{
	return from[random_below(random, count)];
}

#define PICK(random, ...)                             \
	pick(random, (const uint64_t[]){__VA_ARGS__}, \
	     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static uint64_t page_in(const struct model *model, uint64_t *random, int first, int end)
{
	return arena_page(model->world, first + random_below(random, end - first));
}

static uint64_t table_entry(const struct model *model, uint64_t *random)
{
	const struct world *world = model->world;

	switch (random_below(random, 10)) {
	case 0:
		return 0;
	case 1:
	case 2:
	case 3:
	case 4:
		return page_in(model, random, LOOPING_TABLE, RANDOM_TABLE_END) | TABLE_FLAGS;
	case 5:
		return page_in(model, random, MAPPED, DATA_END) | TABLE_FLAGS |
		       random_next(random) << 63;
	case 6:
		return random_next(random) % world->ram_end / (2 << 20) * (2 << 20) | LARGE |
		       TABLE_FLAGS;
	case 7:
		return PICK(random, world->own, LOCAL_APIC, world->ram_end, 0x40000000) |
		       TABLE_FLAGS;
	case 8:
		return page_in(model, random, TABLES, DATA_END) | 1ull << random_below(random, 64) |
		       TABLE_FLAGS;
	default:
		return random_next(random);
	}
}

void hostile_tables(const struct model *model, uint64_t *random)
{
	const struct world *world = model->world;
	uint64_t *loop = (uint64_t *)(world->arena.bytes + LOOPING_TABLE * PAGE);
	uint64_t *other = (uint64_t *)(world->arena.bytes + RANDOM_TABLE * PAGE);

	for (unsigned int i = 0; i < ENTRIES; i++) {
		loop[i] =
			arena_page(world, i < LEAVES ? LOOPING_TABLE : DATA + i % 16) | TABLE_FLAGS;
		if (i >= LEAVES_MIXED && i % 3 == 0)
			loop[i] =
				PICK(random, 0, world->own | TABLE_FLAGS, LOCAL_APIC | TABLE_FLAGS,
				     1ull << 51 | TABLE_FLAGS, world->ram_end | TABLE_FLAGS);
	}
	for (unsigned int i = 0; i < 3 * ENTRIES; i++)
		other[i] = table_entry(model, random);
}

/* A virtual address that the looping table leads to one of its leaves. */
static uint64_t looped_address(uint64_t *random)
{
	uint64_t address = 0;

	for (int level = 5; level > 1; level--)
		address = address << 9 | random_below(random, LEAVES);
	address = address << 9 | (LEAVES + random_below(random, ENTRIES - LEAVES - 20));
	address = address << 12 | random_below(random, PAGE);
	/* Canonical for four levels, and then for five. */
	return (uint64_t)((int64_t)(address << 16) >> 16);
}

uint64_t hostile_address(const struct model *model, uint64_t *random)
{
	const struct world *world = model->world;
	uint64_t little = random_below(random, 64);

	switch (random_below(random, 20)) {
	case 0:
	case 1:
	case 2:
	case 3:
		return page_in(model, random, TABLES, ARENA_PAGES) + random_below(random, PAGE);
	case 4:
	case 5:
		return page_in(model, random, DATA, BUFFERS_END) - little;
	case 6:
		return world->own + random_below(random, 4 * PAGE);
	case 7:
		return world->own - little;
	case 8:
		return world->ram_end - 32 + little;
	case 9:
		return PICK(random, LOCAL_APIC, IO_APIC, 0xa0000, 0xfffff000, 0x40000000,
			    0x7ffff000) +
		       little;
	case 10:
		return (1ull << world->info.physical_bits) - 32 + little;
	case 11:
		return page_in(model, random, DATA, BUFFERS_END) |
		       1ull << (world->info.physical_bits +
				random_below(random, 64 - world->info.physical_bits));
	case 12:
		return (1ull << random_below(random, 64)) - 32 + little;
	case 13:
		return -little;
	case 14:
		return little;
	case 15:
		return world->arena.kernel_virtual + random_below(random, HADAL_TEST_ARENA_BYTES);
	case 16:
		return (uintptr_t)world->arena.bytes + random_below(random, HADAL_TEST_ARENA_BYTES);
	case 17:
		return page_in(model, random, MAPPED, DATA_END);
	case 18:
		return random_next(random) % world->ram_end;
	default:
		return random_next(random);
	}
}

uint64_t hostile_length(uint64_t *random)
{
	switch (random_below(random, 10)) {
	case 0:
		return PICK(random, 0, 1, 2, 8, PAGE - 1, PAGE, PAGE + 1, HADAL_TRANSFER_MAX - 1,
			    HADAL_TRANSFER_MAX, HADAL_TRANSFER_MAX + 1);
	case 1:
		return PICK(random, -1, -8, -PAGE, 1ull << 32, 1ull << 63, (1ull << 32) + 8,
			    (1ull << 63) + 8);
	case 2:
		return random_next(random) >> random_below(random, 64);
	case 3:
		return random_below(random, 4 * PAGE);
	default:
		return 1 + random_below(random, 200);
	}
}

static uint64_t good_buffer(const struct model *model, uint64_t *random)
{
	return page_in(model, random, BUFFERS, BUFFERS_END - 4) + random_below(random, PAGE);
}

static uint64_t some_root(const struct model *model, uint64_t *random)
{
	const struct world *world = model->world;
	uint64_t roots[] = {
		arena_page(world, LOOPING_TABLE),
		arena_page(world, LOOPING_TABLE),
		arena_page(world, LOOPING_TABLE),
		arena_page(world, RANDOM_TABLE),
		arena_page(world, RANDOM_TABLE + 1),
		HADAL_ROOT_CURRENT,
		HADAL_ROOT_CURRENT,
		world->own,
		world->ram_end,
		hostile_address(model, random),
	};

	return PICK(random, 0, 0, 0, 0x18, 0xfff, 1ull << 63) ^
	       roots[random_below(random, sizeof(roots) / sizeof(roots[0]))];
}

static uint64_t some_virtual(const struct model *model, uint64_t *random, uint64_t root)
{
	if (root == HADAL_ROOT_CURRENT)
		return (random_next(random) & 1 ? model->world->arena.kernel_virtual
						: (uintptr_t)model->world->arena.bytes) +
		       random_below(random, HADAL_TEST_ARENA_BYTES);
	return random_below(random, 4) ? looped_address(random) : hostile_address(model, random);
}

static void some_transfer(const struct model *model, uint64_t *random,
			  struct hadal_test_registers *r)
{
	r->rsi = hostile_length(random);
	r->rdx = good_buffer(model, random);
	r->r8 = PICK(random, 0, 0, HADAL_MEM_MMIO, HADAL_MEM_VIRTUAL, HADAL_MEM_VIRTUAL,
		     HADAL_MEM_VIRTUAL | HADAL_MEM_LA48, HADAL_MEM_VIRTUAL | HADAL_MEM_LA57);
	r->r9 = some_root(model, random);
	if (r->r8 & HADAL_MEM_VIRTUAL)
		r->rdi = some_virtual(model, random, r->r9);
	else
		r->rdi = random_below(random, 2) ? hostile_address(model, random)
						 : page_in(model, random, DATA, DATA_END - 1) +
							   random_below(random, PAGE);
}

/* Calls that cost more (other CPUs take part) come less often. */
static uint64_t some_number(uint64_t *random)
{
	static const uint8_t numbers[] = {
		HADAL_CALL_QUERY,     HADAL_CALL_INFO,      HADAL_CALL_STATS,
		HADAL_CALL_TRANSLATE, HADAL_CALL_TRANSLATE, HADAL_CALL_TRANSLATE,
		HADAL_CALL_TRANSLATE, HADAL_CALL_READ,      HADAL_CALL_READ,
		HADAL_CALL_READ,      HADAL_CALL_READ,      HADAL_CALL_READ,
		HADAL_CALL_WRITE,     HADAL_CALL_WRITE,     HADAL_CALL_WRITE,
		HADAL_CALL_WRITE,     HADAL_CALL_LOG,       HADAL_CALL_CLIENT_STATE,
		HADAL_CALL_WINDOW,    HADAL_CALL_RESUME,    HADAL_CALL_SET_REGS,
		HADAL_CALL_RAM,       HADAL_CALL_OWN,       HADAL_CALL_FIRST,
	};

	if (!random_below(random, 64))
		return PICK(random, HADAL_CALL_REGS, HADAL_CALL_MAP, HADAL_CALL_MAP,
			    HADAL_CALL_UNMAP, HADAL_CALL_CLIENT_ADD, HADAL_CALL_CLIENT_ADD,
			    HADAL_CALL_CLIENT_REMOVE, HADAL_CALL_CLIENT_PAGE_ADD,
			    HADAL_CALL_CLIENT_PAGE_REMOVE, HADAL_CALL_PAUSE, HADAL_CALL_PAUSE);
	if (!random_below(random, 16))
		return random_next(random) >> random_below(random, 64);
	return numbers[random_below(random, sizeof(numbers))];
}

static void seed_client(const struct model *model, uint64_t *random, uint64_t number,
			struct hadal_test_registers *r)
{
	r->rdi = page_in(model, random, DATA, DATA + 4);
	r->rsi = page_in(model, random, MAPPED, MAPPED_END);
	r->rdx = random_below(random, 2);
	if (number == HADAL_CALL_CLIENT_ADD) {
		r->rsi = page_in(model, random, DATA, DATA_END);
		r->rdx = random_next(random) >> 17 & -PAGE;
	} else if (number == HADAL_CALL_CLIENT_STATE) {
		r->rsi = good_buffer(model, random);
		r->rdx = sizeof(struct hadal_client);
	}
	/* One that is there, or else most would find nothing. */
	for (int page = MAPPED; number == HADAL_CALL_CLIENT_PAGE_REMOVE && page < MAPPED_END;
	     page++)
		if (model->owner[page]) {
			r->rdi = arena_page(model->world, model->owner[page]);
			r->rsi = arena_page(model->world, page);
		}
}

/* Arguments that are mostly right. */
static void seed(const struct model *model, uint64_t *random, struct hadal_test_registers *r)
{
	uint64_t number = some_number(random);

	for (int i = 0; i < 15; i++)
		(&r->rax)[i] = random_next(random);
	r->rax = HADAL_CALL_BASE + number;
	switch (number) {
	case HADAL_CALL_QUERY:
	case HADAL_CALL_OWN:
		r->rdi = random_below(random, 4);
		break;
	case HADAL_CALL_INFO:
	case HADAL_CALL_RAM:
	case HADAL_CALL_FIRST:
		r->rdi = good_buffer(model, random);
		r->rsi = PAGE;
		break;
	case HADAL_CALL_REGS:
	case HADAL_CALL_STATS:
		r->rdi = random_below(random, 3);
		r->rsi = good_buffer(model, random);
		r->rdx = PAGE;
		break;
	case HADAL_CALL_TRANSLATE:
		r->rsi = some_root(model, random);
		r->rdi = some_virtual(model, random, r->rsi);
		r->rdx = good_buffer(model, random);
		r->r8 = PAGE;
		r->r9 = PICK(random, 0, 0, HADAL_MEM_LA48, HADAL_MEM_LA57);
		break;
	case HADAL_CALL_READ:
	case HADAL_CALL_WRITE:
		some_transfer(model, random, r);
		break;
	case HADAL_CALL_MAP:
	case HADAL_CALL_UNMAP:
		r->rdi = page_in(model, random, MAPPED, MAPPED_END);
		r->rsi = page_in(model, random, DATA, DATA_END);
		r->rdx = random_below(random, 2);
		break;
	case HADAL_CALL_CLIENT_ADD:
	case HADAL_CALL_CLIENT_REMOVE:
	case HADAL_CALL_CLIENT_PAGE_ADD:
	case HADAL_CALL_CLIENT_PAGE_REMOVE:
	case HADAL_CALL_CLIENT_STATE:
		seed_client(model, random, number, r);
		break;
	case HADAL_CALL_PAUSE:
	case HADAL_CALL_RESUME:
		r->rdi = random_below(random, 3);
		r->rsi = random_next(random) >> (42 + random_below(random, 22));
		break;
	case HADAL_CALL_SET_REGS:
		r->rdi = random_below(random, 3);
		r->rsi = good_buffer(model, random);
		r->rdx = sizeof(struct hadal_set_regs);
		break;
	case HADAL_CALL_LOG:
		r->rdi = random_next(random) >> random_below(random, 64);
		r->rsi = good_buffer(model, random);
		r->rdx = hostile_length(random);
		break;
	}
}

/* One of RAX, RDI, RSI, RDX, R8, R9; RAX seldom. */
static uint64_t *some_argument(struct hadal_test_registers *r, uint64_t *random)
{
	switch (random_below(random, 16)) {
	case 0:
		return &r->rax;
	case 1:
	case 2:
		return &r->r8;
	case 3:
	case 4:
		return &r->r9;
	default:
		return random_below(random, 3) ? random_below(random, 2) ? &r->rdi : &r->rsi
					       : &r->rdx;
	}
}

static void mutate(const struct model *model, uint64_t *random, struct hadal_test_registers *r)
{
	uint64_t *argument = some_argument(r, random);

	switch (random_below(random, 6)) {
	case 0:
		*argument ^= 1ull << random_below(random, 64);
		break;
	case 1:
		*argument += random_below(random, 33) - 16;
		break;
	case 2:
		*argument = -*argument;
		break;
	case 3:
		*argument = hostile_length(random);
		break;
	default:
		*argument = hostile_address(model, random);
	}
}

void hostile_call(const struct model *model, uint64_t *random, struct hadal_test_registers *r)
{
	struct expected e;

	do {
		seed(model, random, r);
		for (uint64_t n = random_below(random, 4); n > 1; n--)
			mutate(model, random, r);
		e = model_predict(model, r);
	} while (!e.harmless);
}
