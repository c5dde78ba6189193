// SPDX-License-Identifier: MIT
/* hadal start, hadal stop */
#include "cli.h"

#include <errno.h>

enum { KEY_DIALECT_2018 = CLI_KEY_COMMAND };

static error_t start_parse(int key, char *text, struct argp_state *state)
{
	uint64_t *flags = state->input;

	(void)text;
	if (key != KEY_DIALECT_2018)
		return ARGP_ERR_UNKNOWN;
	*flags |= HADAL_START_DIALECT_2018;
	return 0;
}

static const struct argp start_argp = {
	.options =
		(const struct argp_option[]){
			{"dialect-2018", KEY_DIALECT_2018, NULL, 0,
			 "Also answer clients that speak as LibVMI's driver did in 2018", 0},
			{0},
		},
	.parser = start_parse,
	.doc = "Put Hadal under all CPUs of this running system, or under none when one of them "
	       "refuses. Loads the kernel module when it is not loaded.\v"
	       "It is no error when Hadal runs already; options have no effect then.",
};

static int report_start(struct hadal *hadal, bool already)
{
	struct hadal_error error;
	struct hadal_info info;

	if (hadal_info(hadal, &info, &error))
		return cli_fail(&error);
	printf("Hadal %.*s %s under %u CPUs (%s)\n", (int)sizeof(info.version), info.version,
	       already ? "runs already" : "runs", info.cpu_running, hadal_vendor_name(info.vendor));
	return CLI_OK;
}

int cmd_start(int argc, char **argv)
{
	struct hadal_error error;
	struct hadal *hadal;
	uint64_t flags = 0;
	int result;

	argp_parse(&start_argp, argc, argv, 0, NULL, &flags);
	if (hadal_module_load(&error))
		return cli_fail(&error);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	result = hadal_start(hadal, flags, &error);
	if (result && result != -EALREADY)
		result = cli_fail(&error);
	else
		result = report_start(hadal, result == -EALREADY);
	hadal_close(hadal);
	return result;
}

static error_t stop_parse(int key, char *text, struct argp_state *state)
{
	bool *unload = state->input;

	(void)text;
	if (key != 'u')
		return ARGP_ERR_UNKNOWN;
	*unload = true;
	return 0;
}

static const struct argp stop_argp = {
	.options =
		(const struct argp_option[]){
			{"unload", 'u', NULL, 0,
			 "Also unload the kernel module; the log goes with it", 0},
			{0},
		},
	.parser = stop_parse,
	.doc = "Take Hadal away from under this system, which runs on.\v"
	       "It is no error when Hadal does not run.",
};

int cmd_stop(int argc, char **argv)
{
	struct hadal_error error;
	struct hadal *hadal;
	bool unload = false;
	int result;

	argp_parse(&stop_argp, argc, argv, 0, NULL, &unload);
	result = hadal_open(&hadal, &error);
	if (!result) {
		result = hadal_stop(hadal, &error);
		hadal_close(hadal);
	}
	if (result == -EACCES || (result && result != -ENODEV && result != -ENOENT))
		return cli_fail(&error);
	puts(result ? "Hadal is not running" : "Hadal has stopped");
	if (unload && hadal_module_unload(&error))
		return cli_fail(&error);
	return CLI_OK;
}
