// SPDX-License-Identifier: MIT
/*
 * test_fuzz COUNT [SEED]: random and mutated hypercalls, COUNT on each of two CPUs at the same
 * time, each result compared with what <hadal/abi.h> says, while checksums watch the kernel's code
 * and the hypervisor's pages stay out of reach.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/random.h"
#include "support/check.h"
#include "support/hostile.h"

#define GUARD        0xc5
#define EDGE         64 /* bytes watched on either side of a result */
#define FULL_CHECK   512
#define FRESH_TABLES 64

struct counts {
	uint64_t calls, trapped, failed[HADAL_CALL_COUNT], done[HADAL_CALL_COUNT];
};

static struct world world;
static struct model model = {.world = &world};
static uint8_t tables_as_written[TABLES_END * PAGE];

static void fail(const char *why, const struct hadal_test_registers *in,
		 const struct hadal_test_registers *out, const struct expected *e)
{
	printf("%s\n", why);
	printf("in  rax %" PRIx64 " rdi %" PRIx64 " rsi %" PRIx64 " rdx %" PRIx64 " r8 %" PRIx64
	       " r9 %" PRIx64 "\n",
	       in->rax, in->rdi, in->rsi, in->rdx, in->r8, in->r9);
	printf("out rax %" PRIx64 " (%" PRId64 ") rdi %" PRIx64 " rsi %" PRIx64 " rdx %" PRIx64
	       " r8 %" PRIx64 " r9 %" PRIx64 "\n",
	       out->rax, out->rax, out->rdi, out->rsi, out->rdx, out->r8, out->r9);
	printf("expected: trapped %d, errors %" PRIx64 ", or %" PRId64 " to %" PRId64 "\n",
	       e->trapped, e->errors, e->least, e->most);
	printf("arena %" PRIx64 ", kernel virtual %" PRIx64 ", own %" PRIx64 ", RAM to %" PRIx64
	       ", %u bits\n",
	       world.arena.physical, world.arena.kernel_virtual, world.own, world.ram_end,
	       world.info.physical_bits);
	exit(1);
}

static bool is_guard(int page)
{
	return page == BUFFERS - 1 || page >= BUFFERS_END;
}

static void fill_arena(uint64_t *random)
{
	memset(world.arena.bytes + TABLES_END * PAGE, GUARD,
	       HADAL_TEST_ARENA_BYTES - TABLES_END * PAGE);
	hostile_tables(&model, random);
	memcpy(tables_as_written, world.arena.bytes, sizeof(tables_as_written));
}

static void check_guards(void)
{
	CHECK(!memcmp(tables_as_written, world.arena.bytes, sizeof(tables_as_written)));
	for (int page = TABLES_END; page < (int)ARENA_PAGES; page++) {
		const uint64_t *words = (uint64_t *)(world.arena.bytes + page * PAGE);

		for (size_t i = 0; is_guard(page) && i < PAGE / 8; i++)
			if (words[i] != 0x0101010101010101ull * GUARD)
				check_equal(__FILE__, __LINE__, "a guard", words[i], page);
	}
}

/* Where the result goes, and at most how many bytes of it. */
static uint64_t output_of(const struct hadal_test_registers *r, uint64_t *bytes)
{
	switch (r->rax - HADAL_CALL_BASE) {
	case HADAL_CALL_INFO:
		*bytes = sizeof(struct hadal_info);
		return r->rdi;
	case HADAL_CALL_RAM:
		*bytes = r->rsi;
		return r->rdi;
	case HADAL_CALL_REGS:
		*bytes = sizeof(struct hadal_regs);
		return r->rsi;
	case HADAL_CALL_STATS:
		*bytes = sizeof(struct hadal_stats);
		return r->rsi;
	case HADAL_CALL_CLIENT_STATE:
		*bytes = sizeof(struct hadal_client);
		return r->rsi;
	case HADAL_CALL_TRANSLATE:
		*bytes = sizeof(struct hadal_translation);
		return r->rdx;
	case HADAL_CALL_READ:
		*bytes = r->rsi;
		return r->rdx;
	case HADAL_CALL_LOG:
		*bytes = r->rdx;
		return r->rsi;
	case HADAL_CALL_WRITE: /* physical only: elsewhere the pages need not follow each other */
		*bytes = r->rsi;
		return r->r8 & HADAL_MEM_VIRTUAL ? 0 : r->rdi;
	}
	*bytes = 0;
	return 0;
}

/* The bytes right before and behind what a call may write. */
struct edges {
	uint8_t *before, *behind;
	uint8_t kept[2][EDGE];
};

static uint8_t *edge_at(uint64_t physical)
{
	uint64_t offset = physical - arena_page(&world, BUFFERS);

	if (offset > (BUFFERS_END - BUFFERS) * PAGE - EDGE)
		return NULL;
	return world.arena.bytes + BUFFERS * PAGE + offset;
}

static void keep_edges(struct edges *edges, uint64_t output, uint64_t bytes)
{
	edges->before = edge_at(output - EDGE);
	edges->behind = bytes > HADAL_TRANSFER_MAX ? NULL : edge_at(output + bytes);
	if (edges->before)
		memcpy(edges->kept[0], edges->before, EDGE);
	if (edges->behind)
		memcpy(edges->kept[1], edges->behind, EDGE);
}

static bool are_edges_kept(const struct edges *edges)
{
	return (!edges->before || !memcmp(edges->before, edges->kept[0], EDGE)) &&
	       (!edges->behind || !memcmp(edges->behind, edges->kept[1], EDGE));
}

/* All registers but those that carry results. */
static bool are_registers_kept(const struct hadal_test_registers *in,
			       const struct hadal_test_registers *out, bool trapped)
{
	struct hadal_test_registers copy = *in;
	uint64_t number = in->rax - HADAL_CALL_BASE;

	if (!trapped) {
		copy.rax = out->rax;
		if (number == HADAL_CALL_QUERY || number == HADAL_CALL_LOG)
			copy.rdi = out->rdi;
		if (number == HADAL_CALL_OWN && !(int64_t)out->rax) {
			copy.rdi = out->rdi;
			copy.rsi = out->rsi;
		}
		if (number == HADAL_CALL_QUERY) {
			copy.rsi = out->rsi;
			copy.rdx = out->rdx;
		}
	}
	return !memcmp(&copy, out, sizeof(copy));
}

/* What TRANSLATE filled in, as far as the model knows. */
static bool is_translation_right(const struct hadal_test_registers *r)
{
	const struct hadal_translation *told =
		(void *)(world.arena.bytes + (r->rdx - world.arena.physical));
	uint64_t gpa = 0;
	int result = model_walk(&model, r->rsi, r->r9, r->rdi, &gpa);

	if (told->step_count > 5 || told->levels < 4 || told->levels > 5)
		return false;
	if (result == WALK_UNKNOWN)
		return told->result <= 0;
	if (told->result != result)
		return false;
	/* Behind the hypervisor's pages lies one of its own, which reads refuse too. */
	if (!result && world_place(&world, gpa) == PLACE_OWN)
		return world_place(&world, told->physical) == PLACE_OWN;
	return result || told->physical == model_behind(&model, gpa);
}

static void one_call(uint64_t *random, struct counts *counts)
{
	struct hadal_test_registers in, out;
	struct expected e;
	struct edges edges;
	uint64_t bytes, output, number;
	bool trapped;

	hostile_call(&model, random, &in);
	e = model_predict(&model, &in);
	output = output_of(&in, &bytes);
	keep_edges(&edges, output, bytes);
	out = in;
	trapped = !ring0_execute(&out);
	if (!model_agrees(&e, trapped, out.rax))
		fail("unexpected result", &in, &out, &e);
	if (!are_registers_kept(&in, &out, trapped))
		fail("a register was changed", &in, &out, &e);
	if (!are_edges_kept(&edges))
		fail("memory beside the buffer was changed", &in, &out, &e);
	number = in.rax - HADAL_CALL_BASE;
	counts->calls++;
	if (trapped) {
		counts->trapped++;
		return;
	}
	if ((int64_t)out.rax < 0) {
		counts->failed[number]++;
		return;
	}
	counts->done[number]++;
	model_done(&model, &in);
	if (number == HADAL_CALL_TRANSLATE && model_page(&model, in.rdx) >= BUFFERS &&
	    !is_translation_right(&in))
		fail("a wrong translation", &in, &out, &e);
}

static void unmap_all(void)
{
	for (int page = DATA; page < DATA_END; page++)
		EQUAL(ring0_call(HADAL_CALL_CLIENT_REMOVE, arena_page(&world, page), 0, 0, 0, 0),
		      model.client[page] ? 0 : -ENOENT);
	for (int page = MAPPED; page < MAPPED_END; page++)
		EQUAL(ring0_call(HADAL_CALL_UNMAP, arena_page(&world, page), 0, 0, 0, 0),
		      model.shown[page] ? 0 : -ENOENT);
	EQUAL(ring0_call(HADAL_CALL_UNMAP, arena_page(&world, READ_ONLY), 0, 0, 0, 0), 0);
}

/* What would not be harmless, or needs the right moment: other tests do that. */
static bool is_left_to_others(int number)
{
	return number == HADAL_CALL_WINDOW || number == HADAL_CALL_RESUME ||
	       number == HADAL_CALL_EVENT_ANSWER || number == HADAL_CALL_SET_REGS ||
	       number == HADAL_CALL_FIRST || number == HADAL_CALL_VIEW ||
	       (number >= HADAL_CALL_EVENTS_OPEN && number < HADAL_CALL_EVENT_REQUEST);
}

static void print_counts(unsigned int cpu, const struct counts *counts, double seconds)
{
	printf("CPU %u: %" PRIu64 " calls in %.1f s, %.0f each second, %" PRIu64
	       " #UD; done/failed:",
	       cpu, counts->calls, seconds, counts->calls / seconds, counts->trapped);
	for (int i = 0; i < HADAL_CALL_COUNT; i++)
		printf(" %" PRIu64 "/%" PRIu64, counts->done[i], counts->failed[i]);
	printf("\n");
	/* A test that never comes past the first check tests little. */
	for (int i = 0; i < HADAL_CALL_COUNT; i++)
		if (i != HADAL_CALL_STOP && i != HADAL_CALL_EVENTS_OPEN)
			CHECK((counts->done[i] || is_left_to_others(i)) &&
			      (counts->failed[i] || i == HADAL_CALL_EVENT_REQUEST));
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static int fuzz_cpu(unsigned int cpu, uint64_t count, uint64_t seed)
{
	struct counts counts = {.calls = 0};
	const struct hadal_translation *walk;
	uint64_t random = seed + cpu;
	double start = seconds_now();

	model.cpu = cpu;
	pin_to_cpu(cpu);
	ring0_open(&world.arena);
	EQUAL(ring0_call(HADAL_CALL_TRANSLATE, world.arena.kernel_virtual, HADAL_ROOT_CURRENT,
			 world.arena.physical, PAGE, 0),
	      0);
	walk = (void *)world.arena.bytes;
	EQUAL(walk->physical, world.arena.physical);
	model.current_levels = walk->levels;
	fill_arena(&random);
	EQUAL(ring0_call(HADAL_CALL_MAP, arena_page(&world, READ_ONLY), arena_page(&world, DATA), 0,
			 0, 0),
	      0);
	while (counts.calls < count) {
		one_call(&random, &counts);
		if (counts.calls % FULL_CHECK == 0)
			check_guards();
		if (counts.calls % FRESH_TABLES == 0) {
			hostile_tables(&model, &random);
			memcpy(tables_as_written, world.arena.bytes, sizeof(tables_as_written));
		}
	}
	check_guards();
	unmap_all();
	print_counts(cpu, &counts, seconds_now() - start);
	return 0;
}

static uint64_t symbol(const char *name)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	uint64_t address, found = 0;
	char line[256], symbol_name[256];

	CHECK(symbols);
	while (!found && fgets(line, sizeof(line), symbols))
		if (sscanf(line, "%" SCNx64 " %*c %255s", &address, symbol_name) == 2 &&
		    !strcmp(symbol_name, name))
			found = address;
	fclose(symbols);
	CHECK(found);
	return found;
}

/* The kernel's code, read from below. */
static uint64_t *kernel_code(uint64_t start, uint64_t end)
{
	uint8_t *copy = malloc(end - start + HADAL_TRANSFER_MAX);

	CHECK(copy);
	for (uint64_t at = start; at < end; at += HADAL_TRANSFER_MAX) {
		uint64_t length = end - at < HADAL_TRANSFER_MAX ? end - at : HADAL_TRANSFER_MAX;

		EQUAL(ring0_call(HADAL_CALL_READ, at, length, world.arena.physical,
				 HADAL_MEM_VIRTUAL, HADAL_ROOT_CURRENT),
		      length);
		memcpy(copy + (at - start), world.arena.bytes, length);
	}
	return (uint64_t *)copy;
}

/* Hadal answers, has nothing mapped, has taken no fault, and its pages are as far away as before.
 */
static void check_world(void)
{
	const struct hadal_stats *stats = (void *)world.arena.bytes;
	const struct hadal_info *info = (void *)world.arena.bytes;

	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		EQUAL(ring0_call(HADAL_CALL_STATS, cpu, world.arena.physical, PAGE, 0, 0), 0);
		EQUAL(stats->faults, 0);
	}
	EQUAL(ring0_call(HADAL_CALL_INFO, world.arena.physical, PAGE, 0, 0, 0), 0);
	EQUAL(info->mapped_pages, 0);
	EQUAL(info->cpu_running, 2);
	EQUAL(info->pool_free, world.info.pool_free);
	for (uint64_t page = 0; page < world.ram_end; page += PAGE)
		if (world_place(&world, page) == PLACE_OWN)
			EQUAL(ring0_call(HADAL_CALL_READ, page, 8, world.arena.physical, 0, 0),
			      -EACCES);
}

static uint64_t random_seed(void)
{
	uint32_t value = 1;

	getrandom(&value, sizeof(value), 0);
	return value;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : random_seed();
	uint64_t text, text_end, *code, *code_after;
	int status, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("repeat this with: test_fuzz %" PRIu64 " %" PRIu64 "\n", count, seed);
	world_open(&world, true);
	text = symbol("_text");
	text_end = symbol("_etext");
	code = kernel_code(text, text_end);
	for (unsigned int cpu = 0; cpu < 2; cpu++)
		if (!fork())
			return fuzz_cpu(cpu, count, seed);
	while (wait(&status) > 0)
		failed |= status;
	CHECK(!failed);
	code_after = kernel_code(text, text_end);
	for (uint64_t i = 0; i < (text_end - text) / 8; i++)
		if (code[i] != code_after[i]) {
			printf("kernel code at %" PRIx64 " was %016" PRIx64 " and is %016" PRIx64
			       "\n",
			       text + i * 8, code[i], code_after[i]);
			failed = 1;
		}
	CHECK(!failed);
	check_world();
	return 0;
}
