// SPDX-License-Identifier: MIT
/* hadal start, hadal keep, hadal stop */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>

struct options {
	bool dialect_2018; /* of start, and the next two */
	bool lock;
	uint64_t trial;
	bool unload; /* of stop */
	struct cli_where where;
};

static int report_start(struct hadal *hadal, const struct options *options, bool already)
{
	struct hadal_error error;
	struct hadal_info info;

	if (hadal_info(hadal, &info, &error))
		return cli_fail(&error);
	printf("Hadal %.*s %s under %u CPUs (%s)\n", (int)sizeof(info.version), info.version,
	       already ? "runs already" : "runs", info.cpu_running, hadal_vendor_name(info.vendor));
	if (options->trial && !already)
		printf("It leaves by itself in %" PRIu64
		       " seconds unless you run: sudo hadal keep\n",
		       options->trial);
	return CLI_OK;
}

static int start_run(void *data)
{
	const struct options *options = data;
	struct hadal_error error;
	struct hadal *hadal;
	uint64_t flags = (options->dialect_2018 ? HADAL_START_DIALECT_2018 : 0) |
			 (options->lock ? HADAL_START_LOCK : 0);
	int result;

	if (hadal_module_load(&error))
		return cli_fail(&error);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	result = hadal_start(hadal, flags, options->trial, &error);
	if (result && result != -EALREADY)
		result = cli_fail(&error);
	else
		result = report_start(hadal, options, result == -EALREADY);
	hadal_close(hadal);
	return result;
}

static const struct cli_option start_options[] = {
	CLI_OPTION_FLAG(0, "dialect-2018",
			"Also answer clients that speak as LibVMI's driver did in 2018",
			dialect_2018),
	CLI_OPTION_FLAG(0, "lock",
			"Neither stop nor let a CPU go offline before the machine is reset", lock),
	CLI_OPTION_NUMBER(0, "trial", "SECONDS",
			  "Leave by itself after SECONDS, unless confirmed by 'hadal keep'", trial,
			  1, HADAL_TRIAL_MAX),
	{0},
};

const struct cli_command command_start = {
	.name = "start",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "put Hadal under this running system",
	.about = "Put Hadal under all CPUs of this running system, or under none when one of "
		 "them refuses. Loads the kernel module when it is not loaded.",
	.more = "It is no error when Hadal runs already; options have no effect then.",
	.options = start_options,
	CLI_OPTIONS_AT(where),
	.run = start_run,
};

static int keep(struct hadal *hadal, void *data, struct hadal_error *error)
{
	int result = hadal_keep(hadal, error);

	(void)data;
	if (!result)
		puts("Hadal stays");
	return result;
}

static int keep_run(void *data)
{
	return cli_device_run(keep, data);
}

const struct cli_command command_keep = {
	.name = "keep",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "let Hadal stay after a start on trial",
	.about = "Let Hadal stay after a start with --trial; otherwise it leaves by itself.",
	CLI_OPTIONS_AT(where),
	.run = keep_run,
};

static int stop_run(void *data)
{
	const struct options *options = data;
	struct hadal_error error;
	struct hadal *hadal;
	int result;

	result = hadal_open(&hadal, &error);
	if (!result) {
		result = hadal_stop(hadal, &error);
		hadal_close(hadal);
	}
	if (result == -EACCES || (result && result != -ENODEV && result != -ENOENT))
		return cli_fail(&error);
	puts(result ? "Hadal is not running" : "Hadal has stopped");
	if (options->unload && hadal_module_unload(&error))
		return cli_fail(&error);
	return CLI_OK;
}

static const struct cli_option stop_options[] = {
	CLI_OPTION_FLAG('u', "unload", "Also unload the kernel module; the log goes with it",
			unload),
	{0},
};

const struct cli_command command_stop = {
	.name = "stop",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "take Hadal away again",
	.about = "Take Hadal away from under this system; the system runs on.",
	.more = "It is no error when Hadal does not run. The module may be of another version than "
		"the "
		"command.",
	.options = stop_options,
	CLI_OPTIONS_AT(where),
	.run = stop_run,
};
