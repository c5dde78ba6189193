// SPDX-License-Identifier: MIT
/* hadal read */
#include "parse.h"
#include "record.h"
#include "target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES    (1u << 20)
#define JSON_MAX_BYTES (16u << 20)

struct options {
	struct cli_where where;
	const char *address;
	uint64_t length;
	bool raw; /* also with a path */
	const char *path;
};

/* What is read, and from where. */
struct reading {
	struct cli_target *target;
	const struct options *options;
	uint64_t address;
};

static const char *check(void *data)
{
	struct options *options = data;

	if (options->where.json && options->path)
		return "--json and --output exclude each other";
	if (options->where.json && options->raw)
		return "--json and --raw exclude each other";
	if (options->where.json && options->length > JSON_MAX_BYTES)
		return "--json prints up to 16M; use --raw or --output for more";
	options->raw |= options->path != NULL;
	return NULL;
}

static int read_piece(struct reading *reading, uint64_t offset, void *buffer, size_t length,
		      size_t *done, struct hadal_error *error)
{
	return cli_target_piece(reading->target, &reading->options->where,
				reading->address + offset, buffer, length, done, error);
}

/* Reads all, passing on what comes before an error too. */
static int read_to_stream(struct reading *reading, FILE *out, struct hadal_error *error)
{
	const struct options *options = reading->options;
	uint8_t *buffer = malloc(PIECE_BYTES);
	uint64_t offset = 0;
	int result = 0;

	if (!buffer)
		result = hadal_fail(error, ENOMEM, "Out of memory");
	while (!result && offset < options->length && !ferror(out)) {
		uint64_t left = options->length - offset;
		size_t done;

		result = read_piece(reading, offset, buffer,
				    left < PIECE_BYTES ? left : PIECE_BYTES, &done, error);
		if (options->raw)
			fwrite(buffer, 1, done, out);
		else
			print_hex(out, reading->address + offset, buffer, done);
		offset += done;
	}
	free(buffer);
	return result;
}

static int read_to_file(struct reading *reading, struct hadal_error *error)
{
	const char *path = reading->options->path;
	FILE *out = fopen(path, "wb");
	int result, closed;

	if (!out)
		return hadal_fail(error, errno, "Cannot write %s: %s", path, strerror(errno));
	result = read_to_stream(reading, out, error);
	closed = fclose(out);
	return result || !closed
		       ? result
		       : hadal_fail(error, errno, "Cannot write %s: %s", path, strerror(errno));
}

/* What was read, as JSON. */
struct row {
	uint64_t address, length;
	struct cli_bytes data;
	const char *error; /* NULL: none */
};

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"address", NULL, 18, CLI_COLUMN_HEX, AT(address), "of the first byte"},
	{"length", NULL, 10, CLI_COLUMN_U64, AT(length), "bytes that could be read"},
	{"data", NULL, 0, CLI_COLUMN_BYTES, AT(data), "these bytes"},
	{"error", NULL, 0, CLI_COLUMN_STRING, AT(error), "why there are no more, if there are not"},
	{0},
};

static const struct cli_record_kind kind = {.name = "piece of memory", .columns = columns};

static int read_to_json(struct reading *reading, struct hadal_error *error)
{
	const struct options *options = reading->options;
	uint8_t *buffer = malloc(options->length + 1);
	struct row row = {.address = reading->address, .data.bytes = buffer};
	int result;

	if (!buffer)
		return hadal_fail(error, ENOMEM, "Out of memory");
	result = read_piece(reading, 0, buffer, options->length, &row.data.len, error);
	row.length = row.data.len;
	row.error = result ? error->text : NULL;
	cli_print_one(&kind, &options->where, &row, NULL);
	free(buffer);
	return result;
}

static int read_all(struct cli_target *target, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct reading reading = {.target = target, .options = options};
	int result =
		cli_address(target, &options->where, options->address, &reading.address, error);

	if (result)
		return result;
	if (options->length && reading.address + (options->length - 1) < reading.address) {
		hadal_fail(error, EINVAL,
			   "The range ends above the last address, 0xffffffffffffffff");
		cli_fail(error);
		return CLI_USAGE;
	}
	if (options->where.json)
		return read_to_json(&reading, error);
	return options->path ? read_to_file(&reading, error)
			     : read_to_stream(&reading, stdout, error);
}

static int run(void *data)
{
	struct options *options = data;

	cli_address_space(&options->where, options->address, CLI_SPACE_PHYSICAL);
	return cli_target_run(&options->where, cli_address_is_symbol(options->address), read_all,
			      options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('r', "raw", "Print the bytes themselves instead of a hex dump", raw),
	CLI_OPTION_TEXT('o', "output", "FILE", "Write the bytes themselves to FILE", path),
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("ADDRESS", CLI_TEXT, address),
						CLI_ARGUMENT("LENGTH", CLI_LENGTH, length),
						{0}};

const struct cli_command command_read = {
	.name = "read",
	.group = CLI_GROUP_MEMORY,
	.summary = "read physical or virtual memory",
	.about = "Print physical or virtual memory as a hex dump.",
	.more = "ADDRESS is a number, a symbol of the kernel or a module, or symbol+offset. A "
		"symbol "
		"or a number in the upper half means the kernel's memory; any other number is a "
		"physical address, unless an option says otherwise. LENGTH may end in k, M, G or "
		"T. When a part cannot be read, what lies before it is printed all the same and "
		"the exit status is 1.",
	.options = options_table,
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_WHERE | CLI_TAKES_MMIO,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
