// SPDX-License-Identifier: MIT
/* hadal status */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>

struct options {
	struct cli_where where;
};

static uint64_t ram_bytes(const struct hadal_info *info)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < info->ram_count && i < HADAL_MAX_RAM_RANGES; i++)
		bytes += info->ram[i].end - info->ram[i].start;
	return bytes;
}

static void print_text(const struct hadal_info *info, const struct hadal_state *state)
{
	printf("Hadal %.*s is running (%s, ABI %u)\n", (int)sizeof(info->version), info->version,
	       hadal_vendor_name(info->vendor), info->abi_version);
	printf("  CPUs          %u under Hadal, %u possible\n", info->cpu_running, info->cpu_count);
	printf("  image         %" PRIu64 " KiB\n", info->image_bytes >> 10);
	printf("  memory        %" PRIu64 " KiB, of it %" PRIu64 " free, %" PRIu64 " per CPU\n",
	       info->pool_pages * 4, info->pool_free * 4, info->bytes_per_cpu >> 10);
	printf("  pages mapped  %" PRIu64 "\n", info->mapped_pages);
	printf("  RAM           %" PRIu64 " MiB in %u ranges, addresses of %u bits\n",
	       ram_bytes(info) >> 20, info->ram_count, info->physical_bits);
	if (state->locked)
		puts("  locked        it runs until the machine is reset");
	if (state->trial_seconds)
		printf("  on trial      leaves in %u seconds unless you say: hadal keep\n",
		       state->trial_seconds);
}

static struct json_object *ram_json(const struct hadal_info *info)
{
	struct json_object *ranges = json_object_new_array();

	for (unsigned int i = 0; i < info->ram_count && i < HADAL_MAX_RAM_RANGES; i++) {
		struct json_object *range = json_object_new_object();

		cli_json_hex(range, "start", info->ram[i].start);
		cli_json_hex(range, "end", info->ram[i].end);
		json_object_array_add(ranges, range);
	}
	return ranges;
}

static void add_number(struct json_object *object, const char *name, uint64_t value)
{
	json_object_object_add(object, name, json_object_new_uint64(value));
}

static void print_json(const struct hadal_info *info, const struct hadal_state *state)
{
	struct json_object *object = json_object_new_object();
	char version[sizeof(info->version) + 1];

	snprintf(version, sizeof(version), "%.*s", (int)sizeof(info->version), info->version);
	json_object_object_add(object, "running", json_object_new_boolean(true));
	json_object_object_add(object, "version", json_object_new_string(version));
	json_object_object_add(object, "locked", json_object_new_boolean(state->locked));
	add_number(object, "trial_seconds", state->trial_seconds);
	add_number(object, "abi_version", info->abi_version);
	json_object_object_add(object, "vendor",
			       json_object_new_string(hadal_vendor_name(info->vendor)));
	add_number(object, "cpu_count", info->cpu_count);
	add_number(object, "cpu_running", info->cpu_running);
	add_number(object, "image_bytes", info->image_bytes);
	add_number(object, "pool_pages", info->pool_pages);
	add_number(object, "pool_free", info->pool_free);
	add_number(object, "bytes_per_cpu", info->bytes_per_cpu);
	add_number(object, "mapped_pages", info->mapped_pages);
	add_number(object, "physical_bits", info->physical_bits);
	json_object_object_add(object, "ram", ram_json(info));
	cli_print_json(object);
}

static int run(void *data)
{
	const struct options *options = data;
	struct hadal_error error;
	struct hadal_state state;
	struct hadal_info info;
	struct hadal *hadal;
	int result;

	result = hadal_open(&hadal, &error);
	if (!result) {
		result = hadal_info(hadal, &info, &error);
		if (!result)
			result = hadal_state(hadal, &state, &error);
		hadal_close(hadal);
	}
	if (options->where.json && (result == -ENODEV || result == -ENOENT)) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "running", json_object_new_boolean(false));
		cli_print_json(object);
		return CLI_FAILURE;
	}
	if (result)
		return cli_fail(&error);
	if (options->where.json)
		print_json(&info, &state);
	else
		print_text(&info, &state);
	return CLI_OK;
}

const struct cli_command command_status = {
	.name = "status",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "say whether it runs and what it uses",
	.about = "Say whether Hadal runs, under which CPUs, and what memory it uses.",
	.more = "Exit status 0 when it runs, 1 when not.",
	.takes = CLI_TAKES_JSON,
	CLI_OPTIONS_AT(where),
	.run = run,
};
