/* SPDX-License-Identifier: MIT */
/*
 * Code that all processes of a test share, of which it is known how often each instruction is
 * executed: on two pages, one piece across them, with words that are written behind it.
 */
#ifndef TESTS_GUEST_VICTIM_H
#define TESTS_GUEST_VICTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VICTIM_PAGES 3u /* two of code, and one of data alone */
#define VICTIM_WORDS 16u

/* The piece that has a repeated string instruction. */
#define VICTIM_REPEATS 5u

/* An instruction that a call of its piece executes once. */
struct victim_point {
	uint64_t offset; /* from the beginning of the code */
	uint64_t piece;
};

struct victim {
	uint8_t *pages;
	uint8_t *code;
	volatile uint64_t *words; /* VICTIM_WORDS on the second page, behind the code */
	uint64_t physical[VICTIM_PAGES];
};

/* Makes it, to be shared with children. Ends the program when that does not work. */
void victim_open(struct victim *victim);
/* Whether its pages are where they were. */
bool victim_stays(const struct victim *victim);

unsigned int victim_points(void);
const struct victim_point *victim_point(unsigned int index);
unsigned int victim_pieces(void);
uint64_t victim_address(const struct victim *victim, unsigned int point);

/* Calls a piece; scratch: four words of the caller's own. True: the result is right. */
bool victim_call(const struct victim *victim, unsigned int piece, uint64_t x, uint64_t *scratch);
/* Whether the code reads as it was written. */
bool victim_reads_right(const struct victim *victim);

#endif
