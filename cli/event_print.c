// SPDX-License-Identifier: MIT
/* What is printed of every event: when, who did it, and where. */
#include "event_print.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include <x86intrin.h>

#include "event_words.h"
#include "text.h"

bool event_make_time(const void *record, void *ctx, char *text, size_t size)
{
	const struct event_row *row = record;

	(void)ctx;
	snprintf(text, size, "%.6f", row->seconds);
	return true;
}

struct json_object *event_json_time(const void *record, void *ctx)
{
	const struct event_row *row = record;

	(void)ctx;
	return json_object_new_int64(row->seconds * 1e9);
}

struct json_object *event_json_cpu(const void *record, void *ctx)
{
	const struct event_row *row = record;

	(void)ctx;
	return json_object_new_int64(row->event->cpu);
}

bool event_make_cpu(const void *record, void *ctx, char *text, size_t size)
{
	const struct event_row *row = record;

	(void)ctx;
	snprintf(text, size, "%u", row->event->cpu);
	return true;
}

#define MAKE_TASK(column, member)                                                        \
	bool event_make_##column(const void *record, void *ctx, char *text, size_t size) \
	{                                                                                \
		const struct event_row *row = record;                                    \
                                                                                         \
		(void)ctx;                                                               \
		if (row->task)                                                           \
			snprintf(text, size, "%" PRId32, row->task->member);             \
		return row->task;                                                        \
	}                                                                                \
                                                                                         \
	struct json_object *event_json_##column(const void *record, void *ctx)           \
	{                                                                                \
		const struct event_row *row = record;                                    \
                                                                                         \
		(void)ctx;                                                               \
		return row->task ? json_object_new_int64(row->task->member) : NULL;      \
	}

MAKE_TASK(pid, tgid)
MAKE_TASK(tid, pid)

bool event_make_name(const void *record, void *ctx, char *text, size_t size)
{
	const struct event_row *row = record;

	(void)ctx;
	if (row->task)
		snprintf(text, size, "%s", row->task->comm);
	return row->task;
}

void event_place(struct event_printer *printer, uint64_t address, char *text, size_t size)
{
	char name[HADAL_SYMBOL_NAME_MAX + 64];

	if (address >> 63 && hadal_symbolize(printer->symbolizer, address, name, sizeof(name)))
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "%#" PRIx64, address);
}

bool event_make_place(const void *record, void *ctx, char *text, size_t size)
{
	const struct event_row *row = record;

	(void)ctx;
	event_place(row->printer, row->event->rip, text, size);
	return true;
}

static bool make_what(const void *record, void *ctx, char *text, size_t size)
{
	const struct event_row *row = record;

	(void)ctx;
	event_words(row->event, text, size);
	return true;
}

static bool make_kind(const void *record, void *ctx, char *text, size_t size)
{
	const struct event_row *row = record;

	(void)ctx;
	snprintf(text, size, "%s", event_kind_name(row->event->kind));
	return true;
}

bool event_make_access(const void *record, void *ctx, char *text, size_t size)
{
	const struct event_row *row = record;
	uint8_t access = row->event->access;

	(void)ctx;
	snprintf(text, size, "%s%s%s", access & HADAL_ACCESS_READ ? "r" : "",
		 access & HADAL_ACCESS_WRITE ? "w" : "", access & HADAL_ACCESS_EXECUTE ? "x" : "");
	return true;
}

/* A member of the record as "0x...". */
#define MAKE_HEX(name, member)                                                   \
	bool name(const void *record, void *ctx, char *text, size_t size)        \
	{                                                                        \
		const struct event_row *row = record;                            \
                                                                                 \
		(void)ctx;                                                       \
		snprintf(text, size, "%#" PRIx64, (uint64_t)row->event->member); \
		return true;                                                     \
	}

static MAKE_HEX(make_number, number) static MAKE_HEX(make_address, address) static MAKE_HEX(
	make_physical, physical) static MAKE_HEX(make_old_value,
						 old_value) static MAKE_HEX(make_new_value,
									    new_value)
	MAKE_HEX(event_make_rip, rip) MAKE_HEX(event_make_cr3, cr3)

		static const
	struct cli_column columns[] = {
		EVENT_COLUMNS_WHO,
		{"kind", NULL, -10, CLI_COLUMN_MADE, 0, make_kind, NULL,
		 "`msr`, `cr`, `cpuid`, `io`, `descriptor`, `exception`, `request`, or `notice`"},
		{"access", NULL, -3, CLI_COLUMN_MADE, 0, event_make_access, NULL,
		 "`r`, `w` or `x`"},
		{"number", NULL, 10, CLI_COLUMN_MADE, 0, make_number, NULL,
		 "`0x...`: MSR, register, leaf, port or vector"},
		{"address", NULL, 18, CLI_COLUMN_MADE, 0, make_address, NULL,
		 "`0x...`: of a page fault"},
		{"detail", NULL, 18, CLI_COLUMN_MADE, 0, make_physical, NULL,
		 "`0x...`: subleaf, bytes or error code"},
		{"old", NULL, 18, CLI_COLUMN_MADE, 0, make_old_value, NULL,
		 "`0x...`: the value before"},
		{"new", NULL, 18, CLI_COLUMN_MADE, 0, make_new_value, NULL,
		 "`0x...`: the value read or written"},
		EVENT_COLUMNS_WHERE,
		{"what", "WHAT", 0, CLI_COLUMN_MADE, 0, make_what, NULL, "what it did, in words"},
		{0},
};

const struct cli_record_kind event_record_kind = {.name = "event", .columns = columns};

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Seconds from the beginning to a moment of the TSC, by what it has counted since then. */
static double seconds_at(const struct event_printer *printer, uint64_t time)
{
	double seconds = now_seconds() - printer->start_seconds;
	uint64_t ticks = __rdtsc() - printer->start;

	return ticks ? seconds * (double)(int64_t)(time - printer->start) / ticks : 0;
}

int event_printer_open(struct event_printer *printer, struct hadal_kernel *kernel,
		       struct hadal_error *error)
{
	*printer = (struct event_printer){.kernel = kernel};
	printer->symbolizer = hadal_symbolizer_new(kernel, error);
	if (!printer->symbolizer)
		return -ENOENT;
	printer->tasks = hadal_tasks_open(kernel, error);
	return printer->tasks ? 0 : -ENOENT;
}

void event_printer_close(struct event_printer *printer)
{
	hadal_symbolizer_free(printer->symbolizer);
	hadal_tasks_close(printer->tasks);
}

void event_printer_want(struct event_printer *printer, struct hadal_subscription *asked)
{
	if (!printer->start) {
		printer->start_seconds = now_seconds();
		printer->start = __rdtsc();
	}
	asked->capture |= HADAL_CAPTURE_TASK;
	asked->task_offset = hadal_tasks_current(printer->tasks);
}

void event_printer_begin(struct event_printer *printer, const struct cli_record_kind *kind,
			 const struct cli_where *where)
{
	cli_printer_begin(&printer->printer, kind, where, NULL, printer);
}

struct event_row event_row_of(struct event_printer *printer, const struct hadal_subscription *asked,
			      const struct hadal_event *event)
{
	const uint64_t *task = hadal_event_part(asked, event, HADAL_CAPTURE_TASK);

	return (struct event_row){
		.event = event,
		.task = task ? hadal_tasks_find(printer->tasks, *task) : NULL,
		.seconds = seconds_at(printer, event->time),
		.printer = printer,
	};
}

void event_print_notice(const struct hadal_event *event)
{
	char text[128];

	event_words(event, text, sizeof(text));
	fprintf(stderr, "hadal: %s\n", text);
}
