// SPDX-License-Identifier: MIT
/* hadal profile */
#include "kernel.h"
#include "profile/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_SYSTEM_MAP = CLI_KEY_COMMAND,
	KEY_LIBVMI,
	KEY_MAP_PATH,
};

enum kind { ISF, SYSTEM_MAP, LIBVMI };

struct options {
	const char *image;
	const char *path;
	enum kind kind;
	const char *domain;   /* LIBVMI */
	const char *map_path; /* LIBVMI; NULL: none */
};

static void set_domain(struct argp_state *state, struct options *options, const char *text)
{
	options->kind = LIBVMI;
	options->domain = text ? text : HADAL_LIBVMI_DOMAIN;
	if (!hadal_libvmi_domain_fits(options->domain))
		argp_error(state,
			   "DOMAIN is two or more letters, digits, '.', '_' or '-', and not '%s'",
			   text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->image;
		return 0;
	case 'o':
		options->path = text;
		return 0;
	case KEY_SYSTEM_MAP:
		options->kind = SYSTEM_MAP;
		return 0;
	case KEY_LIBVMI:
		set_domain(state, options, text);
		return 0;
	case KEY_MAP_PATH:
		if (!hadal_libvmi_path_fits(text))
			argp_error(state, "LibVMI cannot read the path '%s'", text);
		options->map_path = text;
		return 0;
	case ARGP_KEY_END:
		if (options->map_path && options->kind != LIBVMI)
			argp_error(state, "--sysmap goes with --libvmi");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"output", 'o', "FILE", 0, "Write to FILE instead of standard output", 0},
			{"system-map", KEY_SYSTEM_MAP, NULL, 0, "Symbols as in a System.map", 0},
			{"libvmi", KEY_LIBVMI, "DOMAIN", OPTION_ARG_OPTIONAL,
			 "An entry of libvmi.conf for DOMAIN (default: hadal)", 0},
			{"sysmap", KEY_MAP_PATH, "PATH", 0,
			 "With --libvmi: where the System.map will be", 0},
			{0},
		},
	.parser = parse,
	.children = cli_image_options,
	.doc = "Write what other tools want to know of the kernel, found in its memory alone: "
	       "symbols and types as volatility3 reads them (ISF), unless told otherwise.\v"
	       "Types come from the kernel's BTF, symbols from its kallsyms. Addresses in ISF and "
	       "System.map are those the kernel was linked at.",
};

static int write_profile(const struct options *options, struct hadal_kernel *kernel, FILE *out,
			 struct hadal_error *error)
{
	switch (options->kind) {
	case SYSTEM_MAP:
		return hadal_profile_system_map(kernel, out, error);
	case LIBVMI:
		return hadal_profile_libvmi(kernel, options->domain, options->map_path, out, error);
	default:
		return hadal_profile_isf(kernel, out, error);
	}
}

static int write_file(const struct options *options, struct hadal_kernel *kernel)
{
	FILE *out = options->path ? fopen(options->path, "w") : stdout;
	struct hadal_error error;
	int result;

	if (!out) {
		hadal_fail(&error, errno, "Cannot write %s: %s", options->path, strerror(errno));
		return cli_fail(&error);
	}
	result = write_profile(options, kernel, out, &error);
	if (!result && (fflush(out) || ferror(out)))
		result = hadal_fail(&error, EIO, "Cannot write %s: %s",
				    options->path ? options->path : "to standard output",
				    strerror(errno));
	if (out != stdout)
		fclose(out);
	return result ? cli_fail(&error) : CLI_OK;
}

int cmd_profile(int argc, char **argv)
{
	struct options options = {.kind = ISF};
	struct cli_kernel source;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!cli_kernel_open(&source, options.image))
		return CLI_FAILURE;
	result = write_file(&options, source.kernel);
	cli_kernel_close(&source);
	return result;
}
