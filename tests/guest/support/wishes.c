// SPDX-License-Identifier: MIT
/* Random subscriptions. */
#include "support/wishes.h"

#include <string.h>

#include "../unit/random.h"
#include "support/ring0.h"

#define SHARE_MIN 5u

static uint64_t pick(uint64_t *random, const uint64_t *from, size_t count)
{
	return from[random_below(random, count)];
}

static uint32_t some_bits(uint64_t *random, uint32_t of)
{
	uint32_t bits;

	do
		bits = random_next(random) >> 20 & of;
	while (!bits);
	return bits;
}

static void some_memory(uint64_t *random, const struct scene *scene,
			struct hadal_subscription *asked)
{
	uint64_t page;

	asked->access = some_bits(random, HADAL_ACCESS_ALL);
	switch (random_below(random, 4)) {
	case 0:
	case 1:
		page = scene->victim.physical[random_below(random, VICTIM_PAGES)];
		break;
	case 2:
		page = scene->pattern_physical[random_below(random, SCENE_CPUS * SCENE_PATTERNS)];
		break;
	default: /* anything: tables, stacks, code */
		page = random_below(random, scene->ram_end / PAGE) * PAGE;
	}
	asked->first = page + random_below(random, PAGE);
	asked->count = 1 + random_below(random, random_below(random, 3) ? 16 : 2 * PAGE);
}

static void some_break(uint64_t *random, const struct scene *scene,
		       struct hadal_subscription *asked)
{
	asked->access = HADAL_ACCESS_EXECUTE;
	asked->count = 1;
	asked->method = random_below(random, 3);
	asked->first =
		random_below(random, 3)
			? victim_address(&scene->victim, random_below(random, victim_points()))
			: scene->functions[random_below(random, scene->function_count)];
	if (!random_below(random, 4))
		asked->root = scene->shared->roots[random_below(random, SCENE_CPUS + 2)];
}

static void some_numbers(uint64_t *random, struct hadal_subscription *asked)
{
	static const uint64_t msrs[] = {0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
					0xc0000100, 0xc0000101, 0xc0000102, 0x6e0,
					0x830,      0x10,       0x48,       0x1b};
	static const uint64_t ports[] = {0x3f8, 0x3f9, 0x60, 0x20, 0x70, 0xcf8, 0};

	switch (asked->kind) {
	case HADAL_EVENT_MSR:
		asked->access = some_bits(random, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE);
		asked->first = pick(random, msrs, sizeof(msrs) / sizeof(msrs[0]));
		asked->count = 1 + random_below(random, 8);
		break;
	case HADAL_EVENT_IO:
		asked->access = some_bits(random, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE);
		asked->first = pick(random, ports, sizeof(ports) / sizeof(ports[0]));
		asked->count = 1 + random_below(random, 0x1000);
		break;
	case HADAL_EVENT_CPUID:
		asked->first = random_below(random, 8) ? 0 : random_below(random, 0x80000010);
		asked->count = 1 + random_below(random, 1u << 31);
		break;
	case HADAL_EVENT_EXCEPTION:
		asked->first = random_below(random, 4) ? 3 + random_below(random, 16) : 0;
		asked->count = asked->first ? 1 + random_below(random, 12) : 2;
		break;
	default: /* requests */
		asked->first = random_next(random);
		asked->count = 1;
	}
}

void some_captures(uint64_t *random, struct hadal_subscription *asked)
{
	if (random_below(random, 2))
		return;
	asked->capture = random_next(random) >> 30 & HADAL_CAPTURE_ALL;
	if (asked->capture & HADAL_CAPTURE_STACK)
		asked->stack_bytes = 8 + 8 * random_below(random, 100);
	if (asked->capture & HADAL_CAPTURE_TASK)
		asked->task_offset = random_below(random, 0x40000) * 8;
}

static void some_clauses(uint64_t *random, struct hadal_subscription *asked)
{
	asked->clause_count = random_below(random, 4);
	for (uint32_t i = 0; i < asked->clause_count; i++) {
		struct hadal_clause *c = &asked->clause[i];

		c->value = random_below(random, HADAL_FILTER_VALUES);
		c->compare = random_below(random, HADAL_FILTER_OPERATORS);
		c->alternative = i && random_below(random, 2);
		c->mask = random_below(random, 2) ? ~0ull : random_next(random);
		c->operand = random_next(random) >> random_below(random, 64);
		if (c->value == HADAL_FILTER_REGISTER)
			c->index = random_below(random, HADAL_REG_RFLAGS + 1);
		if (c->value == HADAL_FILTER_NEW)
			c->value = HADAL_FILTER_OLD;
		if (c->value != HADAL_FILTER_MEMORY)
			continue;
		c->index = random_below(random, HADAL_REG_R15 + 1);
		c->bytes = 1u << random_below(random, 4);
		c->offset = (int64_t)random_next(random) >> random_below(random, 64);
	}
}

static bool can_hold(uint32_t kind)
{
	return kind != HADAL_EVENT_REQUEST && kind != HADAL_EVENT_STEP;
}

static void some_kind(uint64_t *random, const struct scene *scene, struct hadal_subscription *asked)
{
	static const uint8_t kinds[] = {
		HADAL_EVENT_MEMORY,    HADAL_EVENT_MEMORY, HADAL_EVENT_MEMORY,
		HADAL_EVENT_BREAK,     HADAL_EVENT_BREAK,  HADAL_EVENT_BREAK,
		HADAL_EVENT_MSR,       HADAL_EVENT_CR,     HADAL_EVENT_CPUID,
		HADAL_EVENT_IO,        HADAL_EVENT_STEP,   HADAL_EVENT_DESCRIPTOR,
		HADAL_EVENT_EXCEPTION, HADAL_EVENT_REQUEST};

	asked->kind = kinds[random_below(random, sizeof(kinds))];
	asked->access = HADAL_ACCESS_EXECUTE;
	switch (asked->kind) {
	case HADAL_EVENT_MEMORY:
		some_memory(random, scene, asked);
		break;
	case HADAL_EVENT_BREAK:
		some_break(random, scene, asked);
		break;
	case HADAL_EVENT_CR:
		asked->access = HADAL_ACCESS_WRITE;
		asked->first = some_bits(random, 1 | 8 | 16 | 1u << HADAL_CR_XCR0);
		break;
	case HADAL_EVENT_DESCRIPTOR:
		asked->access = some_bits(random, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE);
		asked->first = some_bits(random, 15);
		break;
	case HADAL_EVENT_STEP:
		asked->root = scene->shared->roots[random_below(random, SCENE_CPUS + 2)];
		break;
	default:
		some_numbers(random, asked);
	}
}

/* All has a budget, for the machine has to go on; what lets it go on by itself may have none. */
void some_wish(uint64_t *random, const struct scene *scene, struct hadal_subscription *asked)
{
	*asked = (struct hadal_subscription){.cookie = random_next(random)};
	some_kind(random, scene, asked);
	asked->share = SHARE_MIN + random_below(random, 100);
	if (!random_below(random, 6))
		asked->rate = 1 + random_below(random, 10000);
	if (!random_below(random, 6))
		asked->sample = random_below(random, 100);
	some_captures(random, asked);
	some_clauses(random, asked);
	asked->action = random_below(random, 3) ? HADAL_ACTION_RECORD : HADAL_ACTION_COUNT;
	if (can_hold(asked->kind) && !random_below(random, 4)) {
		asked->action = HADAL_ACTION_HOLD;
		asked->deadline = 200 + random_below(random, 3000);
	}
}

void odd_wish(uint64_t *random, const struct scene *scene, struct hadal_subscription *asked)
{
	uint8_t *bytes = (uint8_t *)asked;

	some_wish(random, scene, asked);
	switch (random_below(random, 4)) {
	case 0:
		for (size_t i = 0; i < sizeof(*asked); i++)
			bytes[i] = random_next(random) >> 24;
		asked->kind %= HADAL_EVENT_KINDS + 1;
		break;
	case 1:
		bytes[random_below(random, 80)] ^= 1u << random_below(random, 8);
		break;
	case 2:
		asked->first = random_below(random, 2) ? 0xfee00000 : random_next(random);
		break;
	default:
		asked->count = random_next(random) >> random_below(random, 64);
	}
	/* Whatever it has become, it must not take the machine away. */
	asked->share = SHARE_MIN;
	if (asked->action == HADAL_ACTION_HOLD && asked->deadline > 3000)
		asked->deadline = 3000;
}
