// SPDX-License-Identifier: MIT
/* hadal log */
#include "cli.h"

#include <time.h>

struct options {
	bool follow;
	struct cli_where where;
};

static void wait_for_more(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
}

static int print_log(struct hadal *hadal, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	uint64_t position = 0;
	char text[4096];

	for (;;) {
		uint64_t before = position;
		ssize_t bytes = hadal_log(hadal, &position, text, sizeof(text), error);

		if (bytes < 0)
			return bytes;
		if (position < before) { /* a new run began */
			position = 0;
			continue;
		}
		fwrite(text, 1, bytes, stdout);
		if (bytes > 0)
			continue;
		if (!options->follow || fflush(stdout))
			return 0;
		wait_for_more();
	}
}

static int run(void *data)
{
	return cli_device_run(print_log, data);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('f', "follow", "Go on printing what is added, until Ctrl-C", follow),
	{0},
};

const struct cli_command command_log = {
	.name = "log",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "print the hypervisor's log",
	.about = "Print the hypervisor's log, of which the last 16 KiB are kept.",
	.more = "After a stop it prints the log of the last run, until the module is "
		"unloaded.",
	.options = options_table,
	CLI_OPTIONS_AT(where),
	.run = run,
};
