// SPDX-License-Identifier: MIT
/* hadal write */
#include "target.h"
#include "parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (1u << 20)

struct options {
	struct cli_where where;
	const char *address;
	const char *hex; /* or NULL */
	const char *path;
};

/* What is written, and where. */
struct writing {
	struct cli_target *target;
	const struct options *options;
	uint64_t address;
	uint64_t total; /* bytes written */
};

static const char *check(void *data)
{
	const struct options *options = data;

	static char text[192];
	uint8_t *bytes;
	size_t length;

	if (!options->hex)
		return NULL;
	if (options->path)
		return "HEX and --input exclude each other";
	if (!parse_hex(options->hex, &bytes, &length)) {
		free(bytes);
		return NULL;
	}
	snprintf(text, sizeof(text), "invalid HEX '%.100s': expected pairs of hexadecimal digits",
		 options->hex);
	return text;
}

static int write_piece(struct writing *writing, const uint8_t *bytes, size_t length,
		       struct hadal_error *error)
{
	const struct cli_target *target = writing->target;
	uint64_t address = writing->address + writing->total;
	uint32_t flags = writing->options->where.flags;
	struct hadal *hadal = target->kernel.source.hadal;
	size_t done = 0;
	int result;

	if (target->space)
		result = hadal_write_virtual(hadal, target->space->root, address, bytes, length,
					     cli_target_levels(target), &done, error);
	else
		result = hadal_write(hadal, address, bytes, length, flags, &done, error);
	writing->total += done;
	return result;
}

static int write_hex(struct writing *writing, struct hadal_error *error)
{
	uint8_t *bytes;
	size_t length;
	int result;

	if (parse_hex(writing->options->hex, &bytes, &length))
		return hadal_fail(error, ENOMEM, "Out of memory"); /* check() has seen the rest */
	result = write_piece(writing, bytes, length, error);
	free(bytes);
	return result;
}

static int write_stream(struct writing *writing, FILE *in, struct hadal_error *error)
{
	uint8_t *buffer = malloc(PIECE_BYTES);
	int result = 0;

	if (!buffer)
		return hadal_fail(error, ENOMEM, "Out of memory");
	while (!result) {
		size_t length = fread(buffer, 1, PIECE_BYTES, in);

		if (!length)
			break;
		result = write_piece(writing, buffer, length, error);
	}
	free(buffer);
	if (!result && ferror(in))
		result = hadal_fail(error, EIO, "Cannot read what is to be written");
	return result;
}

static int write_input(struct writing *writing, struct hadal_error *error)
{
	const struct options *options = writing->options;
	FILE *in;
	int result;

	if (!options->path || !strcmp(options->path, "-"))
		return write_stream(writing, stdin, error);
	in = fopen(options->path, "rb");
	if (!in)
		return hadal_fail(error, errno, "Cannot read %s: %s", options->path,
				  strerror(errno));
	result = write_stream(writing, in, error);
	fclose(in);
	return result;
}

static int write_all(struct cli_target *target, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct writing writing = {.target = target, .options = options};
	int result =
		cli_address(target, &options->where, options->address, &writing.address, error);

	if (!result)
		result = options->hex ? write_hex(&writing, error) : write_input(&writing, error);
	printf("%" PRIu64 " bytes written\n", writing.total);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	cli_address_space(&options->where, options->address, CLI_SPACE_PHYSICAL);
	return cli_target_run(&options->where, cli_address_is_symbol(options->address), write_all,
			      options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_TEXT('i', "input", "FILE", "Write the bytes of FILE ('-': standard input)",
			path),
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("ADDRESS", CLI_TEXT, address),
						CLI_ARGUMENT_OPTIONAL("HEX", CLI_TEXT, hex),
						{0}};

const struct cli_command command_write = {
	.name = "write",
	.group = CLI_GROUP_MEMORY,
	.summary = "write physical or virtual memory",
	.about = "Write the bytes of HEX, of FILE, or of standard input when neither is given, to "
		 "physical or virtual memory.",
	.more = "ADDRESS is as for 'hadal read'. Page protections are not honoured. When a part "
		"cannot be written, what lies before it is written all the same and the exit "
		"status is 1.",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_WHERE | CLI_TAKES_MMIO,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
