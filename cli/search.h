/* SPDX-License-Identifier: MIT */
/* What the commands share that look through memory. */
#ifndef HADAL_CLI_SEARCH_H
#define HADAL_CLI_SEARCH_H

#include "progress.h"
#include "search/owner.h"
#include "search/scan.h"
#include "target.h"

struct search_options {
	struct cli_target target;
	uint64_t start, length; /* length 0: up to the end */
	bool owner;
	uint64_t limit; /* 0: none */
};

/* --start, --length, --owner, --limit and cli_target_options; input: struct search_options */
extern const struct argp_child search_options[];

/* Memory to look through, and what has been found. */
struct search {
	const struct search_options *options;
	struct cli_target_source source;
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
