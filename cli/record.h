/* SPDX-License-Identifier: MIT */
/*
 * Records of one kind, such as processes: one description of their columns prints the table, the
 * JSON lines and the page of the manual that tells the JSON's names.
 */
#ifndef HADAL_CLI_RECORD_H
#define HADAL_CLI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

struct cli_where;

/* Columns of one table, at most. */
#define CLI_SHOWN_MAX 63

/* The long text of a value that is made; more of it is cut in the table and whole in JSON. */
#define CLI_VALUE_MAX 16384

enum cli_column_kind {
	CLI_COLUMN_I32,
	CLI_COLUMN_U32,
	CLI_COLUMN_U64,
	CLI_COLUMN_HEX,       /* uint64_t, "0x..." in JSON too: a number there may lose bits */
	CLI_COLUMN_COUNT,     /* uint64_t; 0: there is none */
	CLI_COLUMN_U64_MAYBE, /* const uint64_t * in the record; NULL: there is none */
	CLI_COLUMN_HEX_MAYBE, /* the same, as CLI_COLUMN_HEX */
	CLI_COLUMN_BYTES,     /* struct cli_bytes, as hexadecimal digits */
	CLI_COLUMN_BOOL,
	CLI_COLUMN_CHAR,
	CLI_COLUMN_TEXT,   /* char[] in the record, ended by a zero byte */
	CLI_COLUMN_STRING, /* const char * in the record; NULL: there is none */
	CLI_COLUMN_MADE,   /* make() writes a text */
	CLI_COLUMN_JSON, /* make() for the table and json() for JSON; without one it is not there */
};

struct cli_bytes {
	const uint8_t *bytes;
	size_t len;
};

struct cli_column {
	const char *name;    /* in JSON, and for --columns */
	const char *heading; /* of the table; NULL: in the table only when --columns asks for it */
	int width;           /* of the table; below 0: to the left; 0: what is left of the line */
	enum cli_column_kind kind;
	size_t at; /* offset in the record, but of the last two kinds */
	/* Writes the text; false: this record has none. ctx: the printer's. */
	bool (*make)(const void *record, void *ctx, char *text, size_t size);
	/* Returns NULL for a record that has none. */
	struct json_object *(*json)(const void *record, void *ctx);
	const char *about; /* what it is, for docs/json.md */
};

struct cli_record_kind {
	const char *name;                 /* "process" */
	const struct cli_column *columns; /* ended by one without a name */
	/* Prints a record in lines of its own, where --columns does not ask for a table; or NULL.
	 */
	void (*print)(const void *record, void *ctx);
	/* Another kind that the command prints, and in which case; NULL: none. */
	const struct cli_record_kind *also;
	const char *when;
};

/* Prints records one after the other. */
struct cli_printer {
	const struct cli_record_kind *kind;
	void *ctx;
	bool json;
	bool table; /* not as kind->print does it */
	/* The columns that are printed, ended by NULL. */
	const struct cli_column *shown[CLI_SHOWN_MAX + 1];
};

/*
 * Begins: chooses the columns and prints the heading of a table. hide: names of columns, with
 * commas, that this table does not have unless --columns asks for them; NULL: none.
 */
void cli_printer_begin(struct cli_printer *printer, const struct cli_record_kind *kind,
		       const struct cli_where *where, const char *hide, void *ctx);
/* The column with a name of len bytes, or NULL. */
const struct cli_column *cli_column_find(const struct cli_record_kind *kind, const char *name,
					 size_t len);
/* Checks the names of --columns. Returns NULL, or what was expected. */
const char *cli_columns_check(const struct cli_record_kind *kind, const char *names);
void cli_printer_print(struct cli_printer *printer, const void *record);

/* Prints the one record that there is. */
void cli_print_one(const struct cli_record_kind *kind, const struct cli_where *where,
		   const void *record, void *ctx);

/* The part of docs/json.md about a kind of records, and about those that the command prints also.
 */
void cli_record_describe(const struct cli_record_kind *kind);

#endif
