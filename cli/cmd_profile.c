// SPDX-License-Identifier: MIT
/* hadal profile */
#include "kernel.h"
#include "profile/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind { ISF, SYSTEM_MAP, LIBVMI };

struct options {
	struct cli_where where;
	const char *path;
	int kind;             /* enum kind */
	bool modules;         /* ISF */
	const char *domain;   /* LIBVMI; NULL: none was named */
	const char *map_path; /* LIBVMI; NULL: none */
};

static const char *set_domain(void *data, const char *text)
{
	struct options *options = data;

	options->kind = LIBVMI;
	options->domain = text;
	return !text || hadal_libvmi_domain_fits(text)
		       ? NULL
		       : "two or more letters, digits, '.', '_' or '-'";
}

/* What LibVMI looks a file up by. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *set_map_path(void *data, const char *text)
{
	struct options *options = data;

	options->map_path = text;
	return hadal_libvmi_path_fits(text) ? NULL : "a path that LibVMI can read, without quotes";
}

static const char *check(void *data)
{
	struct options *options = data;

	if (options->kind == LIBVMI && !options->domain && options->where.image) {
		options->domain = base_name(options->where.image);
		if (!hadal_libvmi_domain_fits(options->domain))
			return "LibVMI cannot read an entry for the name of that image: name "
			       "another with --libvmi=DOMAIN, and call the image like that";
	}
	if (options->modules && options->kind != ISF)
		return "--modules needs the ISF: leave out --system-map and --libvmi";
	return options->map_path && options->kind != LIBVMI ? "--sysmap needs --libvmi" : NULL;
}

static int write_profile(const struct options *options, struct hadal_kernel *kernel, FILE *out,
			 struct hadal_error *error)
{
	switch (options->kind) {
	case SYSTEM_MAP:
		return hadal_profile_system_map(kernel, out, error);
	case LIBVMI:
		return hadal_profile_libvmi(kernel, options->domain, options->map_path, out, error);
	default:
		return hadal_profile_isf(kernel, options->modules, out, error);
	}
}

static int write_file(struct hadal_kernel *kernel, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	FILE *out = options->path ? fopen(options->path, "w") : stdout;
	int result;

	if (!out)
		return hadal_fail(error, errno, "Cannot write %s: %s", options->path,
				  strerror(errno));
	result = write_profile(options, kernel, out, error);
	if (!result && (fflush(out) || ferror(out)))
		result = hadal_fail(error, EIO, "Cannot write %s: %s",
				    options->path ? options->path : "to standard output",
				    strerror(errno));
	if (out != stdout)
		fclose(out);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, write_file, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_TEXT('o', "output", "FILE", "Write to FILE instead of standard output", path),
	CLI_OPTION_FLAG(
		0, "modules",
		"Write the types and symbols of the loaded modules too; the profile then fits "
		"this boot only",
		modules),
	CLI_OPTION_CHOICE(0, "system-map", "Write the symbols as in a System.map", kind,
			  SYSTEM_MAP),
	CLI_OPTION_SET_MAYBE(
		0, "libvmi", "DOMAIN",
		"Write an entry of libvmi.conf for DOMAIN (default: dom0, this system, "
		"and memory.raw of a mount; with --image the image's base name)",
		set_domain),
	CLI_OPTION_SET(0, "sysmap", "PATH",
		       "With --libvmi: name PATH as the place of the System.map", set_map_path),
	{0},
};

const struct cli_command command_profile = {
	.name = "profile",
	.group = CLI_GROUP_EVIDENCE,
	.summary = "write symbols and types for volatility3 and LibVMI",
	.about = "Write what other tools need to know of the kernel, found in its memory alone: "
		 "symbols and types as volatility3 reads them (ISF), unless an option says "
		 "otherwise.",
	.more = "Types come from the kernel's BTF, symbols from its kallsyms. Addresses in "
		"ISF and System.map are those that the kernel was linked at.",
	.options = options_table,
	.takes = CLI_TAKES_IMAGE,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
