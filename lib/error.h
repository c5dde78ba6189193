/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_ERROR_H
#define HADAL_LIB_ERROR_H

/*
 * One sentence for a person: what failed, why, and what to do. The functions that fill it also
 * return a negative errno; a caller who does not want the sentence passes NULL.
 */
struct hadal_error {
	char text[512];
};

/* Writes the sentence and returns -code, so that `return hadal_fail(err, EIO, ...)` reads well. */
int hadal_fail(struct hadal_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
