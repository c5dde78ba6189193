// SPDX-License-Identifier: MIT
#include "advice.h"
#include "cli.h"
#include "parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static error_t parse_json(int key, char *text, struct argp_state *state)
{
	bool *json = state->input;

	(void)text;
	if (key != CLI_KEY_JSON)
		return ARGP_ERR_UNKNOWN;
	*json = true;
	return 0;
}

const struct argp cli_json_argp = {
	.options =
		(const struct argp_option[]){
			{"json", CLI_KEY_JSON, NULL, 0, "Print JSON", 0},
			{0},
		},
	.parser = parse_json,
};

const struct argp_child cli_json_options[] = {{&cli_json_argp, 0, NULL, 0}, {0}};

int cli_fail(const struct hadal_error *error)
{
	const char *advice = advice_on(error->kind);

	fflush(stdout);
	fprintf(stderr, "hadal: %s%s%s\n", error->text, advice ? ". " : "", advice ? advice : "");
	return CLI_FAILURE;
}

struct hadal *cli_open(void)
{
	struct hadal_error error;
	struct hadal *hadal;

	if (!hadal_open(&hadal, &error))
		return hadal;
	cli_fail(&error);
	return NULL;
}

struct hadal *cli_open_running(struct hadal_info *info)
{
	struct hadal *hadal = cli_open();
	struct hadal_error error;

	if (!hadal || !hadal_info(hadal, info, &error))
		return hadal;
	cli_fail(&error);
	hadal_close(hadal);
	return NULL;
}

void cli_print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

void cli_json_hex(struct json_object *object, const char *name, uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "%#" PRIx64, value);
	json_object_object_add(object, name, json_object_new_string(text));
}

void cli_json_bytes(struct json_object *object, const char *name, const uint8_t *bytes,
		    size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * length + 1);

	if (!text)
		return;
	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	json_object_object_add(object, name, json_object_new_string_len(text, 2 * length));
	free(text);
}

uint64_t cli_argument(struct argp_state *state, const char *name, const char *text)
{
	uint64_t value = 0;

	if (parse_number(text, &value))
		argp_error(state, "%s is a number, decimal or 0x..., and not '%s'", name, text);
	return value;
}

uint64_t cli_length_argument(struct argp_state *state, const char *name, const char *text)
{
	uint64_t value = 0;

	if (parse_length(text, &value))
		argp_error(state,
			   "%s is a number, decimal or 0x..., with k, M, G or T if wanted, "
			   "and not '%s'",
			   name, text);
	return value;
}

uint32_t cli_levels(struct argp_state *state, const char *text)
{
	if (strcmp(text, "4") && strcmp(text, "5"))
		argp_error(state, "LEVELS is 4 or 5, and not '%s'", text);
	return *text == '5' ? HADAL_MEM_LA57 : HADAL_MEM_LA48;
}

static void place_check(struct argp_state *state, const struct cli_place *place)
{
	if (!place->is_virtual && place->flags & (HADAL_MEM_LA48 | HADAL_MEM_LA57))
		argp_error(state, "--levels goes with --virtual");
	if (!place->is_virtual && place->root != HADAL_ROOT_CURRENT)
		argp_error(state, "--root goes with --virtual");
	if (place->is_virtual && place->flags & HADAL_MEM_MMIO)
		argp_error(state, "--mmio goes with a physical address");
}

error_t cli_place_parse(int key, char *text, struct argp_state *state, struct cli_place *place)
{
	switch (key) {
	case ARGP_KEY_INIT:
		place->root = HADAL_ROOT_CURRENT;
		return 0;
	case CLI_KEY_VIRTUAL:
		place->is_virtual = true;
		return 0;
	case CLI_KEY_ROOT:
		place->root = cli_argument(state, "CR3", text);
		return 0;
	case CLI_KEY_LEVELS:
		place->flags |= cli_levels(state, text);
		return 0;
	case CLI_KEY_MMIO:
		place->flags |= HADAL_MEM_MMIO;
		return 0;
	case ARGP_KEY_END:
		place_check(state, place);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}
