// SPDX-License-Identifier: MIT
/* hadal write */
#include "cli.h"
#include "parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (1u << 20)

struct options {
	struct cli_place place;
	uint64_t address;
	uint8_t *bytes; /* given on the command line, or NULL */
	size_t length;
	const char *path;
};

static void parse_argument(char *text, struct argp_state *state, struct options *options)
{
	if (state->arg_num == 0)
		options->address = cli_argument(state, "ADDRESS", text);
	else if (state->arg_num > 1)
		argp_error(state, "too many arguments");
	else if (parse_hex(text, &options->bytes, &options->length))
		argp_error(state, "HEX is pairs of hexadecimal digits, and not '%s'", text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'i':
		options->path = text;
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(text, state, options);
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 1)
			argp_error(state, "ADDRESS is needed");
		if (options->bytes && options->path)
			argp_error(state, "give either HEX or --input");
		/* fall through */
	default:
		return cli_place_parse(key, text, state, &options->place);
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"input", 'i', "FILE", 0,
			 "Write the bytes of FILE ('-': of standard input)", 0},
			CLI_PLACE_OPTIONS,
			{0},
		},
	.parser = parse,
	.args_doc = "ADDRESS [HEX]",
	.doc = "Write memory through the hypervisor: the bytes of HEX, or of standard input when "
	       "it "
	       "is not given.\v"
	       "Page protections are not honoured. What lies before a part that cannot be written "
	       "is "
	       "written all the same; the exit status is 1 then.",
};

static int write_piece(struct hadal *hadal, const struct options *options, uint64_t offset,
		       const uint8_t *bytes, size_t length, uint64_t *total,
		       struct hadal_error *error)
{
	const struct cli_place *place = &options->place;
	uint64_t address = options->address + offset;
	size_t done = 0;
	int result;

	if (place->is_virtual)
		result = hadal_write_virtual(hadal, place->root, address, bytes, length,
					     place->flags, &done, error);
	else
		result = hadal_write(hadal, address, bytes, length, place->flags, &done, error);
	*total += done;
	return result;
}

static int write_stream(struct hadal *hadal, const struct options *options, FILE *in,
			uint64_t *total, struct hadal_error *error)
{
	uint8_t *buffer = malloc(PIECE_BYTES);
	int result = 0;

	if (!buffer)
		return hadal_fail(error, ENOMEM, "Out of memory");
	while (!result) {
		size_t length = fread(buffer, 1, PIECE_BYTES, in);

		if (!length)
			break;
		result = write_piece(hadal, options, *total, buffer, length, total, error);
	}
	free(buffer);
	if (!result && ferror(in))
		result = hadal_fail(error, EIO, "Cannot read the input");
	return result;
}

static int write_input(struct hadal *hadal, const struct options *options, uint64_t *total,
		       struct hadal_error *error)
{
	FILE *in;
	int result;

	if (!options->path || !strcmp(options->path, "-"))
		return write_stream(hadal, options, stdin, total, error);
	in = fopen(options->path, "rb");
	if (!in)
		return hadal_fail(error, errno, "Cannot read %s: %s", options->path,
				  strerror(errno));
	result = write_stream(hadal, options, in, total, error);
	fclose(in);
	return result;
}

int cmd_write(int argc, char **argv)
{
	struct options options = {0};
	struct hadal_error error;
	struct hadal *hadal;
	uint64_t total = 0;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	if (options.bytes)
		result = write_piece(hadal, &options, 0, options.bytes, options.length, &total,
				     &error);
	else
		result = write_input(hadal, &options, &total, &error);
	hadal_close(hadal);
	free(options.bytes);
	printf("%" PRIu64 " bytes written\n", total);
	return result ? cli_fail(&error) : CLI_OK;
}
