// SPDX-License-Identifier: MIT
/* hadal read */
#include "cli.h"
#include "parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES    (1u << 20)
#define JSON_MAX_BYTES (16u << 20)

struct options {
	struct cli_place place;
	uint64_t address;
	uint64_t length;
	bool raw;
	bool json;
	const char *path;
};

static void parse_argument(char *text, struct argp_state *state, struct options *options)
{
	if (state->arg_num == 0)
		options->address = cli_argument(state, "ADDRESS", text);
	else if (state->arg_num == 1)
		options->length = cli_length_argument(state, "LENGTH", text);
	else
		argp_error(state, "too many arguments");
}

static void check(struct argp_state *state, const struct options *options)
{
	if (state->arg_num < 2)
		argp_error(state, "ADDRESS and LENGTH are needed");
	if (options->length && options->address + options->length - 1 < options->address)
		argp_error(state, "the range ends above 64 bits");
	if (options->json && options->raw)
		argp_error(state, "--json goes neither with --raw nor with --output");
	if (options->json && options->length > JSON_MAX_BYTES)
		argp_error(state, "--json is for up to 16M; use --raw or --output");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->json;
		return cli_place_parse(key, text, state, &options->place);
	case 'r':
		options->raw = true;
		return 0;
	case 'o':
		options->path = text;
		options->raw = true;
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(text, state, options);
		return 0;
	case ARGP_KEY_END:
		check(state, options);
		/* fall through */
	default:
		return cli_place_parse(key, text, state, &options->place);
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"raw", 'r', NULL, 0, "Print the bytes themselves instead of a hex dump",
			 0},
			{"output", 'o', "FILE", 0, "Write the bytes themselves to FILE", 0},
			CLI_PLACE_OPTIONS,
			{0},
		},
	.parser = parse,
	.children = cli_json_options,
	.args_doc = "ADDRESS LENGTH",
	.doc = "Read memory through the hypervisor.\v"
	       "LENGTH may end in k, M, G or T. When a part cannot be read, what lies before it is "
	       "printed all the same and the exit status is 1.",
};

static int read_piece(struct hadal *hadal, const struct options *options, uint64_t offset,
		      void *buffer, size_t length, size_t *done, struct hadal_error *error)
{
	const struct cli_place *place = &options->place;
	uint64_t address = options->address + offset;

	if (place->is_virtual)
		return hadal_read_virtual(hadal, place->root, address, buffer, length, place->flags,
					  done, error);
	return hadal_read(hadal, address, buffer, length, place->flags, done, error);
}

/* Reads all, passing on what comes before an error too. */
static int read_to_stream(struct hadal *hadal, const struct options *options, FILE *out)
{
	uint8_t *buffer = malloc(PIECE_BYTES);
	struct hadal_error error;
	uint64_t offset = 0;
	int result = 0;

	if (!buffer)
		result = hadal_fail(&error, ENOMEM, "Out of memory");
	while (!result && offset < options->length && !ferror(out)) {
		uint64_t left = options->length - offset;
		size_t done;

		result = read_piece(hadal, options, offset, buffer,
				    left < PIECE_BYTES ? left : PIECE_BYTES, &done, &error);
		if (options->raw)
			fwrite(buffer, 1, done, out);
		else
			print_hex(out, options->address + offset, buffer, done);
		offset += done;
	}
	free(buffer);
	return result ? cli_fail(&error) : CLI_OK;
}

static int read_to_file(struct hadal *hadal, const struct options *options)
{
	FILE *out = fopen(options->path, "wb");
	struct hadal_error error;
	int result;

	if (!out) {
		hadal_fail(&error, errno, "Cannot write %s: %s", options->path, strerror(errno));
		return cli_fail(&error);
	}
	result = read_to_stream(hadal, options, out);
	if (fflush(out) || ferror(out)) {
		hadal_fail(&error, EIO, "Cannot write %s: %s", options->path, strerror(errno));
		result = cli_fail(&error);
	}
	fclose(out);
	return result;
}

static int read_to_json(struct hadal *hadal, const struct options *options)
{
	struct json_object *object = json_object_new_object();
	uint8_t *buffer = malloc(options->length + 1);
	struct hadal_error error;
	size_t done = 0;
	int result;

	if (buffer)
		result = read_piece(hadal, options, 0, buffer, options->length, &done, &error);
	else
		result = hadal_fail(&error, ENOMEM, "Out of memory");
	cli_json_hex(object, "address", options->address);
	json_object_object_add(object, "length", json_object_new_uint64(done));
	cli_json_bytes(object, "data", buffer, done);
	if (result)
		json_object_object_add(object, "error", json_object_new_string(error.text));
	cli_print_json(object);
	free(buffer);
	return result ? cli_fail(&error) : CLI_OK;
}

int cmd_read(int argc, char **argv)
{
	struct options options = {0};
	struct hadal *hadal;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	if (options.json)
		result = read_to_json(hadal, &options);
	else if (options.path)
		result = read_to_file(hadal, &options);
	else
		result = read_to_stream(hadal, &options, stdout);
	hadal_close(hadal);
	return result;
}
