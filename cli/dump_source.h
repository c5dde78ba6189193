/* SPDX-License-Identifier: MIT */
/* This system's memory, or an image, in the layout of a dump file. */
#ifndef HADAL_CLI_DUMP_SOURCE_H
#define HADAL_CLI_DUMP_SOURCE_H

#include "dump/view.h"
#include "kernel.h"

enum dump_format { DUMP_ELF, DUMP_LIME, DUMP_RAW };
/* Their names, in this order. */
#define DUMP_FORMAT_WORDS "elf|lime|raw"

struct dump_source {
	struct cli_memory memory;
	struct hadal_kernel *kernel; /* NULL: not found, or not looked for */
};

/* image: NULL for this system. Says why when it cannot. */
bool dump_source_open(struct dump_source *source, const char *image);
/* The views must be freed before. */
void dump_source_close(struct dump_source *source);

/*
 * Its memory in a format. An ELF core has the kernel looked for; one that is not found costs the
 * core its VMCOREINFO and its virtual addresses, and a warning. Returns NULL after saying why.
 */
struct hadal_view *dump_source_view(struct dump_source *source, enum dump_format format);

#endif
