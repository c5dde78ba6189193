// SPDX-License-Identifier: MIT
/* Prints events as they come, with the names of processes and symbols. */
#include "event_print.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "event_words.h"
#include "text.h"

/* An event, and what else is printed of it. */
struct row {
	const struct hadal_event *event;
	const struct hadal_process *process; /* NULL: none has this address space */
	double seconds;
};

static bool make_time(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%.6f", row->seconds);
	return true;
}

static struct json_object *json_time(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return json_object_new_int64(row->seconds * 1e9);
}

static struct json_object *json_cpu(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return json_object_new_int64(row->event->cpu);
}

static bool make_cpu(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%u", row->event->cpu);
	return true;
}

static bool make_pid(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	if (row->process)
		snprintf(text, size, "%" PRId32, row->process->tgid);
	return row->process;
}

static struct json_object *json_pid(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return row->process ? json_object_new_int64(row->process->tgid) : NULL;
}

static bool make_name(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	if (row->process)
		snprintf(text, size, "%s", row->process->comm);
	return row->process;
}

static bool make_place(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;
	struct event_printer *printer = ctx;
	char name[HADAL_SYMBOL_NAME_MAX + 64];

	if (row->event->rip >> 63 &&
	    hadal_symbolize(printer->symbolizer, row->event->rip, name, sizeof(name)))
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "%#" PRIx64, row->event->rip);
	return true;
}

static bool make_what(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	event_words(row->event, text, size);
	return true;
}

static bool make_kind(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%s", event_kind_name(row->event->kind));
	return true;
}

static bool make_access(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;
	uint8_t access = row->event->access;

	(void)ctx;
	snprintf(text, size, "%s%s%s", access & HADAL_ACCESS_READ ? "r" : "",
		 access & HADAL_ACCESS_WRITE ? "w" : "", access & HADAL_ACCESS_EXECUTE ? "x" : "");
	return true;
}

/* A member of the record as "0x...". */
#define MAKE_HEX(member)                                                                        \
	static bool make_##member(const void *record, void *ctx, char *text, size_t size)       \
	{                                                                                       \
		(void)ctx;                                                                      \
		snprintf(text, size, "%#" PRIx64, ((const struct row *)record)->event->member); \
		return true;                                                                    \
	}

MAKE_HEX(number)
MAKE_HEX(address)
MAKE_HEX(physical)
MAKE_HEX(old_value)
MAKE_HEX(new_value)
MAKE_HEX(rip)
MAKE_HEX(cr3)

static const struct cli_column columns[] = {
	{"time", "TIME", 11, CLI_COLUMN_JSON, 0, make_time, NULL,
	 "in the table only: seconds since the watching began"},
	{"time_ns", NULL, 14, CLI_COLUMN_JSON, 0, NULL, json_time,
	 "number: nanoseconds since the watching began"},
	{"cpu", "CPU", 3, CLI_COLUMN_JSON, 0, make_cpu, json_cpu, "number of the CPU"},
	{"pid", "PID", 7, CLI_COLUMN_JSON, 0, make_pid, json_pid,
	 "number: the process that the address space is of"},
	{"name", "NAME", -15, CLI_COLUMN_MADE, 0, make_name, NULL, "its name"},
	{"kind", NULL, -10, CLI_COLUMN_MADE, 0, make_kind, NULL,
	 "`msr`, `cr`, `cpuid`, `io`, `descriptor`, `exception`, `request`, or `notice`"},
	{"access", NULL, -3, CLI_COLUMN_MADE, 0, make_access, NULL, "`r`, `w` or `x`"},
	{"number", NULL, 10, CLI_COLUMN_MADE, 0, make_number, NULL,
	 "`0x...`: MSR, register, leaf, port or vector"},
	{"address", NULL, 18, CLI_COLUMN_MADE, 0, make_address, NULL, "`0x...`: of a page fault"},
	{"detail", NULL, 18, CLI_COLUMN_MADE, 0, make_physical, NULL,
	 "`0x...`: subleaf, bytes or error code"},
	{"old", NULL, 18, CLI_COLUMN_MADE, 0, make_old_value, NULL, "`0x...`: the value before"},
	{"new", NULL, 18, CLI_COLUMN_MADE, 0, make_new_value, NULL,
	 "`0x...`: the value read or written"},
	{"rip", NULL, 18, CLI_COLUMN_MADE, 0, make_rip, NULL, "`0x...`: of the instruction"},
	{"cr3", NULL, 18, CLI_COLUMN_MADE, 0, make_cr3, NULL, "`0x...`"},
	{"place", "WHERE", -34, CLI_COLUMN_MADE, 0, make_place, NULL,
	 "the symbol that the instruction is in, or its address"},
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

double event_printer_seconds(const struct event_printer *printer, uint64_t ticks)
{
	return seconds_at(printer, printer->start + ticks);
}

int event_printer_open(struct event_printer *printer, struct hadal_kernel *kernel,
		       const struct cli_where *where, struct hadal_error *error)
{
	*printer = (struct event_printer){.kernel = kernel};
	printer->symbolizer = hadal_symbolizer_new(kernel, error);
	if (!printer->symbolizer)
		return -ENOENT;
	printer->start_seconds = now_seconds();
	printer->start = __rdtsc();
	cli_printer_begin(&printer->printer, &event_record_kind, where, NULL, printer);
	return 0;
}

void event_printer_close(struct event_printer *printer)
{
	hadal_symbolizer_free(printer->symbolizer);
	hadal_processes_free(&printer->processes);
}

static const struct hadal_process *find_process(const struct event_printer *printer, uint64_t cr3)
{
	for (size_t i = 0; i < printer->processes.count; i++) {
		const struct hadal_process *process = &printer->processes.items[i];

		if (process->page_table &&
		    (process->page_table & EVENT_CR3_SPACE) == (cr3 & EVENT_CR3_SPACE))
			return process;
	}
	return NULL;
}

/* An address space that is not known is of a process that has begun since. */
static const struct hadal_process *process_of(struct event_printer *printer, uint64_t cr3)
{
	const struct hadal_process *process = find_process(printer, cr3);

	if (process)
		return process;
	hadal_processes_free(&printer->processes);
	hadal_processes(printer->kernel, false, &printer->processes, NULL);
	return find_process(printer, cr3);
}

void event_print(struct event_printer *printer, const struct hadal_event *event)
{
	const struct row row = {
		.event = event,
		.process = process_of(printer, event->cr3),
		.seconds = seconds_at(printer, event->time),
	};

	cli_printer_print(&printer->printer, &row);
}
