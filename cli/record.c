// SPDX-License-Identifier: MIT
/* Prints records as a table or as JSON lines, and tells what their columns are. */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "text.h"

static uint64_t number_at(const struct cli_column *column, const void *record)
{
	const void *at = (const char *)record + column->at;

	switch (column->kind) {
	case CLI_COLUMN_I32:
		return (int64_t) * (const int32_t *)at;
	case CLI_COLUMN_U32:
		return *(const uint32_t *)at;
	case CLI_COLUMN_U64_MAYBE:
	case CLI_COLUMN_HEX_MAYBE:
		return **(const uint64_t *const *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static const char *string_at(const struct cli_column *column, const void *record)
{
	const void *at = (const char *)record + column->at;

	return column->kind == CLI_COLUMN_TEXT ? at : *(const char *const *)at;
}

/* Whether a record has what may be missing in it. */
static bool is_there(const struct cli_column *column, const void *record)
{
	const void *at = (const char *)record + column->at;

	switch (column->kind) {
	case CLI_COLUMN_COUNT:
		return *(const uint64_t *)at;
	case CLI_COLUMN_U64_MAYBE:
	case CLI_COLUMN_HEX_MAYBE:
		return *(const uint64_t *const *)at;
	case CLI_COLUMN_STRING:
		return string_at(column, record);
	default:
		return true;
	}
}

/* As many as there is room for. */
static void write_bytes(const struct cli_bytes *bytes, char *text, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = 2 * bytes->len < size ? bytes->len : (size - 1) / 2;

	for (size_t i = 0; i < len; i++) {
		*text++ = digits[bytes->bytes[i] >> 4];
		*text++ = digits[bytes->bytes[i] & 15];
	}
	*text = '\0';
}

/* The value as text; false when there is none. */
static bool write_value(const struct cli_printer *printer, const struct cli_column *column,
			const void *record, char *text, size_t size)
{
	if (!is_there(column, record))
		return false;
	switch (column->kind) {
	case CLI_COLUMN_I32:
		snprintf(text, size, "%" PRId64, (int64_t)number_at(column, record));
		return true;
	case CLI_COLUMN_U32:
	case CLI_COLUMN_U64:
	case CLI_COLUMN_COUNT:
	case CLI_COLUMN_U64_MAYBE:
		snprintf(text, size, "%" PRIu64, number_at(column, record));
		return true;
	case CLI_COLUMN_HEX:
	case CLI_COLUMN_HEX_MAYBE:
		snprintf(text, size, "%#" PRIx64, number_at(column, record));
		return true;
	case CLI_COLUMN_BOOL:
		snprintf(text, size, "%s", *((const bool *)record + column->at) ? "yes" : "no");
		return true;
	case CLI_COLUMN_CHAR:
		snprintf(text, size, "%c", *((const char *)record + column->at));
		return true;
	case CLI_COLUMN_BYTES:
		write_bytes((const void *)((const char *)record + column->at), text, size);
		return true;
	case CLI_COLUMN_TEXT:
	case CLI_COLUMN_STRING:
		snprintf(text, size, "%s", string_at(column, record));
		return true;
	default:
		return column->make && column->make(record, printer->ctx, text, size);
	}
}

static struct json_object *bytes_json(const struct cli_bytes *bytes)
{
	struct json_object *object;
	size_t size = 2 * bytes->len + 1;
	char *text = malloc(size);

	if (!text)
		return NULL;
	write_bytes(bytes, text, size);
	object = json_object_new_string_len(text, size - 1);
	free(text);
	return object;
}

/* NULL: this record has no such value. */
static struct json_object *json_value(const struct cli_printer *printer,
				      const struct cli_column *column, const void *record)
{
	static char text[CLI_VALUE_MAX];
	const char *string = text;

	if (!is_there(column, record))
		return NULL;
	switch (column->kind) {
	case CLI_COLUMN_I32:
		return json_object_new_int64(number_at(column, record));
	case CLI_COLUMN_U32:
	case CLI_COLUMN_U64:
	case CLI_COLUMN_COUNT:
	case CLI_COLUMN_U64_MAYBE:
		return json_object_new_uint64(number_at(column, record));
	case CLI_COLUMN_BOOL:
		return json_object_new_boolean(*((const bool *)record + column->at));
	case CLI_COLUMN_BYTES:
		return bytes_json((const void *)((const char *)record + column->at));
	case CLI_COLUMN_JSON:
		return column->json ? column->json(record, printer->ctx) : NULL;
	case CLI_COLUMN_TEXT:
	case CLI_COLUMN_STRING:
		string = string_at(column, record);
		break;
	default:
		if (!write_value(printer, column, record, text, sizeof(text)))
			return NULL;
	}
	return text_json(string, strlen(string));
}

static void print_json(const struct cli_printer *printer, const void *record)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; printer->shown[i]; i++) {
		struct json_object *value = json_value(printer, printer->shown[i], record);

		if (value)
			json_object_object_add(object, printer->shown[i]->name, value);
	}
	cli_print_json(object);
}

/* The columns of the terminal that this began with; 0 where the output is none. */
static int terminal_columns(void)
{
	static int columns = -1;
	struct winsize size;

	if (columns < 0)
		columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
	return columns;
}

/* Prints a text in the width of its column, the last one as far as the terminal goes. */
static int print_cell(const struct cli_column *column, const char *text, bool last, int used)
{
	int width = column->width < 0 ? -column->width : column->width;
	int columns = text_columns(text), room = terminal_columns() - used;
	int used_columns = columns > width ? columns : width;
	int bytes = strlen(text);

	if (last && terminal_columns() && columns > room)
		bytes = text_bytes(text, room > 0 ? room : 0);
	columns = columns < width ? width - columns : 0;
	if (column->width > 0)
		printf("%*s", columns, "");
	printf("%.*s", bytes, text);
	if (column->width < 0 && !last)
		printf("%*s", columns, "");
	return used_columns;
}

static void print_row(const struct cli_printer *printer, const void *record)
{
	static char text[CLI_VALUE_MAX], safe[4 * CLI_VALUE_MAX];
	int used = 0;

	for (size_t i = 0; printer->shown[i]; i++) {
		const struct cli_column *column = printer->shown[i];
		bool has = write_value(printer, column, record, text, sizeof(text));

		if (i)
			used += printf(" ");
		text_for_terminal(text, has ? strlen(text) : 0, safe, sizeof(safe));
		used += print_cell(column, has ? safe : "-", !printer->shown[i + 1], used);
	}
	putchar('\n');
}

void cli_printer_print(struct cli_printer *printer, const void *record)
{
	if (printer->json)
		print_json(printer, record);
	else if (printer->table)
		print_row(printer, record);
	else
		printer->kind->print(record, printer->ctx);
}

void cli_print_one(const struct cli_record_kind *kind, const struct cli_where *where,
		   const void *record, void *ctx)
{
	struct cli_printer printer;

	cli_printer_begin(&printer, kind, where, NULL, ctx);
	cli_printer_print(&printer, record);
}

/* Whether a list with commas has a name; *rest: behind it, if it is the first. */
static bool list_has(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
	return false;
}

/* Columns in the order in which they are asked for; names have been checked. */
static void choose(struct cli_printer *printer, const char *names)
{
	for (size_t count = 0; *names && count < CLI_SHOWN_MAX; count++) {
		size_t len = strcspn(names, ",");

		printer->shown[count] = cli_column_find(printer->kind, names, len);
		names += len + (names[len] == ',');
	}
}

void cli_printer_begin(struct cli_printer *printer, const struct cli_record_kind *kind,
		       const struct cli_where *where, const char *hide, void *ctx)
{
	const struct cli_column *column = kind->columns;
	size_t count = 0;

	*printer = (struct cli_printer){.kind = kind, .ctx = ctx, .json = where->json};
	printer->table = !where->json && (where->columns || !kind->print);
	if (where->columns)
		choose(printer, where->columns);
	for (; !where->columns && column->name && count < CLI_SHOWN_MAX; column++)
		if (where->json || (column->heading && !list_has(hide, column->name)))
			printer->shown[count++] = column;
	for (size_t i = 0; printer->table && printer->shown[i]; i++) {
		column = printer->shown[i];
		printf("%s", i ? " " : "");
		print_cell(column, column->heading ? column->heading : column->name,
			   !printer->shown[i + 1], 0);
	}
	if (printer->table)
		putchar('\n');
}

static const char *type_name(const struct cli_column *column)
{
	switch (column->kind) {
	case CLI_COLUMN_I32:
	case CLI_COLUMN_U32:
	case CLI_COLUMN_U64:
	case CLI_COLUMN_COUNT:
	case CLI_COLUMN_U64_MAYBE:
		return "number";
	case CLI_COLUMN_BYTES:
		return "string, two digits a byte";
	case CLI_COLUMN_HEX:
	case CLI_COLUMN_HEX_MAYBE:
		return "string, `0x...`";
	case CLI_COLUMN_BOOL:
		return "true or false";
	case CLI_COLUMN_JSON:
		return "";
	default:
		return "string";
	}
}

/* As far as the names of records here go. */
static const char *article(const char *name)
{
	return strchr("aeio", *name) ? "an" : "a";
}

void cli_record_describe(const struct cli_record_kind *kind)
{
	printf("\n%s%sne object is %s %s.\n\n| name | in the table | type | |\n"
	       "|---|---|---|---|\n",
	       kind->when ? kind->when : "", kind->when ? " o" : "O", article(kind->name),
	       kind->name);
	for (const struct cli_column *column = kind->columns; column->name; column++)
		printf("| `%s` | %s | %s | %s |\n", column->name,
		       column->heading ? column->heading : "", type_name(column), column->about);
	if (kind->also)
		cli_record_describe(kind->also);
}
