// SPDX-License-Identifier: MIT
/* hadal check */
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LOG_BYTES 16384

struct options {
	struct cli_where where;
};

struct findings {
	char kernel[160], processor[160];
	long cpus_online, cpus_possible;
	char log[LOG_BYTES + 1]; /* what the image found, lines */
	int result;              /* of hadal_check() */
	struct hadal_error error;
};

/* The value behind the first "name : " of /proc/cpuinfo, or nothing. */
static void processor_name(char *name, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	name[0] = 0;
	while (file && !name[0] && fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !value)
			continue;
		value[strcspn(value, "\n")] = 0;
		snprintf(name, size, "%s", value + 2);
	}
	if (file)
		fclose(file);
}

static int read_log(struct hadal *hadal, struct findings *found)
{
	uint64_t position = 0;
	size_t done = 0;
	ssize_t bytes;

	do {
		bytes = hadal_log(hadal, &position, found->log + done, LOG_BYTES - done,
				  &found->error);
		if (bytes < 0)
			return bytes;
		done += bytes;
	} while (bytes && done < LOG_BYTES);
	found->log[done] = 0;
	return 0;
}

/* What comes before the text of a line of the log is of no use here: when, and by which CPU. */
static const char *line_text(const char *line)
{
	const char *text = strstr(line, "] ");

	return text ? text + 2 : line;
}

static void print_text(struct findings *found)
{
	char *rest = found->log, *line;

	printf("kernel     %s\n", found->kernel);
	printf("processor  %s\n", found->processor);
	printf("CPUs       %ld online, %ld possible\n", found->cpus_online, found->cpus_possible);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			printf("image      %s\n", line_text(line));
	if (!found->result)
		puts("Hadal can start here");
}

static void print_json(struct findings *found)
{
	struct json_object *object = json_object_new_object();
	struct json_object *lines = json_object_new_array();
	char *rest = found->log, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			json_object_array_add(lines, json_object_new_string(line_text(line)));
	json_object_object_add(object, "can_start", json_object_new_boolean(!found->result));
	if (found->result)
		json_object_object_add(object, "reason", json_object_new_string(found->error.text));
	json_object_object_add(object, "kernel", json_object_new_string(found->kernel));
	json_object_object_add(object, "processor", json_object_new_string(found->processor));
	json_object_object_add(object, "cpus_online", json_object_new_int64(found->cpus_online));
	json_object_object_add(object, "cpus_possible",
			       json_object_new_int64(found->cpus_possible));
	json_object_object_add(object, "image", lines);
	cli_print_json(object);
}

static int run(void *data)
{
	static struct findings found;
	const struct options *options = data;
	struct hadal_error error;
	struct utsname system;
	struct hadal *hadal;

	if (hadal_module_load(&error))
		return cli_fail(&error);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	uname(&system);
	snprintf(found.kernel, sizeof(found.kernel), "%s %s", system.sysname, system.release);
	processor_name(found.processor, sizeof(found.processor));
	found.cpus_online = sysconf(_SC_NPROCESSORS_ONLN);
	found.cpus_possible = sysconf(_SC_NPROCESSORS_CONF);
	found.result = hadal_check(hadal, &found.error);
	/* While Hadal runs the log is that of its start. */
	if (found.result != -EALREADY && read_log(hadal, &found)) {
		hadal_close(hadal);
		return cli_fail(&found.error);
	}
	hadal_close(hadal);
	if (options->where.json)
		print_json(&found);
	else
		print_text(&found);
	return found.result ? cli_fail(&found.error) : CLI_OK;
}

const struct cli_command command_check = {
	.name = "check",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "say whether it could start here",
	.about = "Say whether Hadal could start on this machine, and what its image finds on each "
		 "CPU. "
		 "Nothing is started. Loads the kernel module when it is not loaded.",
	.more = "Exit status 0 when it could, 1 when not; the reason is on standard error. The "
		"output "
		"is meant for reports of bugs too.",
	.takes = CLI_TAKES_JSON,
	CLI_OPTIONS_AT(where),
	.run = run,
};
