/* SPDX-License-Identifier: MIT */
/* A bar on standard error, while something long runs. */
#ifndef HADAL_CLI_PROGRESS_H
#define HADAL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown; /* standard error is a terminal */
	bool there; /* the bar is on it now */
	uint64_t total;
	double start, drawn; /* seconds of the monotonic clock */
};

/* total: bytes to be done. */
void progress_begin(struct progress *progress, uint64_t total);
/* Draws a few times a second; cheap otherwise. */
void progress_update(struct progress *progress, uint64_t done);
/* Takes the bar away for now, before something is printed to a terminal. */
void progress_hide(struct progress *progress);
/* Takes the bar away. Returns the seconds since the beginning. */
double progress_end(struct progress *progress);

/* A number of bytes for a person, such as "1.5 GiB"; into text, which it returns. */
const char *format_bytes(char text[16], double bytes);

#endif
