// SPDX-License-Identifier: MIT
/* hadal kvmi */
#include "cli.h"
#include "kvmi_serve.h"
#include "standin/standin.h"

struct options {
	const char *socket, *name;
	uint64_t deadline;
	struct cli_where where;
};

static int serve(struct hadal *hadal, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	const struct kvmi_options kvmi = {.hold_ms = (unsigned int)options->deadline};

	return kvmi_serve_at(hadal, options->socket, options->name, false, &kvmi, error);
}

static int run(void *data)
{
	return cli_device_run(serve, data);
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->name = STANDIN_NAME;
	options->deadline = KVMI_HOLD_MS;
}

static const char *check(void *data)
{
	const struct options *options = data;

	if (!options->socket)
		return "--socket is needed";
	if (!*options->name)
		return "invalid NAME '': expected at least one character";
	return NULL;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_TEXT('s', "socket", "PATH", "The Unix socket where the introspector listens",
			socket),
	CLI_OPTION_TEXT('n', "name", "NAME", "Call this machine NAME (default: host)", name),
	CLI_OPTION_NUMBER('d', "deadline", "MS",
			  "Hold a CPU for at most MS milliseconds for the answer to an event "
			  "(default: 200)",
			  deadline, 1, KVMI_HOLD_MS_MAX),
	{0},
};

const struct cli_command command_kvmi = {
	.name = "kvmi",
	.group = CLI_GROUP_CLIENTS,
	.summary = "serve an introspector that speaks KVMI, as libkvmi does",
	.about = "Connect to an introspector that listens on a Unix socket and serve it this "
		 "machine by the KVMI protocol, as libkvmi speaks it, until it hangs up.",
	.more = "The socket and who listens there must be root's. The introspector can read and "
		"write memory, read registers, pause CPUs, each for at most a second, and set the "
		"registers of a paused one. It can ask for events, whose CPU waits for the answer "
		"until the deadline; what has missed three in a row no longer waits. The CPU that "
		"this command runs on is reported but goes on, so the introspector should run on "
		"that one too.\n"
		"\n"
		"Example: sudo taskset -c 0 hadal kvmi --socket /run/introspector",
	.options = options_table,
	.takes = 0,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
