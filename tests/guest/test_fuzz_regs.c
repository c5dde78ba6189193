// SPDX-License-Identifier: MIT
/*
 * test_fuzz_regs COUNT [SEED]: random and mutated registers for a paused CPU, COUNT times: what is
 * taken reads back the same, what is refused changes nothing. Then COUNT times for the caller's own
 * CPU, which enters the guest with them for no instruction: the processor never refuses what the
 * check let through, and what it refuses unchecked is taken back. Wants an image with
 * tests/guest/ext/trial.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "../unit/random.h"
#include "ext/trial/trial.h"
#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

static struct hadal *hadal;
static struct hadal_error error;
static struct arena arena;
static uint64_t taken, refused, undone, entered, expired;

/* The words of struct hadal_regs that enum hadal_reg covers: first one and how many. */
static unsigned int words_of(unsigned int reg, unsigned int *count)
{
	size_t bytes, place = hadal_reg_place(reg, &bytes);

	*count = bytes > 8 ? bytes / 8 : 1;
	return place / 8; /* limits of tables share one */
}

static uint64_t mutated(uint64_t *random, uint64_t value)
{
	switch (random_below(random, 10)) {
	case 0:
		return random_next(random);
	case 1:
		return random_next(random) >> random_below(random, 64);
	case 2:
		return (int64_t)random_next(random) >> random_below(random, 64);
	case 3:
		return (1ull << random_below(random, 64)) - random_below(random, 3);
	case 4:
		return 0;
	case 5:
		return value + random_below(random, 33) - 16;
	default:
		for (uint64_t n = random_below(random, 3); n > 0; n--)
			value ^= 1ull << random_below(random, 64);
		return value ^ 1ull << random_below(random, random_below(random, 2) ? 20 : 64);
	}
}

static void some_set(uint64_t *random, const struct hadal_regs *now, struct hadal_set_regs *set)
{
	uint64_t *words = (uint64_t *)&set->values;

	set->values = *now;
	set->mask = 0;
	for (uint64_t n = random_below(random, 4) + 1; n > 0; n--) {
		unsigned int reg = random_below(random, HADAL_REG_COUNT), count;
		unsigned int first = words_of(reg, &count);

		set->mask |= 1ull << reg;
		for (unsigned int i = first; i < first + count; i++)
			words[i] = mutated(random, words[i]);
	}
	/* Together with what stays as it is. */
	if (!random_below(random, 8))
		set->mask |= random_next(random) & ((1ull << HADAL_REG_COUNT) - 1);
}

static void fail(const char *why, const struct hadal_set_regs *set, const struct hadal_regs *now,
		 const struct hadal_regs *after)
{
	const uint64_t *asked = (const void *)&set->values, *before = (const void *)now,
		       *got = (const void *)after;

	printf("%s; mask %" PRIx64 ", error %s\n", why, set->mask, error.text);
	for (size_t i = 0; i < sizeof(*now) / 8; i++)
		if (asked[i] != before[i] || got[i] != before[i])
			printf("word %zu: was %" PRIx64 ", set to %" PRIx64 ", is %" PRIx64 "\n", i,
			       before[i], asked[i], got[i]);
	exit(1);
}

/* Limits of tables are set one by one. */
static void expect(const struct hadal_set_regs *set, const struct hadal_regs *now,
		   struct hadal_regs *expected)
{
	const uint64_t *asked = (const void *)&set->values;
	uint64_t *words = (void *)expected;

	*expected = *now;
	for (unsigned int reg = 0; reg < HADAL_REG_COUNT; reg++) {
		unsigned int count, first = words_of(reg, &count);

		if (!(set->mask >> reg & 1))
			continue;
		if (reg == HADAL_REG_GDTR_LIMIT)
			expected->gdtr_limit = set->values.gdtr_limit;
		else if (reg == HADAL_REG_IDTR_LIMIT)
			expected->idtr_limit = set->values.idtr_limit;
		else
			memcpy(words + first, asked + first, count * 8);
	}
}

static bool is_paused(void)
{
	const struct hadal_set_regs nothing = {.mask = 0};

	return !hadal_set_regs(hadal, 1, &nothing, NULL);
}

/* False when the pause has run out meanwhile, so that nothing can be said. */
static bool one_paused(uint64_t *random, const struct hadal_regs *now)
{
	struct hadal_set_regs set, back = {.values = *now};
	struct hadal_regs after, expected;
	int result;

	some_set(random, now, &set);
	error.text[0] = 0;
	result = hadal_set_regs(hadal, 1, &set, &error);
	EQUAL(hadal_regs(hadal, 1, &after, NULL), 0);
	if (!is_paused())
		return false;
	expect(&set, now, &expected);
	if (result != 0 && result != -ERANGE && result != -EBUSY)
		fail("an error that is not documented", &set, now, &after);
	if (memcmp(&after, result ? now : &expected, sizeof(after)))
		fail(result ? "refused, and changed" : "taken, and not so", &set, now, &after);
	*(result ? &refused : &taken) += 1;
	back.mask = set.mask;
	if (!result && hadal_set_regs(hadal, 1, &back, &error) && is_paused())
		fail("cannot be set back", &set, now, &after);
	return true;
}

/*
 * The other CPU must not go on with what is only tried. So pauses are short, and nothing of the
 * kernel's that waits for all CPUs may come in between.
 */
static void fuzz_paused(uint64_t *random, uint64_t count)
{
	const struct sched_param first = {.sched_priority = 1};
	struct hadal_regs now;

	CHECK(!sched_setscheduler(0, SCHED_FIFO, &first));
	for (uint64_t i = 0; i < count;) {
		EQUAL(hadal_pause(hadal, 1, HADAL_PAUSE_MS_MAX, &error), 0);
		EQUAL(hadal_regs(hadal, 1, &now, &error), 0);
		for (int n = 0; n < 10 && one_paused(random, &now); n++)
			i++;
		expired += hadal_resume(hadal, 1, &error) != 0;
		usleep(20000);
	}
}

static int64_t try(const struct hadal_set_regs *set, bool unchecked)
{
	memcpy(arena.bytes, set, sizeof(*set));
	return ring0_call(TRIAL_CALL, arena.physical, unchecked, 0, 0, 0);
}

static void fuzz_entries(uint64_t *random, uint64_t count)
{
	const struct hadal_regs *now = (void *)(arena.bytes + PAGE);

	for (uint64_t i = 0; i < count; i++) {
		struct hadal_set_regs set;
		int64_t result;

		EQUAL(ring0_call(HADAL_CALL_REGS, 0, arena.physical + PAGE, PAGE, 0, 0), 0);
		some_set(random, now, &set);
		result = try(&set, false);
		if (result == TRIAL_UNDONE)
			fail("checked, and refused by the processor", &set, now, now);
		if (result && result != -ERANGE && result != -EBUSY)
			fail("an error that is not documented", &set, now, now);
		entered += !result;
	}
}

/* States that every processor refuses to enter with. */
static void force_wrong_entries(void)
{
	const struct hadal_regs *now = (void *)(arena.bytes + PAGE);

	for (int i = 0; i < 3; i++) {
		struct hadal_set_regs set;

		EQUAL(ring0_call(HADAL_CALL_REGS, 0, arena.physical + PAGE, PAGE, 0, 0), 0);
		set = (struct hadal_set_regs){.values = *now};
		switch (i) {
		case 0:
			set.mask = 1ull << HADAL_REG_CR4;
			set.values.cr4 |= 1ull << 40;
			break;
		case 1:
			set.mask = 1ull << HADAL_REG_CR0;
			set.values.cr0 |= 1ull << 40;
			break;
		default:
			set.mask = 1ull << HADAL_REG_CR3;
			set.values.cr3 |= 1ull << 61;
		}
		EQUAL(try(&set, true), TRIAL_UNDONE);
		undone++;
	}
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	uint32_t value = 1;

	if (argc <= 2) {
		getrandom(&value, sizeof(value), 0);
		seed = value;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("repeat this with: test_fuzz_regs %" PRIu64 " %" PRIu64 "\n", count, seed);
	pin_to_cpu(0);
	ring0_open(&arena);
	hadal = open_hadal();
	force_wrong_entries();
	fuzz_entries(&seed, count);
	fuzz_paused(&seed, count);
	printf("taken %" PRIu64 ", refused %" PRIu64 ", entered %" PRIu64 ", undone %" PRIu64
	       ", pauses run out %" PRIu64 "\n",
	       taken, refused, entered, undone, expired);
	CHECK(taken && refused && entered && expired <= 2 + count / 1000);
	return 0;
}
