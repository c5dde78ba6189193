/* SPDX-License-Identifier: MIT */
/* What the commands share that look through memory. */
#ifndef HADAL_CLI_SEARCH_H
#define HADAL_CLI_SEARCH_H

#include "progress.h"
#include "search/owner.h"
#include "search/scan.h"
#include "target.h"

struct search_options {
	struct cli_where where;
	uint64_t start, length; /* length 0: up to the end */
	bool owner;
	uint64_t limit; /* 0: none */
};

/* For the table of a command whose struct options has them as its member search. */
/* clang-format off */
#define SEARCH_OPTIONS                                                                             \
	CLI_OPTION_NUMBER(0, "start", "ADDRESS", "Begin there", search.start, 0, 0),               \
	CLI_OPTION_LENGTH(0, "length", "LENGTH",                                                   \
			  "Look through so many bytes of addresses; may end in k, M, G or T",      \
			  search.length),                                                          \
	CLI_OPTION_FLAG(0, "owner",                                                                \
			"Say who has the page: a symbol of the kernel or its modules, or a "       \
			"process", search.owner),                                                  \
	CLI_OPTION_NUMBER(0, "limit", "COUNT", "Stop after COUNT matches", search.limit, 0, 0)
/* clang-format on */

/* Returns NULL, or what is wrong with them. */
const char *search_check(const struct search_options *options);

/* Memory to look through, and what has been found. */
struct search {
	const struct search_options *options;
	struct cli_target source;
	struct hadal_area area;
	struct hadal_ranges within;
	struct hadal_owners *owners;
	uint8_t *buffer; /* for struct hadal_scanner */
	struct progress progress;
	uint64_t found;
};

/*
 * Opens what the options say, without the pages that only this program writes. What else may hold
 * something to be found should be in memory before. Says why when it cannot.
 */
bool search_open(struct search *search, const struct search_options *options);
/* Ends the search that gave a result of hadal_scan. Returns an exit code. */
int search_end(struct search *search, int result);
void search_close(struct search *search);

/* Before a hit is printed: prints the columns that all have, or makes the JSON object. */
void search_print_place(struct search *search, uint64_t address);
struct json_object *search_json_place(struct search *search, uint64_t address);

/* Counts a hit. Returns 1 when these are enough or the output is closed, else 0. */
int search_count(struct search *search);

#endif
