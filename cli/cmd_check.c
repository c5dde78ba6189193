// SPDX-License-Identifier: MIT
/* hadal check */
#include "cli.h"
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LOG_BYTES 16384

struct options {
	struct cli_where where;
};

struct findings {
	char kernel[160], processor[160];
	uint64_t cpus_online, cpus_possible;
	bool can_start;
	const char *reason;      /* NULL: it can */
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
static const char *line_text(const char *line, size_t len)
{
	const char *text = memmem(line, len, "] ", 2);

	return text ? text + 2 : line;
}

/* The next line of the log that has text, from *at on; NULL: there is none. */
static const char *next_line(const char **at, int *len)
{
	const char *text;

	while (**at == '\n')
		++*at;
	if (!**at)
		return NULL;
	*len = strcspn(*at, "\n");
	text = line_text(*at, *len);
	*at += *len;
	*len = *at - text;
	return text;
}

static void print_text(const void *record, void *ctx)
{
	const struct findings *found = record;
	const char *at = found->log, *line;
	int len;

	(void)ctx;
	printf("kernel     %s\n", found->kernel);
	printf("processor  %s\n", found->processor);
	printf("CPUs       %" PRIu64 " online, %" PRIu64 " possible\n", found->cpus_online,
	       found->cpus_possible);
	while ((line = next_line(&at, &len)))
		printf("image      %.*s\n", len, line);
	if (found->can_start)
		puts("Hadal can start here");
}

static struct json_object *json_image(const void *record, void *ctx)
{
	struct json_object *lines = json_object_new_array();
	const char *at = ((const struct findings *)record)->log, *line;
	int len;

	(void)ctx;
	while ((line = next_line(&at, &len)))
		json_object_array_add(lines, json_object_new_string_len(line, len));
	return lines;
}

#define AT(member) offsetof(struct findings, member), NULL, NULL

static const struct cli_column columns[] = {
	{"can_start", NULL, 3, CLI_COLUMN_BOOL, AT(can_start), "it could start here"},
	{"reason", NULL, 0, CLI_COLUMN_STRING, AT(reason), "why it could not"},
	{"kernel", NULL, 0, CLI_COLUMN_TEXT, AT(kernel), "system and release, as of uname"},
	{"processor", NULL, 0, CLI_COLUMN_TEXT, AT(processor), "as in /proc/cpuinfo"},
	{"cpus_online", NULL, 5, CLI_COLUMN_U64, AT(cpus_online), "CPUs online"},
	{"cpus_possible", NULL, 5, CLI_COLUMN_U64, AT(cpus_possible), "CPUs that there may be"},
	{"image", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_image,
	 "array of strings: what the image found, as it logs it"},
	{0},
};

static const struct cli_record_kind kind = {
	.name = "judgement", .columns = columns, .print = print_text};

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
	found.can_start = !found.result;
	found.reason = found.result ? found.error.text : NULL;
	cli_print_one(&kind, &options->where, &found, NULL);
	return found.result ? cli_fail(&found.error) : CLI_OK;
}

const struct cli_command command_check = {
	.name = "check",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "say whether Hadal could start here",
	.about = "Say whether Hadal could start on this machine, and what the hypervisor's image "
		 "finds on each CPU. Nothing is started. Loads the kernel module when it is not "
		 "loaded.",
	.more = "The exit status is 0 when it could, 1 when not; the reason is on standard error. "
		"The output belongs in reports of bugs.",
	.records = &kind,
	.takes = CLI_TAKES_JSON,
	CLI_OPTIONS_AT(where),
	.run = run,
};
