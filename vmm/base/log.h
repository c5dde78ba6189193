/* SPDX-License-Identifier: MIT */
/* The log: a ring in the image that outlives the image's running. See struct hadal_log_ring. */
#ifndef HADAL_BASE_LOG_H
#define HADAL_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <hadal/boot.h>

extern struct hadal_log_ring log_ring;

/* One line; knows %s, %d, %u, %x, %lx (64 bit), %lu, %c, %%. Never blocks for long, never faults.
 */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Copies text from *position on; returns the bytes copied and moves *position. */
size_t log_read(uint64_t *position, char *out, size_t bytes);

#endif
