// SPDX-License-Identifier: MIT
// Sources: KERNEL lib/show/*.c lib/profile/*.c
// Sources: tests/fuzz/image/walkers.c
// Libraries: -lbpf -lelf -lz -ljson-c
/*
 * fuzz_image IMAGE SECONDS [SEED]: runs the walkers over a raw memory image of a Linux, changed in
 * a few words each time: of those that the walker reads in the image as it is, and mostly of those
 * that were seen to matter. Sanitizers end it at a fault, and a walker may take 10 seconds of CPU
 * time. With the same image and seed it does the same again.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "walkers.h"

#define WALK_SECONDS 10
#define CHANGES_MAX  4

/* 8-byte words of the image that a walker reads, by their offsets. */
struct words {
	uint64_t *offsets;
	size_t count;
	size_t found; /* by the walker in the image as it is */
	/* Of changes that made it find something else; the newest replace the oldest. */
	uint64_t mattered[4096];
	size_t mattered_count;
};

struct change {
	uint64_t *word;
	uint64_t kept;
};

static struct {
	uint8_t *bytes; /* a private mapping: changes never reach the file */
	uint64_t size;
	uint8_t *read; /* a bit for each word read; NULL: not of interest */
	struct hadal_range range;
	struct hadal_memory memory;
} image;

/* What goes on, for the message when it fails. */
static struct {
	uint64_t seed, number;
	const char *walker;
} run;

static ssize_t image_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	(void)ctx;
	if (pa >= image.size)
		return -EFAULT;
	if (len > image.size - pa)
		len = image.size - pa;
	memcpy(buf, image.bytes + pa, len);
	for (uint64_t word = pa / 8; image.read && word <= (pa + len - 1) / 8; word++)
		image.read[word / 8] |= 1u << word % 8;
	return len;
}

/* What it waits for happens between two looks at a machine that runs, and here at once. */
int nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)pause;
	(void)left;
	return 0;
}

static void tell_failure(void)
{
	fprintf(stderr, "fuzz_image: failed in '%s', change %" PRIu64 " of seed %" PRIu64 "\n",
		run.walker, run.number, run.seed);
}

static void on_timeout(int number)
{
	(void)number;
	fprintf(stderr, "fuzz_image: a walker took more than %d seconds\n", WALK_SECONDS);
	tell_failure();
	abort();
}

static void set_timer(int seconds)
{
	const struct itimerval timer = {.it_value.tv_sec = seconds};

	setitimer(ITIMER_PROF, &timer, NULL);
}

static void open_image(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	image.size = st.st_size & ~7ull;
	image.bytes = mmap(NULL, image.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (image.bytes == MAP_FAILED) {
		perror(path);
		exit(2);
	}
	close(fd);
	image.range.end = image.size;
	image.memory =
		(struct hadal_memory){.read = image_read, .ranges = &image.range, .range_count = 1};
}

static uint64_t *word_at(uint64_t offset)
{
	return (uint64_t *)(image.bytes + offset);
}

/* Runs a walker over the image as it is and keeps what it reads. */
static void record(const struct walker *walker, struct target *target, struct words *words)
{
	image.read = calloc(1, image.size / 64 + 1);
	words->found = walker->walk(target);
	for (uint64_t word = 0; word < image.size / 8; word++)
		words->count += image.read[word / 8] >> word % 8 & 1;
	words->offsets = calloc(words->count + 1, sizeof(*words->offsets));
	words->count = 0;
	for (uint64_t word = 0; word < image.size / 8; word++)
		/* Zeros are mostly room for nothing. */
		if (image.read[word / 8] >> word % 8 & 1 && *word_at(word * 8))
			words->offsets[words->count++] = word * 8;
	free(image.read);
	image.read = NULL;
	printf("%s: reads %zu words\n", walker->name, words->count);
	if (words->found && words->count)
		return;
	fprintf(stderr, "fuzz_image: the walker found nothing in the image as it is\n");
	exit(1);
}

/* xorshift64* */
static uint64_t random_number(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* Three of four times a word that mattered before. */
static uint64_t choose_word(const struct words *words, uint64_t *state)
{
	size_t known = words->mattered_count;
	uint64_t number = random_number(state);

	if (known > sizeof(words->mattered) / sizeof(words->mattered[0]))
		known = sizeof(words->mattered) / sizeof(words->mattered[0]);
	if (known && random_number(state) % 4)
		return words->mattered[number % known];
	return words->offsets[number % words->count];
}

/* What a word becomes. */
static uint64_t changed(uint64_t old, const struct words *words, uint64_t *state)
{
	static const uint64_t constants[] = {
		0, 1, ~0ull, 0xdead000000000100ull, 1ull << 63, 0x7fffffff, 0xffffffff, 0x100000000,
	};
	uint64_t number = random_number(state);

	switch (random_number(state) % 10) {
	case 0:
		return constants[number % (sizeof(constants) / sizeof(constants[0]))];
	case 1:
		return number;
	case 2: /* another bit */
		return old ^ 1ull << number % 64;
	case 3: /* a little further on, or back */
		return old + (number % 64) * 8 - 256;
	case 4: /* a small number in half of it */
		return (old & ~0xffffffffull) | (number & 0xffff);
	case 5:
		return (old & 0xffffffffull) | (number & 0xffff) << 32;
	default: /* leads to where another one leads */
		return *word_at(choose_word(words, state));
	}
}

static void remember(struct words *words, const struct change *changes, size_t count)
{
	const size_t room = sizeof(words->mattered) / sizeof(words->mattered[0]);

	for (size_t i = 0; i < count; i++)
		words->mattered[words->mattered_count++ % room] =
			(uint8_t *)changes[i].word - image.bytes;
}

static size_t apply(struct change *changes, const struct words *words, uint64_t *state)
{
	size_t count = 1 + random_number(state) % CHANGES_MAX;

	for (size_t i = 0; i < count; i++) {
		uint64_t offset = choose_word(words, state);

		changes[i] = (struct change){word_at(offset), *word_at(offset)};
		*word_at(offset) = changed(*word_at(offset), words, state);
	}
	return count;
}

static void undo(const struct change *changes, size_t count)
{
	while (count--)
		*changes[count].word = changes[count].kept;
}

static size_t choose_walker(uint64_t number)
{
	unsigned total = 0;
	size_t i = 0;

	for (size_t j = 0; j < walker_count; j++)
		total += walkers[j].weight;
	for (number %= total; number >= walkers[i].weight; i++)
		number -= walkers[i].weight;
	return i;
}

static void fuzz(struct target *target, struct words *words, int seconds)
{
	time_t end = time(NULL) + seconds;
	uint64_t state = run.seed * 2 + 1, changed_words = 0, mattered = 0;

	for (run.number = 0; time(NULL) < end; run.number++) {
		size_t walker = choose_walker(random_number(&state));
		struct change changes[CHANGES_MAX];
		size_t count = apply(changes, &words[walker], &state);
		size_t found;

		run.walker = walkers[walker].name;
		set_timer(WALK_SECONDS);
		found = walkers[walker].walk(target);
		set_timer(0);
		undo(changes, count);
		if (found != words[walker].found) {
			remember(&words[walker], changes, count);
			mattered++;
		}
		changed_words += count;
	}
	printf("%" PRIu64 " walks over changed memory, %" PRIu64 " with other results; %" PRIu64
	       " words changed, seed %" PRIu64 "\n",
	       run.number, mattered, changed_words, run.seed);
}

int main(int argc, char **argv)
{
	struct target target = {.memory = &image.memory};
	struct hadal_error error;
	struct words *words;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: fuzz_image IMAGE SECONDS [SEED]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(NULL);
	open_image(argv[1]);
	run.seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL);
	run.walker = "the first look";
	target.kernel = hadal_kernel_open(&image.memory, NULL, &error);
	if (target.kernel)
		target.symbolizer = hadal_symbolizer_new(target.kernel, &error);
	if (!target.symbolizer) {
		fprintf(stderr, "fuzz_image: %s\n", error.text);
		return 1;
	}
	words = calloc(walker_count, sizeof(*words));
	for (size_t i = 0; i < walker_count; i++)
		record(&walkers[i], &target, &words[i]);
	__sanitizer_set_death_callback(tell_failure);
	signal(SIGPROF, on_timeout);
	fuzz(&target, words, atoi(argv[2]));
	for (size_t i = 0; i < walker_count; i++)
		free(words[i].offsets);
	free(words);
	hadal_symbolizer_free(target.symbolizer);
	hadal_kernel_close(target.kernel);
	munmap(image.bytes, image.size);
	return 0;
}
