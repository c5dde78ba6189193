/* SPDX-License-Identifier: MIT */
/* A scene of hostile names and of values as large as the kernel lets them be. */
#ifndef TESTS_GUEST_EXTREMES_H
#define TESTS_GUEST_EXTREMES_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Makes it, around this process: names, files, mappings, mounts and sockets of its own, and
 * children. slow: in an emulator where large numbers take minutes.
 */
void extremes_begin(bool slow);
/* Ends the children and takes away the mounts. */
void extremes_end(void);

/* Names that are odd in every way, the last one NULL; none has a slash. */
extern const char *const extremes_names[];

/* The first process of the innermost of all PID namespaces that the kernel lets be. */
extern pid_t extremes_innermost;

#endif
