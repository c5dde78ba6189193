// SPDX-License-Identifier: MIT
/*
 * bench_events: what events cost, from the instruction to the next: single instructions in ring 0,
 * by /proc/hadal_bench, and in this program; and what reading a record takes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "events/events.h"
#include "sample.h"
#include "samples.h"

#define RING_BYTES   (1u << 22)
#define MSR_EFER     0xc0000080u
#define MSR_FEATURES 0x3au
#define MSR_TSC_AUX  0xc0000103u

static struct hadal_events *events;
static struct hadal_error error;
static volatile uint64_t *watched;

static void stop(const char *what)
{
	fprintf(stderr, "bench_events: %s: %s\n", what, error.text);
	exit(1);
}

/* The instruction that is timed begins at NAME_at. */
#define DEFINE_SAMPLER(name, instruction)                                \
	extern const uint8_t name##_at[];                                \
	static uint32_t sample_##name(void)                              \
	{                                                                \
		register uint64_t r8 __asm__("r8") = (uintptr_t)watched; \
		register uint64_t r9 __asm__("r9") = 1;                  \
		uint32_t result;                                         \
                                                                         \
		__asm__ volatile(SAMPLE("%%", #name "_at: " instruction) \
				 : "=a"(result), "+r"(r8), "+r"(r9)      \
				 :                                       \
				 : "rcx", "rdx", "r10", "cc", "memory"); \
		return result;                                           \
	}

DEFINE_SAMPLER(entry, ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00") /* as functions of kernels begin */
DEFINE_SAMPLER(any, "imul %%rcx, %%rdx")
DEFINE_SAMPLER(store, "mov %%rcx, (%%rax)")

/* Medians are of no use: the timer's interrupts are in some. */
static void measure(const char *name, uint32_t (*sample)(void))
{
	static uint64_t ticks[SAMPLE_COUNT];

	for (int i = 0; i < SAMPLE_COUNT; i++)
		ticks[i] = sample();
	samples_print(name, ticks, SAMPLE_COUNT);
}

static int subscribe(const char *name, const struct hadal_subscription *asked)
{
	int number = hadal_events_subscribe(events, asked, &error);

	if (number < 0)
		stop(name);
	return number;
}

/*
 * All that was asked for was recorded, or left out by its filter; others may do the same meanwhile.
 * And how long reading takes.
 */
static void finish(const char *name, int number, bool is_read)
{
	struct hadal_subscription_state state;
	uint64_t start, count = 0;

	if (hadal_events_state(events, number, &state, &error))
		stop(name);
	start = ticks_now();
	while (hadal_events_next(events))
		count++;
	if (is_read && count)
		printf("events_read %" PRIu64 "\n", (ticks_now() - start) / count);
	if (hadal_events_unsubscribe(events, number, &error))
		stop(name);
	while (hadal_events_next(events))
		;
	if (state.hits < SAMPLE_COUNT || state.lost || count < state.hits - state.filtered) {
		fprintf(stderr, "bench_events: %s: %" PRIu64 " hits, %" PRIu64 " read\n", name,
			state.hits, count);
		exit(1);
	}
}

/* The line of an instruction in ring 0, while it is subscribed to. */
static void measure_kernel(const char *name, const char *instruction,
			   const struct hadal_subscription *asked)
{
	int number = subscribe(name, asked);
	FILE *file = fopen("/proc/hadal_bench", "r");
	char line[128], what[32];
	uint64_t ticks[3];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%31s %" SCNu64 " %" SCNu64 " %" SCNu64, what, &ticks[0],
			   &ticks[1], &ticks[2]) == 4 &&
		    !strcmp(what, instruction))
			printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name, ticks[0], ticks[1],
			       ticks[2]);
	if (file)
		fclose(file);
	finish(name, number, false);
}

static void measure_msrs(uint32_t msr)
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_MSR,
					   .access = HADAL_ACCESS_WRITE,
					   .first = MSR_TSC_AUX,
					   .count = 1};

	measure_kernel("events_wrmsr", "wrmsr", &asked);
	asked.access = HADAL_ACCESS_READ;
	asked.first = msr;
	measure_kernel("events_rdmsr", "rdmsr", &asked);
	asked.clause_count = 1;
	asked.clause[0] = (struct hadal_clause){.value = HADAL_FILTER_REGISTER,
						.index = HADAL_REG_RCX,
						.mask = ~0ull,
						.operand = 0};
	measure_kernel("events_filtered", "rdmsr", &asked);
	asked = (struct hadal_subscription){
		.kind = HADAL_EVENT_CR, .access = HADAL_ACCESS_WRITE, .first = 1u << 3};
	measure_kernel("events_cr3", "cr3", &asked);
}

static void measure_break(const char *name, const uint8_t *at, uint32_t (*sample)(void),
			  enum hadal_break_method method)
{
	const struct hadal_subscription asked = {.kind = HADAL_EVENT_BREAK,
						 .access = HADAL_ACCESS_EXECUTE,
						 .method = method,
						 .first = (uintptr_t)at,
						 .count = 1};
	int number = subscribe(name, &asked);

	measure(name, sample);
	finish(name, number, method == HADAL_BREAK_DEBUG);
}

static uint64_t physical_of(const volatile void *address)
{
	FILE *map = fopen("/proc/self/pagemap", "r");
	uint64_t entry = 0;

	if (!map || fseek(map, (uintptr_t)address / 4096 * 8, SEEK_SET) ||
	    fread(&entry, sizeof(entry), 1, map) != 1) {
		fputs("bench_events: /proc/self/pagemap cannot be read\n", stderr);
		exit(1);
	}
	fclose(map);
	return (entry & ((1ull << 55) - 1)) * 4096 + (uintptr_t)address % 4096;
}

static void measure_watch(void)
{
	const struct hadal_subscription asked = {.kind = HADAL_EVENT_MEMORY,
						 .access = HADAL_ACCESS_WRITE,
						 .first = physical_of(watched),
						 .count = 8};
	int number = subscribe("a watch", &asked);

	measure("events_watch", sample_store);
	finish("a watch", number, false);
}

static bool is_intel(void)
{
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b == 0x756e6547;
}

int main(void)
{
	watched = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (watched == MAP_FAILED || mlockall(MCL_CURRENT)) {
		perror("bench_events");
		return 1;
	}
	*watched = 1;
	measure("events_entry_alone", sample_entry);
	measure("events_any_alone", sample_any);
	measure("events_store_alone", sample_store);
	if (hadal_events_open(&events, RING_BYTES, &error))
		stop("the rings");
	measure_msrs(is_intel() ? MSR_FEATURES : MSR_EFER);
	measure_break("events_debug", entry_at, sample_entry, HADAL_BREAK_DEBUG);
	measure_break("events_entry", entry_at, sample_entry, HADAL_BREAK_VIEW);
	measure_break("events_any", any_at, sample_any, HADAL_BREAK_VIEW);
	measure_watch();
	hadal_events_close(events);
	return 0;
}
