/* SPDX-License-Identifier: MIT */
/* Something that a process of its own does on one CPU. */
#ifndef TESTS_GUEST_DEEDS_H
#define TESTS_GUEST_DEEDS_H

#include <sys/types.h>

/* Returns the process's exit status. */
typedef int (*deed_fn)(void);

/* Each of these ends the program with a message when it does not work. */

pid_t start_on(unsigned int cpu, deed_fn deed);
/* Waits for its end, which must be by itself; the exit status. */
int status_of(pid_t child);

#endif
