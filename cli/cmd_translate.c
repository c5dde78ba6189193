// SPDX-License-Identifier: MIT
/* hadal translate */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>

struct options {
	uint64_t address;
	uint64_t root;
	uint32_t flags;
	bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->json;
		return 0;
	case CLI_KEY_ROOT:
		options->root = cli_argument(state, "CR3", text);
		return 0;
	case CLI_KEY_LEVELS:
		options->flags = cli_levels(state, text);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			argp_error(state, "too many arguments");
		options->address = cli_argument(state, "ADDRESS", text);
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 1)
			argp_error(state, "ADDRESS is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"root", CLI_KEY_ROOT, "CR3", 0,
			 "Page tables to walk, a value of CR3 (default: this process's own)", 0},
			{"levels", CLI_KEY_LEVELS, "LEVELS", 0,
			 "Levels of these page tables, 4 or 5 (default: as this system's)", 0},
			{0},
		},
	.parser = parse,
	.children = cli_json_options,
	.args_doc = "ADDRESS",
	.doc = "Translate a virtual address, showing every page-table entry on the way with the "
	       "rights it gives: r read, w write, x execute, u from user mode.\v"
	       "Exit status 1 when the address does not translate.",
};

static const char *rights_text(uint32_t rights, char text[5])
{
	text[0] = rights & HADAL_STEP_READ ? 'r' : '-';
	text[1] = rights & HADAL_STEP_WRITE ? 'w' : '-';
	text[2] = rights & HADAL_STEP_EXECUTE ? 'x' : '-';
	text[3] = rights & HADAL_STEP_USER ? 'u' : '-';
	text[4] = 0;
	return text;
}

static const char *size_text(uint64_t bytes)
{
	switch (bytes) {
	case 4096:
		return "4 KiB";
	case 2ull << 20:
		return "2 MiB";
	case 1ull << 30:
		return "1 GiB";
	default:
		return "?";
	}
}

static const char *reason(int result)
{
	switch (result) {
	case -EFAULT:
		return "it is not mapped";
	case -EINVAL:
		return "it is not canonical, or an entry has reserved bits set";
	case -ENXIO:
		return "a page table does not lie in RAM";
	default:
		return "unexpected result";
	}
}

static unsigned int step_count(const struct hadal_translation *out)
{
	return out->step_count < 5 ? out->step_count : 5;
}

static void print_text(uint64_t address, const struct hadal_translation *out)
{
	char rights[5];

	printf("level  entry at          entry             rights\n");
	for (unsigned int i = 0; i < step_count(out); i++)
		printf("%-5u  %016" PRIx64 "  %016" PRIx64 "  %s\n", out->step[i].level,
		       out->step[i].entry_address, out->step[i].entry,
		       rights_text(out->step[i].rights, rights));
	if (!out->result)
		printf("%#" PRIx64 " is at physical %#" PRIx64 " (page of %s, %s)\n", address,
		       out->physical, size_text(out->page_bytes), rights_text(out->rights, rights));
}

static void print_json(uint64_t address, const struct hadal_translation *out)
{
	struct json_object *object = json_object_new_object();
	struct json_object *steps = json_object_new_array();
	char rights[5];

	for (unsigned int i = 0; i < step_count(out); i++) {
		struct json_object *step = json_object_new_object();

		json_object_object_add(step, "level", json_object_new_int64(out->step[i].level));
		cli_json_hex(step, "entry_address", out->step[i].entry_address);
		cli_json_hex(step, "entry", out->step[i].entry);
		json_object_object_add(
			step, "rights",
			json_object_new_string(rights_text(out->step[i].rights, rights)));
		json_object_array_add(steps, step);
	}
	cli_json_hex(object, "address", address);
	json_object_object_add(object, "translated", json_object_new_boolean(!out->result));
	if (!out->result) {
		cli_json_hex(object, "physical", out->physical);
		json_object_object_add(object, "page_bytes",
				       json_object_new_uint64(out->page_bytes));
		json_object_object_add(object, "rights",
				       json_object_new_string(rights_text(out->rights, rights)));
	}
	json_object_object_add(object, "levels", json_object_new_int64(out->levels));
	json_object_object_add(object, "steps", steps);
	cli_print_json(object);
}

int cmd_translate(int argc, char **argv)
{
	struct options options = {.root = HADAL_ROOT_CURRENT};
	struct hadal_translation out;
	struct hadal_error error;
	struct hadal *hadal;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	result = hadal_translate(hadal, options.root, options.address, options.flags, &out, &error);
	hadal_close(hadal);
	if (result)
		return cli_fail(&error);
	if (options.json)
		print_json(options.address, &out);
	else
		print_text(options.address, &out);
	if (!out.result)
		return CLI_OK;
	hadal_fail(&error, -out.result, "%#" PRIx64 " does not translate: %s", options.address,
		   reason(out.result));
	return cli_fail(&error);
}
