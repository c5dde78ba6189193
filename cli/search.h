/* SPDX-License-Identifier: MIT */
/* What the commands share that look through memory. */
#ifndef HADAL_CLI_SEARCH_H
#define HADAL_CLI_SEARCH_H

#include "progress.h"
#include "record.h"
#include "search/owner.h"
#include "search/ram.h"
#include "search/scan.h"
#include "target.h"

struct search_options {
	struct cli_where where;
	const char *start, *end; /* addresses or symbols; NULL: as far as it goes */
	uint64_t length;         /* 0: not given */
	bool owner;
	uint64_t limit; /* 0: none */
};

/* For the table of a command whose struct options has them as its member search. */
/* clang-format off */
#define SEARCH_OPTIONS                                                                             \
	CLI_OPTION_TEXT(0, "start", "ADDRESS", "Begin at ADDRESS, a number or a symbol", search.start),   \
	CLI_OPTION_TEXT(0, "end", "ADDRESS", "End before ADDRESS, a number or a symbol", search.end),     \
	CLI_OPTION_LENGTH(0, "length", "LENGTH",                                                   \
			  "Search LENGTH bytes; may end in k, M, G or T",      \
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
	struct cli_where where; /* the options', and what their addresses imply */
	struct cli_target source;
	struct hadal_area area;
	struct hadal_ranges within, ram;
	struct hadal_range asked; /* of an image's physical memory, up to a named end */
	struct hadal_ranges asked_ranges;
	bool ram_unknown; /* the image's kernel does not tell all RAM; ram_error says why */
	struct hadal_error ram_error;
	struct hadal_unread unread;
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

#define SEARCH_OWNER_MAX 600

/* Where something was found. */
struct search_place {
	uint64_t address, at;
	const uint64_t *physical; /* NULL: the page has been unmapped meanwhile */
	const char *owner;        /* NULL: none is known */
	char owner_text[SEARCH_OWNER_MAX];
};

/* The columns of a record that begins with it. */
#define SEARCH_COLUMNS                                                                             \
	{"address",                                                                                \
	 "ADDRESS",                                                                                \
	 18,                                                                                       \
	 CLI_COLUMN_HEX,                                                                           \
	 offsetof(struct search_place, address),                                                   \
	 NULL,                                                                                     \
	 NULL,                                                                                     \
	 "where it is; physical in physical memory"},                                              \
		{"physical",                                                                       \
		 "PHYSICAL",                                                                       \
		 18,                                                                               \
		 CLI_COLUMN_HEX_MAYBE,                                                             \
		 offsetof(struct search_place, physical),                                          \
		 NULL,                                                                             \
		 NULL,                                                                             \
		 "its physical address, unless the page is mapped no more"},                       \
	{                                                                                          \
		"owner", NULL, -32, CLI_COLUMN_STRING, offsetof(struct search_place, owner), NULL, \
			NULL, "with --owner: who has the page, if that is known"                   \
	}

/* Fills the place of what is to be printed now. */
void search_place(struct search *search, uint64_t address, struct search_place *place);
/* Prints what stands first in the line of each. */
void search_print_place(const struct search *search, const struct search_place *place);

/* Counts a hit. Returns 1 when these are enough or the output is closed, else 0. */
int search_count(struct search *search);

#endif
