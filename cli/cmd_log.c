// SPDX-License-Identifier: MIT
/* hadal log */
#include "cli.h"

#include <time.h>

static error_t parse(int key, char *text, struct argp_state *state)
{
	bool *follow = state->input;

	(void)text;
	if (key != 'f')
		return ARGP_ERR_UNKNOWN;
	*follow = true;
	return 0;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"follow", 'f', NULL, 0, "Go on printing what is added, until interrupted",
			 0},
			{0},
		},
	.parser = parse,
	.doc = "Print the hypervisor's log, of which the last 16 KiB are kept.\v"
	       "After a stop it prints the log of the last run, until the module is unloaded.",
};

static void wait_for_more(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
}

static int print_log(struct hadal *hadal, bool follow)
{
	struct hadal_error error;
	uint64_t position = 0;
	char text[4096];

	for (;;) {
		uint64_t before = position;
		ssize_t bytes = hadal_log(hadal, &position, text, sizeof(text), &error);

		if (bytes < 0)
			return cli_fail(&error);
		if (position < before) { /* a new run began */
			position = 0;
			continue;
		}
		fwrite(text, 1, bytes, stdout);
		if (bytes > 0)
			continue;
		if (!follow || fflush(stdout))
			return CLI_OK;
		wait_for_more();
	}
}

int cmd_log(int argc, char **argv)
{
	bool follow = false;
	struct hadal *hadal;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &follow);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	result = print_log(hadal, follow);
	hadal_close(hadal);
	return result;
}
