/* SPDX-License-Identifier: MIT */
/* Prints events as they come: who did it, where, and what. */
#ifndef HADAL_CLI_EVENT_PRINT_H
#define HADAL_CLI_EVENT_PRINT_H

#include "events/events.h"
#include "kernel.h"
#include "process/process.h"
#include "record.h"
#include "system/symbolize.h"

/* The bits of CR3 that tell address spaces apart: not the PCID, nor which half of it KPTI shows. */
#define EVENT_CR3_SPACE (~0x1fffull & ~(1ull << 63))

/* The columns of an event. */
extern const struct cli_record_kind event_record_kind;

struct event_printer {
	struct hadal_kernel *kernel;
	struct hadal_symbolizer *symbolizer;
	struct hadal_process_list processes; /* as they were when a new CR3 was last seen */
	struct cli_printer printer;
	uint64_t start; /* TSC when it began */
	double start_seconds;
};

/* Returns 0 or a negative errno with a sentence in error. */
int event_printer_open(struct event_printer *printer, struct hadal_kernel *kernel,
		       const struct cli_where *where, struct hadal_error *error);
void event_printer_close(struct event_printer *printer);
/* How long so many ticks of the TSC take, as far as is known. */
double event_printer_seconds(const struct event_printer *printer, uint64_t ticks);
void event_print(struct event_printer *printer, const struct hadal_event *event);

#endif
