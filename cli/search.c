// SPDX-License-Identifier: MIT
/* What the commands share that look through memory. */
#include "search.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/missing.h"
#include "text.h"

/* Of the ranges that an image lacks, so many are named. */
#define ABSENT_SHOWN 4

const char *search_check(const struct search_options *options)
{
	return options->length && options->end ? "--length and --end exclude each other" : NULL;
}

/* The addresses that a number of the command line or a symbol may be. */
static void set_where(struct search *search)
{
	const struct search_options *options = search->options;

	search->where = options->where;
	if (options->start)
		cli_address_space(&search->where, options->start, CLI_SPACE_DEFAULT);
	if (options->end)
		cli_address_space(&search->where, options->end, CLI_SPACE_DEFAULT);
}

static bool needs_kernel(const struct search_options *options)
{
	return options->owner || (options->start && cli_address_is_symbol(options->start)) ||
	       (options->end && cli_address_is_symbol(options->end));
}

static int set_range(struct search *search, uint64_t *start, struct hadal_error *error)
{
	const struct search_options *options = search->options;
	uint64_t end;
	int result = 0;

	*start = 0;
	if (options->start)
		result = cli_address(&search->source, &search->where, options->start, start, error);
	if (!result && options->end) {
		result = cli_address(&search->source, &search->where, options->end, &end, error);
		if (!result && end <= *start)
			result = hadal_fail(error, EINVAL,
					    "--end %s is not above the address to begin at",
					    options->end);
		search->area.last = end - 1;
	}
	if (!result && options->length) {
		if (*start + (options->length - 1) < *start)
			result = hadal_fail(
				error, EINVAL,
				"The range ends above the last address, 0xffffffffffffffff");
		search->area.last = *start + (options->length - 1);
	}
	return result;
}

static int set_area(struct search *search, struct hadal_error *error)
{
	const struct cli_target *source = &search->source;
	uint64_t half = source->space ? 1ull << (11 + 9 * source->space->levels) : 0;
	uint64_t start;

	search->area = (struct hadal_area){
		.unread = &search->unread,
		.memory = search->source.kernel.source.memory,
		.space = source->space,
		.last = UINT64_MAX,
	};
	if (search->where.space == CLI_SPACE_PROCESS)
		search->area.last = half - 1;
	if (set_range(search, &start, error))
		return -EINVAL;
	search->area.start = start;
	if (search->where.space == CLI_SPACE_KERNEL && start < half)
		search->area.start = -half;
	return 0;
}

/*
 * This program's own page tables lead to the pages that only it writes: what it looks for is
 * there, and what it has found.
 */
static int exclude_own(struct search *search, struct hadal_error *error)
{
	struct cli_memory *memory = &search->source.kernel.source;
	struct hadal_page_cache *cache;
	struct hadal_translation walk;
	struct hadal_space space;
	const struct hadal_area own = {
		.memory = memory->memory,
		.space = &space,
		.last = UINT64_MAX >> 1,
		.rights = HADAL_STEP_USER | HADAL_STEP_WRITE,
	};
	int result = hadal_translate(memory->hadal, HADAL_ROOT_CURRENT, (uintptr_t)search->buffer,
				     0, &walk, error);

	if (result)
		return result;
	cache = hadal_page_cache_new(memory->memory);
	if (!cache)
		return hadal_fail(error, ENOMEM, "Out of memory");
	hadal_space_init(&space, cache, walk.step[0].entry_address, walk.levels);
	result = hadal_area_exclude(&search->area, &own, &search->within);
	if (result)
		hadal_fail(error, -result,
			   "Cannot find this program's own pages, to leave them out: %s",
			   strerror(-result));
	else
		search->area.within = &search->within;
	hadal_page_cache_free(cache);
	return result;
}

/* What is found is copied to the stack too, deeper than this is now. */
static void touch_stack(void)
{
	char deeper[64 << 10];

	explicit_bzero(deeper, sizeof(deeper));
}

/* Who names the end of physical memory to look through wants all of it, RAM or not. */
static void expect_all(struct search *search)
{
	search->asked = (struct hadal_range){search->area.start, search->area.last + 1};
	search->asked_ranges = (struct hadal_ranges){&search->asked, 1};
	search->area.ram = &search->asked_ranges;
}

/*
 * The RAM that an image should have: a range with an end, else what its kernel knows of. What is
 * looked at for that is not missing from the answer.
 */
static void set_ram(struct search *search)
{
	struct cli_kernel *source = &search->source.kernel;
	struct hadal_memory *memory = source->source.memory;
	const struct hadal_missing before = memory->missing;

	if (!search->area.space && search->area.last != UINT64_MAX) {
		expect_all(search);
		return;
	}
	if (!source->kernel)
		source->kernel = hadal_machine_kernel(source->source.machine, NULL);
	if (!source->kernel)
		fprintf(stderr, "hadal: no kernel was found in this image, so nothing tells which "
				"memory it lacks\n");
	else if (hadal_kernel_ram(source->kernel, &search->ram, &search->ram_error))
		search->ram_unknown = true;
	search->area.ram = &search->ram;
	memory->missing = before;
}

static int prepare(struct search *search, struct hadal_error *error)
{
	static char output[BUFSIZ];

	/* Its pages must be there before they can be left out. */
	search->buffer = mmap(NULL, HADAL_SCAN_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (search->buffer == MAP_FAILED)
		return hadal_fail(error, ENOMEM, "Out of memory");
	memset(output, 0, sizeof(output));
	touch_stack();
	setvbuf(stdout, output, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof(output));
	if (set_area(search, error))
		return -EINVAL;
	if (search->options->owner) {
		search->owners = hadal_owners_new(search->source.kernel.kernel, error);
		if (!search->owners)
			return -ENOENT;
	}
	if (search->source.kernel.source.hadal)
		return exclude_own(search, error);
	set_ram(search);
	return 0;
}

bool search_open(struct search *search, const struct search_options *options)
{
	struct hadal_error error;

	*search = (struct search){.options = options};
	set_where(search);
	if (!cli_target_open(&search->source, &search->where, needs_kernel(options)))
		return false;
	if (prepare(search, &error)) {
		cli_fail(&error);
		search_close(search);
		return false;
	}
	progress_begin(&search->progress, hadal_area_size(&search->area));
	return true;
}

/* What was passed over, in one sentence. */
static int fail_unread(const struct search *search, struct hadal_error *error)
{
	const struct hadal_unread *unread = &search->unread;

	if (unread->tables)
		return hadal_fail(error, EFAULT,
				  "%" PRIu64 " page tables could not be read; what they map was "
				  "not searched",
				  unread->tables);
	if (unread->bytes)
		return hadal_fail(error, EFAULT,
				  "%" PRIu64 " KiB of RAM could not be read and were not searched",
				  (unread->bytes + 1023) / 1024);
	if (unread->pages)
		return hadal_fail(error, EFAULT,
				  "%" PRIu64
				  " pages of the process are swapped out or closed to it, "
				  "and were not searched",
				  unread->pages);
	return 0;
}

/* Which physical memory should have been looked through and is not in the image. */
static int fail_absent(const struct search *search, struct hadal_error *error)
{
	struct hadal_kernel *kernel = search->source.kernel.kernel;
	struct hadal_error hole = {0};
	char text[ABSENT_SHOWN * 48] = "";
	struct hadal_ranges absent = {0};
	size_t len = 0;
	int result = 0;

	if (!search->area.space && hadal_area_absent(&search->area, &absent))
		result = hadal_fail(error, ENOMEM, "Out of memory");
	for (size_t i = 0; i < absent.count && i < ABSENT_SHOWN; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%#" PRIx64 " to %#" PRIx64,
				i ? ", " : "", absent.items[i].start, absent.items[i].end - 1);
	if (kernel)
		hadal_missing_hole(kernel, &hole);
	if (!result && absent.count)
		result = hadal_fail(error, ENODATA,
				    "Physical memory %s%s is not in this image, and was not looked "
				    "through%s%s",
				    text, absent.count > ABSENT_SHOWN ? " and more" : "",
				    *hole.text ? ". " : "", hole.text);
	else if (!result && search->ram_unknown)
		result = hadal_fail(error, ENODATA, "%s. What this image lacks is not known%s%s",
				    search->ram_error.text, *hole.text ? ". " : "", hole.text);
	hadal_ranges_free(&absent);
	return result;
}

int search_end(struct search *search, int result)
{
	const bool whole = !result;
	struct hadal_error error;

	progress_end(&search->progress);
	if (result < 0)
		result = hadal_fail(&error, -result,
				    "There are more page tables than RAM can hold; they are "
				    "damaged, and what follows was not searched");
	else
		result = cli_target_missing(&search->source, &error);
	if (!result)
		result = fail_unread(search, &error);
	if (!result && whole && search->area.ram)
		result = fail_absent(search, &error);
	return result ? cli_fail(&error) : CLI_OK;
}

void search_close(struct search *search)
{
	hadal_owners_free(search->owners);
	hadal_ranges_free(&search->within);
	hadal_ranges_free(&search->ram);
	/* Or the next search would find in free memory what this one has seen. */
	if (search->area.space)
		hadal_page_cache_wipe(search->area.space->cache);
	if (search->buffer && search->buffer != MAP_FAILED) {
		explicit_bzero(search->buffer, HADAL_SCAN_BYTES);
		munmap(search->buffer, HADAL_SCAN_BYTES);
	}
	cli_target_close(&search->source);
}

void search_place(struct search *search, uint64_t address, struct search_place *place)
{
	progress_hide(&search->progress);
	*place = (struct search_place){.address = address};
	if (hadal_area_physical(&search->area, address, &place->at))
		return;
	place->physical = &place->at;
	if (search->owners &&
	    hadal_owner(search->owners, place->at, place->owner_text, SEARCH_OWNER_MAX))
		place->owner = place->owner_text;
}

void search_print_place(const struct search *search, const struct search_place *place)
{
	char text[4 * SEARCH_OWNER_MAX] = "-";

	printf("0x%016" PRIx64, place->address);
	if (search->area.space && place->physical)
		printf("  0x%016" PRIx64, place->at);
	else if (search->area.space)
		printf("  %-18s", "-");
	if (place->owner)
		text_for_terminal(place->owner, strlen(place->owner), text, sizeof(text));
	if (search->owners)
		printf("  %-32s", text);
}

int search_count(struct search *search)
{
	search->found++;
	return ferror(stdout) ||
	       (search->options->limit && search->found >= search->options->limit);
}
