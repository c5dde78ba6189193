/* SPDX-License-Identifier: MIT */
/* Prints values of the kernel's types, as gdb does or as JSON. */
#ifndef HADAL_CLI_SHOW_PRINT_H
#define HADAL_CLI_SHOW_PRINT_H

#include <json-c/json.h>

#include "show/walk.h"

struct show_text {
	const char *expression; /* printed before its value */
	const char *type;       /* printed between them, if not NULL */
	bool hex;
	bool begun; /* something has been printed */
	unsigned unreadable;
	unsigned depth;
	bool wide; /* the array that is open has its elements on lines of their own */
	bool first;
};

struct show_json {
	struct json_object *open[80]; /* what is being filled, the outermost first */
	unsigned depth;
	struct json_object *result;
	unsigned unreadable;
	uint64_t left_out; /* elements of arrays, and strings that are cut */
};

/* What the walk of a value calls; the text is printed as it comes, the JSON is in result. */
struct hadal_value_visitor show_text_visitor(struct show_text *text);
struct hadal_value_visitor show_json_visitor(struct show_json *json);

#endif
