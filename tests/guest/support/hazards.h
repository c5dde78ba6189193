/* SPDX-License-Identifier: MIT */
/* What the tests of pages that show others have in common: a page that they show, and processes. */
#ifndef TESTS_GUEST_HAZARDS_H
#define TESTS_GUEST_HAZARDS_H

#include <stdint.h>
#include <sys/types.h>

/* This process's own page; the address stays after a fork, though the child has a copy there. */
extern volatile uint64_t *target;
extern uint64_t target_physical;
#define TARGET_WORDS   (PAGE / 8)
#define TARGET_WORD(i) (0x7461726765740000ull + (i))

void target_write(void);
/* Ends the program unless the page has, at `page`, what target_write() wrote. */
void target_check(const volatile void *page);

/* Pages of all clients that show others, and those that the hypervisor knows. */
uint64_t mapped_pages(void);
uint64_t known_pages(void);

/* A child that runs a function and ends with 0, and the status with which it ended. */
pid_t start(void (*run)(int), int argument);
int end_of(pid_t child);

/* Has frames that were let go of used again, zeroed and written, then checks the target. */
void churn(void);

#endif
