// SPDX-License-Identifier: MIT
/* hadal clients */
#include "cli.h"
#include "record.h"

struct options {
	struct cli_where where;
};

#define AT(member) offsetof(struct hadal_client_info, member), NULL, NULL

static const struct cli_column columns[] = {
	{"pid", "PID", 7, CLI_COLUMN_I32, AT(pid), "number of the process"},
	{"name", "NAME", -15, CLI_COLUMN_TEXT, AT(name), "its name"},
	{"seconds", "SECONDS", 10, CLI_COLUMN_U64, AT(seconds), "since it was let in"},
	{"mapped", "MAPPED", 8, CLI_COLUMN_U64, AT(state.mapped),
	 "pages of it that show other memory now"},
	{"maps", "MAPS", 10, CLI_COLUMN_U64, AT(state.maps), "pages it has mapped until now"},
	{0},
};

static const struct cli_record_kind kind = {.name = "client", .columns = columns};

static int list_clients(struct hadal *hadal, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	static struct hadal_client_info clients[HADAL_MAX_CLIENTS];
	struct cli_printer printer;
	int count = hadal_clients(hadal, clients, HADAL_MAX_CLIENTS, error);

	if (count < 0)
		return count;
	cli_printer_begin(&printer, &kind, &options->where, NULL, NULL);
	for (int i = 0; i < count; i++)
		cli_printer_print(&printer, &clients[i]);
	return 0;
}

static int run(void *data)
{
	return cli_device_run(list_clients, data);
}

const struct cli_command command_clients = {
	.name = "clients",
	.group = CLI_GROUP_CLIENTS,
	.summary = "list the programs that may introspect",
	.about = "List the programs that may introspect this system.",
	.more = "MAPPED is how many of a program's pages show other memory now, MAPS how "
		"many it has mapped since it was let in.",
	.records = &kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS,
	CLI_OPTIONS_AT(where),
	.run = run,
};
