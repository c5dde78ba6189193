// SPDX-License-Identifier: MIT
#include "cli.h"

#include <inttypes.h>

static const struct argp argp = {
	.children = cli_json_options,
	.doc = "List the programs that may introspect this system.\v"
	       "MAPPED is how many of a program's pages show other memory now, MAPS how many it "
	       "has "
	       "mapped since it was let in.",
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
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < count; i++) {
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "pid", json_object_new_int(clients[i].pid));
		json_object_object_add(one, "name", json_object_new_string(clients[i].name));
		json_object_object_add(one, "seconds", json_object_new_int64(clients[i].seconds));
		json_object_object_add(one, "mapped",
				       json_object_new_int64(clients[i].state.mapped));
		json_object_object_add(one, "maps", json_object_new_int64(clients[i].state.maps));
		json_object_array_add(list, one);
	}
	cli_print_json(list);
}

int cmd_clients(int argc, char **argv)
{
	static struct hadal_client_info clients[HADAL_MAX_CLIENTS];
	struct hadal_error error;
	struct hadal *hadal;
	bool json = false;
	int count;

	argp_parse(&argp, argc, argv, 0, NULL, &json);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	count = hadal_clients(hadal, clients, HADAL_MAX_CLIENTS, &error);
	hadal_close(hadal);
	if (count < 0)
		return cli_fail(&error);
	if (json)
		print_json(clients, count);
	else
		print_table(clients, count);
	return CLI_OK;
}
