// SPDX-License-Identifier: MIT
/*
 * Accesses of watched memory: all are told, with the values, and the program gets what it always
 * gets. In a guest as root, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/open.h"
#include "support/reader.h"

#define RING_BYTES (1u << 18)
#define TIMES      1000u
#define WRITES     20000u

static struct reader reader;

static void check_writes(void)
{
	struct hadal_subscription asked =
		to_memory(reader.arena.physical + 0x100, 8, HADAL_ACCESS_WRITE);
	volatile uint64_t *word = (void *)(reader.arena.bytes + 0x100);
	const struct hadal_event *event;
	uint64_t expected = 0;
	int number;

	*word = 0;
	number = reader_subscribe(&reader, &asked);
	for (uint64_t i = 1; i <= WRITES; i++) {
		*word = i;
		word[1] = i; /* beside it */
		if (i % 500)
			continue;
		while ((event = hadal_events_next(reader.events))) {
			EQUAL(event->subscription, number);
			EQUAL(event->kind, HADAL_EVENT_MEMORY);
			EQUAL(event->access, HADAL_ACCESS_WRITE);
			EQUAL(event->physical, asked.first);
			EQUAL(event->old_value, expected);
			EQUAL(event->new_value, ++expected);
			EQUAL(event->cpl, 3);
		}
	}
	EQUAL(expected, WRITES);
	EQUAL(*word, WRITES);
	EQUAL(reader_read(&reader, number), 0);
	__asm__ volatile("lock incq %0" : "+m"(*word));
	EQUAL(reader_read(&reader, number), 1);
	EQUAL(reader.last.new_value, WRITES + 1);
	EQUAL(reader_end(&reader, number).hits, WRITES + 1);
	*word = 5;
	EQUAL(reader_read(&reader, 0), 0);
}

static void check_reads(void)
{
	struct hadal_subscription asked =
		to_memory(reader.arena.physical + 0x200, 4, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE);
	volatile uint32_t *word = (void *)(reader.arena.bytes + 0x200);
	int number;

	*word = 77;
	number = reader_subscribe(&reader, &asked);
	for (unsigned int i = 0; i < TIMES; i++)
		EQUAL(*word, 77);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.access, HADAL_ACCESS_READ);
	EQUAL((uint32_t)reader.last.new_value, 77);
	EQUAL(reader.last.number, 4);
	EQUAL(word[1], 0);
	EQUAL(reader_read(&reader, number), 0);
	__asm__ volatile("lock incl %0" : "+m"(*word));
	EQUAL(reader_read(&reader, number), 1);
	CHECK(reader.last.access & HADAL_ACCESS_WRITE);
	EQUAL((uint32_t)reader.last.new_value, 78);
	/* One access from before the bytes into them. */
	*(volatile uint64_t *)(reader.arena.bytes + 0x1fc) = 0;
	EQUAL(reader_read(&reader, number), 1);
	reader_end(&reader, number);
}

/* A stack in watched memory: flags that are pushed are the guest's own. */
static void check_flags(void)
{
	struct hadal_subscription asked = to_memory(reader.arena.physical + PAGE, PAGE,
						    HADAL_ACCESS_READ | HADAL_ACCESS_WRITE);
	uint8_t *top = reader.arena.bytes + 2 * PAGE - 64;
	uint64_t before, after, pushed;
	unsigned int told = 0;
	int number = reader_subscribe(&reader, &asked);

	for (unsigned int i = 0; i < TIMES; i++) {
		__asm__ volatile("pushfq\n\tpop %0" : "=r"(before));
		__asm__ volatile("mov %%rsp, %%r12\n\t"
				 "mov %3, %%rsp\n\t"
				 "pushfq\n\t"
				 "mov (%%rsp), %0\n\t"
				 "popfq\n\t"
				 "mov %%r12, %%rsp\n\t"
				 "pushfq\n\tpop %1"
				 : "=&r"(pushed), "=&r"(after), "+m"(*(uint8_t(*)[64])top)
				 : "r"(top)
				 : "r12", "memory", "cc");
		EQUAL(pushed & 0x300, before & 0x300);
		EQUAL(after & 0x300, before & 0x300);
		EQUAL(before & 0x300, 0x200);
		told += reader_read(&reader, number);
	}
	EQUAL(told, 3 * TIMES);
	reader_end(&reader, number);
}

/* Code whose fetches are watched: a system call and flags that are read, each as ever. */
static void check_fetches(void)
{
	static const uint8_t code[] = {
		0xb8, SYS_getppid, 0,    0, 0, 0x0f, 0x05, /* mov, syscall */
		0x9c, 0x5a,        0xc3,                   /* pushf, pop rdx, ret */
	};
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	struct hadal_subscription asked =
		to_memory(reader.arena.physical, sizeof(code), HADAL_ACCESS_EXECUTE);
	uint64_t flags, result;
	int number;

	CHECK(page != MAP_FAILED);
	memcpy(page, code, sizeof(code));
	asked.first = physical_of(page);
	number = reader_subscribe(&reader, &asked);
	for (unsigned int i = 0; i < 100; i++) {
		__asm__ volatile("call *%2"
				 : "=a"(result), "=&d"(flags)
				 : "r"(page)
				 : "rcx", "r11", "memory", "cc");
		EQUAL(result, getppid());
		EQUAL(flags & 0x300, 0x200);
		EQUAL(reader_read(&reader, number), 5);
	}
	EQUAL(reader.last.access, HADAL_ACCESS_EXECUTE);
	EQUAL(reader.last.rip, (uintptr_t)page + sizeof(code) - 1);
	EQUAL(reader.last.physical, asked.first + sizeof(code) - 1);
	reader_end(&reader, number);
	munmap(page, PAGE);
}

/* Both CPUs write to the same page all the time; none is missed, and none is made up. */
static void check_two_cpus(void)
{
	struct hadal_subscription asked =
		to_memory(reader.arena.physical + 2 * PAGE, 16, HADAL_ACCESS_WRITE);
	volatile uint64_t *word = (void *)(reader.arena.bytes + 2 * PAGE);
	const struct hadal_event *event;
	uint64_t seen[2] = {0};
	int number, child;

	word[0] = word[1] = word[8] = 0;
	number = reader_subscribe(&reader, &asked);
	child = fork();
	if (!child) {
		pin_to_cpu(1);
		word[8] = 1;
		for (uint64_t i = 1; i <= TIMES; i++)
			word[1] = i;
		_exit(0);
	}
	while (!word[8])
		;
	for (uint64_t i = 1; i <= TIMES; i++)
		word[0] = i;
	waitpid(child, NULL, 0);
	while ((event = hadal_events_next(reader.events))) {
		unsigned int which = (event->physical - asked.first) / 8;

		CHECK(which < 2);
		EQUAL(event->new_value, ++seen[which]);
	}
	EQUAL(seen[0], TIMES);
	EQUAL(seen[1], TIMES);
	reader_end(&reader, number);
}

static void check_memory_refusals(void)
{
	struct hadal_subscription asked = to_memory(reader.arena.physical, 8, HADAL_ACCESS_WRITE);

	asked.first = 0xfee00000;
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), -ENXIO);
	asked = to_memory(reader.arena.physical, 0, HADAL_ACCESS_WRITE);
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), -EINVAL);
	asked = to_memory(reader.arena.physical, ~0ull, HADAL_ACCESS_WRITE);
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), -EINVAL);
	asked = to_memory(reader.arena.physical, 8, 8);
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), -EINVAL);
}

int main(void)
{
	reader_open(&reader, RING_BYTES);
	check_memory_refusals();
	check_writes();
	check_reads();
	check_flags();
	check_fetches();
	check_two_cpus();
	hadal_events_close(reader.events);
	return 0;
}
