/* SPDX-License-Identifier: MIT */
/* Prints events as they come: who did it, where, and what. */
#ifndef HADAL_CLI_EVENT_PRINT_H
#define HADAL_CLI_EVENT_PRINT_H

#include "events/events.h"
#include "kernel.h"
#include "process/current.h"
#include "record.h"
#include "system/symbolize.h"

/* The columns of an event that is neither an access of memory nor a breakpoint. */
extern const struct cli_record_kind event_record_kind;

struct event_printer {
	struct hadal_kernel *kernel;
	struct hadal_symbolizer *symbolizer;
	struct hadal_tasks *tasks;
	struct cli_printer printer;
	uint64_t start; /* TSC when it began */
	double start_seconds;
};

/* An event, and what else is printed of it. What the commands print begins with it. */
struct event_row {
	const struct hadal_event *event;
	const struct hadal_task *task; /* NULL: not known */
	double seconds;
	struct event_printer *printer;
};

/* Who did it, and where: columns that the kinds of all commands have. Rows begin with event_row. */
/* clang-format off */
#define EVENT_COLUMNS_WHO                                                                        \
	{"time", "TIME", 11, CLI_COLUMN_JSON, 0, event_make_time, NULL,                          \
	 "in the table only: seconds since the watching began"},                                 \
	{"time_ns", NULL, 14, CLI_COLUMN_JSON, 0, NULL, event_json_time,                         \
	 "number: nanoseconds since the watching began"},                                        \
	{"cpu", "CPU", 3, CLI_COLUMN_JSON, 0, event_make_cpu, event_json_cpu,                    \
	 "number of the CPU"},                                                                   \
	{"pid", "PID", 7, CLI_COLUMN_JSON, 0, event_make_pid, event_json_pid,                    \
	 "number: the process that the CPU executed, 0 for an idle one"},                        \
	{"tid", NULL, 7, CLI_COLUMN_JSON, 0, event_make_tid, event_json_tid,                     \
	 "number: its thread"},                                                                  \
	{"name", "NAME", -15, CLI_COLUMN_MADE, 0, event_make_name, NULL, "its name"}
#define EVENT_COLUMNS_WHERE                                                                      \
	{"rip", NULL, 18, CLI_COLUMN_MADE, 0, event_make_rip, NULL, "`0x...`: of the instruction"}, \
	{"cr3", NULL, 18, CLI_COLUMN_MADE, 0, event_make_cr3, NULL, "`0x...`"},                  \
	{"place", "WHERE", -34, CLI_COLUMN_MADE, 0, event_make_place, NULL,                      \
	 "the symbol that the instruction is in, or its address"}
/* clang-format on */

bool event_make_time(const void *record, void *ctx, char *text, size_t size);
bool event_make_cpu(const void *record, void *ctx, char *text, size_t size);
bool event_make_pid(const void *record, void *ctx, char *text, size_t size);
bool event_make_tid(const void *record, void *ctx, char *text, size_t size);
bool event_make_name(const void *record, void *ctx, char *text, size_t size);
bool event_make_rip(const void *record, void *ctx, char *text, size_t size);
bool event_make_cr3(const void *record, void *ctx, char *text, size_t size);
bool event_make_place(const void *record, void *ctx, char *text, size_t size);
bool event_make_access(const void *record, void *ctx, char *text, size_t size);
struct json_object *event_json_time(const void *record, void *ctx);
struct json_object *event_json_cpu(const void *record, void *ctx);
struct json_object *event_json_pid(const void *record, void *ctx);
struct json_object *event_json_tid(const void *record, void *ctx);

/* Returns 0 or a negative errno with a sentence in error; close it in either case. */
int event_printer_open(struct event_printer *printer, struct hadal_kernel *kernel,
		       struct hadal_error *error);
void event_printer_close(struct event_printer *printer);

/* What a record must have so that the printer can tell whose it is. The first one is at time 0. */
void event_printer_want(struct event_printer *printer, struct hadal_subscription *asked);

/* Prints the heading of a table. */
void event_printer_begin(struct event_printer *printer, const struct cli_record_kind *kind,
			 const struct cli_where *where);

/* The first part of the row of an event. */
struct event_row event_row_of(struct event_printer *printer, const struct hadal_subscription *asked,
			      const struct hadal_event *event);

/* Tells on stderr what became of a subscription. */
void event_print_notice(const struct hadal_event *event);

/* Names an address as symbol+offset, or writes it as a number. */
void event_place(struct event_printer *printer, uint64_t address, char *text, size_t size);

#endif
