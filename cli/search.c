// SPDX-License-Identifier: MIT
/* What the commands share that look through memory. */
#include "search.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OWNER_MAX 600

const char *search_check(const struct search_options *options)
{
	if (options->length && options->start + (options->length - 1) < options->start)
		return "the range ends above 64 bits";
	return NULL;
}

static void set_area(struct search *search)
{
	const struct search_options *options = search->options;
	const struct cli_target *source = &search->source;
	uint64_t half = source->space ? 1ull << (11 + 9 * source->space->levels) : 0;

	search->area = (struct hadal_area){
		.memory = &search->source.kernel.source.memory,
		.space = source->space,
		.start = options->start,
		.last = UINT64_MAX,
	};
	if (options->where.space == CLI_SPACE_KERNEL && options->start < half)
		search->area.start = -half;
	if (options->where.space == CLI_SPACE_PROCESS && options->start < half)
		search->area.last = half - 1;
	if (options->length)
		search->area.last = options->start + (options->length - 1);
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
		.memory = &memory->memory,
		.space = &space,
		.last = UINT64_MAX >> 1,
		.rights = HADAL_STEP_USER | HADAL_STEP_WRITE,
	};
	int result = hadal_translate(memory->hadal, HADAL_ROOT_CURRENT, (uintptr_t)search->buffer,
				     0, &walk, error);

	if (result)
		return result;
	cache = hadal_page_cache_new(&memory->memory);
	if (!cache)
		return hadal_fail(error, ENOMEM, "Out of memory");
	hadal_space_init(&space, cache, walk.step[0].entry_address, walk.levels);
	result = hadal_area_exclude(&search->area, &own, &search->within);
	if (result)
		hadal_fail(error, -result, "Cannot tell this program's own pages: %s",
			   strerror(-result));
	else
		search->area.within = &search->within;
	hadal_page_cache_free(cache);
	return result;
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
	setvbuf(stdout, output, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof(output));
	set_area(search);
	if (search->options->owner) {
		search->owners = hadal_owners_new(search->source.kernel.kernel, error);
		if (!search->owners)
			return -ENOENT;
	}
	return search->source.kernel.source.hadal ? exclude_own(search, error) : 0;
}

bool search_open(struct search *search, const struct search_options *options)
{
	struct hadal_error error;

	*search = (struct search){.options = options};
	if (!cli_target_open(&search->source, &options->where, options->owner))
		return false;
	if (prepare(search, &error)) {
		cli_fail(&error);
		search_close(search);
		return false;
	}
	progress_begin(&search->progress, hadal_area_size(&search->area));
	return true;
}

int search_end(struct search *search, int result)
{
	struct hadal_error error;

	progress_end(&search->progress);
	if (result >= 0)
		return CLI_OK;
	hadal_fail(&error, -result,
		   "There are more page tables than RAM can hold; they are damaged, and what lies "
		   "behind was not looked at");
	return cli_fail(&error);
}

void search_close(struct search *search)
{
	hadal_owners_free(search->owners);
	hadal_ranges_free(&search->within);
	/* Or the next search would find in free memory what this one has seen. */
	if (search->buffer && search->buffer != MAP_FAILED) {
		explicit_bzero(search->buffer, HADAL_SCAN_BYTES);
		munmap(search->buffer, HADAL_SCAN_BYTES);
	}
	cli_target_close(&search->source);
}

/* The physical address; false when the page has been unmapped meanwhile. */
static bool find_place(struct search *search, uint64_t address, uint64_t *physical, char *owner)
{
	owner[0] = '\0';
	if (hadal_area_physical(&search->area, address, physical))
		return false;
	if (search->owners && hadal_owner(search->owners, *physical, owner, OWNER_MAX))
		cli_make_printable(owner);
	return true;
}

void search_print_place(struct search *search, uint64_t address)
{
	char owner[OWNER_MAX];
	uint64_t physical;
	bool known = find_place(search, address, &physical, owner);

	progress_hide(&search->progress);
	printf("%#018" PRIx64, address);
	if (search->area.space && known)
		printf("  %#018" PRIx64, physical);
	else if (search->area.space)
		printf("  %-18s", "-");
	if (search->owners)
		printf("  %-32s", owner[0] ? owner : "-");
}

struct json_object *search_json_place(struct search *search, uint64_t address)
{
	struct json_object *object = json_object_new_object();
	char owner[OWNER_MAX];
	uint64_t physical;
	bool known = find_place(search, address, &physical, owner);

	progress_hide(&search->progress);
	cli_json_hex(object, "address", address);
	if (known)
		cli_json_hex(object, "physical", physical);
	if (owner[0])
		json_object_object_add(object, "owner", json_object_new_string(owner));
	return object;
}

int search_count(struct search *search)
{
	search->found++;
	return ferror(stdout) ||
	       (search->options->limit && search->found >= search->options->limit);
}
