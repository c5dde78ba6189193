// SPDX-License-Identifier: MIT
/*
 * Does as it is told by its standard input, for those who watch it: "write N", "read N", "call N"
 * and "getppid N", each N times, and says "done N" after each. First it says where its word and its
 * function are; the page before the word is its own too.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

static volatile uint64_t *word;
static volatile uint64_t sum;

static __attribute__((noinline)) void function(uint64_t first, uint64_t second)
{
	sum += first + second;
}

static void act(const char *what, uint64_t i)
{
	if (!strcmp(what, "write"))
		*word = i;
	else if (!strcmp(what, "read"))
		sum += *word;
	else if (!strcmp(what, "call"))
		function(i, 2 * i);
	else if (!strcmp(what, "getppid"))
		syscall(SYS_getppid);
	else
		exit(1);
}

int main(void)
{
	unsigned long long times;
	uint8_t *pages;
	char what[32];

	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	if (pages == MAP_FAILED)
		return 1;
	word = (void *)(pages + PAGE);
	function(0, 0);
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("word=%p function=%p\n", (void *)word, (void *)function);
	while (scanf("%31s %llu", what, &times) == 2) {
		for (uint64_t i = 1; i <= times; i++)
			act(what, i);
		printf("done %llu\n", times);
	}
	return 0;
}
