// SPDX-License-Identifier: MIT
/* hadal clients */
#include "cli.h"

#include <inttypes.h>

struct options {
	struct cli_where where;
};

static void print_table(const struct hadal_client_info *clients, int count)
{
	printf("%7s  %-15s  %10s  %8s  %10s\n", "PID", "NAME", "SECONDS", "MAPPED", "MAPS");
	for (int i = 0; i < count; i++)
		printf("%7d  %-15.15s  %10" PRIu64 "  %8" PRIu64 "  %10" PRIu64 "\n",
		       clients[i].pid, clients[i].name, clients[i].seconds, clients[i].state.mapped,
		       clients[i].state.maps);
}

static void print_json(const struct hadal_client_info *clients, int count)
{
	for (int i = 0; i < count; i++) {
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "pid", json_object_new_int(clients[i].pid));
		json_object_object_add(one, "name", json_object_new_string(clients[i].name));
		json_object_object_add(one, "seconds", json_object_new_int64(clients[i].seconds));
		json_object_object_add(one, "mapped",
				       json_object_new_int64(clients[i].state.mapped));
		json_object_object_add(one, "maps", json_object_new_int64(clients[i].state.maps));
		cli_print_json(one);
	}
}

static int run(void *data)
{
	const struct options *options = data;
	static struct hadal_client_info clients[HADAL_MAX_CLIENTS];
	struct hadal_error error;
	struct hadal *hadal;
	int count;

	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	count = hadal_clients(hadal, clients, HADAL_MAX_CLIENTS, &error);
	hadal_close(hadal);
	if (count < 0)
		return cli_fail(&error);
	if (options->where.json)
		print_json(clients, count);
	else
		print_table(clients, count);
	return CLI_OK;
}

const struct cli_command command_clients = {
	.name = "clients",
	.group = CLI_GROUP_CLIENTS,
	.summary = "list the programs that may introspect",
	.about = "List the programs that may introspect this system.",
	.more = "MAPPED is how many of a program's pages show other memory now, MAPS how "
		"many it has mapped since it was let in.",
	.takes = CLI_TAKES_JSON,
	CLI_OPTIONS_AT(where),
	.run = run,
};
