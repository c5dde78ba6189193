/* SPDX-License-Identifier: MIT */
/* This system's memory, or an image, in the layout of a dump file. */
#ifndef HADAL_CLI_DUMP_SOURCE_H
#define HADAL_CLI_DUMP_SOURCE_H

#include "dump/view.h"
#include "kernel.h"

enum dump_format { DUMP_ELF, DUMP_LIME, DUMP_RAW };

/* Of "elf", "lime" or "raw"; false for anything else. */
bool dump_format_parse(const char *text, enum dump_format *format);

struct dump_source {
	struct cli_memory memory;
	struct hadal_view *view;
};

/*
 * image: NULL for this system. Says why when it cannot. A kernel that is not found costs an ELF
 * core its VMCOREINFO and its virtual addresses, and a warning.
 */
bool dump_source_open(struct dump_source *source, const char *image, enum dump_format format);
void dump_source_close(struct dump_source *source);

#endif
