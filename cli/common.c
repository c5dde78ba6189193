// SPDX-License-Identifier: MIT
/* What the commands share: failing, opening the device, and JSON. */
#include "advice.h"
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>

int cli_fail(const struct hadal_error *error)
{
	const char *advice = advice_on(error->kind);

	fflush(stdout);
	fprintf(stderr, "hadal: %s%s%s\n", error->text, advice ? ". " : "", advice ? advice : "");
	return CLI_FAILURE;
}

const char *cli_invalid(const char *name, const char *value, const struct hadal_error *error)
{
	static char text[sizeof(error->text) + 192];

	snprintf(text, sizeof(text), "invalid %s '%.120s': %c%s", name, value,
		 tolower((unsigned char)error->text[0]), error->text + 1);
	return text;
}

struct hadal *cli_open(void)
{
	struct hadal_error error;
	struct hadal *hadal;

	if (!hadal_open(&hadal, &error))
		return hadal;
	cli_fail(&error);
	return NULL;
}

struct hadal *cli_open_running(struct hadal_info *info)
{
	struct hadal *hadal = cli_open();
	struct hadal_error error;

	if (!hadal || !hadal_info(hadal, info, &error))
		return hadal;
	cli_fail(&error);
	hadal_close(hadal);
	return NULL;
}

int cli_leave_cpu(unsigned int cpu, struct hadal_error *error)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return hadal_fail(error, errno, "Cannot tell the CPUs of this program");
	CPU_CLR(cpu, &set);
	if (!CPU_COUNT(&set) || sched_setaffinity(0, sizeof(set), &set))
		return hadal_fail(error, EDEADLK,
				  "Cannot pause CPU %u: there is no other one for this program",
				  cpu);
	return 0;
}

int cli_device_run(cli_device_work work, void *options)
{
	struct hadal *hadal = cli_open();
	struct hadal_error error;
	int result;

	if (!hadal)
		return CLI_FAILURE;
	result = work(hadal, options, &error);
	if (result < 0)
		cli_fail(&error);
	hadal_close(hadal);
	return result < 0 ? CLI_FAILURE : result;
}

void cli_print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

void cli_json_hex(struct json_object *object, const char *name, uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "%#" PRIx64, value);
	json_object_object_add(object, name, json_object_new_string(text));
}
