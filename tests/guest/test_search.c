// SPDX-License-Identifier: MIT
/*
 * Has something to find in its memory until it is killed, and says what and where:
 *   ADDRESS FIRST SECOND HEX   16 bytes across two pages that do not follow each other in physical
 *                              memory; where the halves are there
 *   TEXT WIDE ID               where "hadal:ID" is, in ASCII and in UTF-16LE
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/check.h"
#include "support/open.h"

#define PAGE_BYTES 4096u
#define PAGES      256u
#define HALF       8u

/* Two pages that follow each other here and do not there. */
static volatile uint8_t *torn_pages(volatile uint8_t *pages)
{
	for (unsigned int i = 1; i + 1 < PAGES; i++)
		if (physical_of((const void *)pages + i * PAGE_BYTES) + PAGE_BYTES !=
		    physical_of((const void *)pages + (i + 1) * PAGE_BYTES))
			return pages + i * PAGE_BYTES;
	CHECK(!"all pages follow each other");
	return NULL;
}

int main(void)
{
	volatile uint8_t *pages = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uint8_t *torn, *at, *text, *wide;
	uint32_t id = getpid() * 2654435761u;
	uint64_t state = id;

	CHECK(pages != MAP_FAILED);
	/* The other way around than memory is given out. */
	for (unsigned int i = PAGES; i--;)
		pages[i * PAGE_BYTES] = 1;
	CHECK(!mlock((void *)pages, PAGES * PAGE_BYTES));
	torn = torn_pages(pages);
	at = torn + PAGE_BYTES - HALF;
	/* Straight into its place, so that it is nowhere else. */
	for (unsigned int i = 0; i < 2 * HALF; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		at[i] = 0x80 | state >> 57;
	}
	text = pages + 16;
	wide = pages + 65;
	for (unsigned int i = 0; i < 14; i++) {
		uint8_t digit = id >> (4 * (i < 6 ? 0 : 13 - i)) & 15;

		text[i] = i < 6 ? "hadal:"[i] : "0123456789abcdef"[digit];
		wide[2 * i] = text[i];
	}
	printf("%#" PRIxPTR " %#" PRIx64 " %#" PRIx64 " ", (uintptr_t)at,
	       physical_of((const void *)torn) + PAGE_BYTES - HALF,
	       physical_of((const void *)torn + PAGE_BYTES));
	for (unsigned int i = 0; i < 2 * HALF; i++)
		printf("%02x", at[i]);
	printf("\n%#" PRIxPTR " %#" PRIxPTR " %08" PRIx32 "\n", (uintptr_t)text, (uintptr_t)wide,
	       id);
	fflush(stdout);
	for (;;)
		pause();
}
