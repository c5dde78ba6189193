// SPDX-License-Identifier: MIT
/*
 * Breakpoints in debug registers, beside those of a debugger of the guest's own. In a guest as
 * root, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/open.h"
#include "support/reader.h"

#define RING_BYTES (1u << 18)
#define TIMES      1000u

static struct reader reader;

static volatile unsigned int calls;

static __attribute__((noinline)) void traced(void)
{
	calls++;
}

static __attribute__((noinline)) void watched_by_ptrace(void)
{
	calls += 1000;
}

static struct hadal_subscription breakpoint(uint64_t address)
{
	return (struct hadal_subscription){
		.kind = HADAL_EVENT_BREAK,
		.access = HADAL_ACCESS_EXECUTE,
		.first = address,
		.count = 1,
	};
}

/* A debugger's own breakpoint, in a child that is traced, beside ours. */
static void check_ptrace(int number)
{
	struct user_regs_struct regs;
	int child = fork(), status;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (unsigned int i = 0; i < 100; i++)
			traced();
		watched_by_ptrace();
		_exit(7);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	CHECK(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[0]),
		      watched_by_ptrace));
	CHECK(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), 1));
	CHECK(!ptrace(PTRACE_CONT, child, 0, 0));
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	CHECK(!ptrace(PTRACE_GETREGS, child, 0, &regs));
	EQUAL(regs.rip, (uintptr_t)watched_by_ptrace);
	EQUAL(ptrace(PTRACE_PEEKUSER, child, offsetof(struct user, u_debugreg[3]), 0), 0);
	CHECK(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), 0));
	CHECK(!ptrace(PTRACE_CONT, child, 0, 0));
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), 7);
	EQUAL(reader_read(&reader, number), 100);
}

static void check_breakpoints(void)
{
	struct hadal_subscription asked = breakpoint((uintptr_t)traced);
	struct hadal_regs regs;
	struct hadal *hadal;
	int numbers[4], number = reader_subscribe(&reader, &asked);

	calls = 0;
	for (unsigned int i = 0; i < TIMES; i++)
		traced();
	EQUAL(calls, TIMES);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.kind, HADAL_EVENT_BREAK);
	EQUAL(reader.last.rip, (uintptr_t)traced);
	EQUAL(reader.last.number, HADAL_BREAK_DEBUG);
	check_ptrace(number);
	reader_end(&reader, number);
	traced();
	EQUAL(reader_read(&reader, 0), 0);

	/* The system call's entry in the kernel, one call of all. */
	hadal = open_hadal();
	CHECK(!hadal_regs(hadal, 1, &regs, NULL));
	hadal_close(hadal);
	asked = breakpoint(regs.lstar);
	asked.clause_count = 1;
	asked.clause[0] = (struct hadal_clause){.value = HADAL_FILTER_REGISTER,
						.index = HADAL_REG_RAX,
						.mask = ~0ull,
						.operand = SYS_getppid};
	number = reader_subscribe(&reader, &asked);
	for (unsigned int i = 0; i < TIMES; i++)
		syscall(SYS_getppid);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.rip, regs.lstar);
	EQUAL(reader.last.cpl, 0);
	reader_end(&reader, number);

	for (unsigned int i = 0; i < 4; i++) {
		asked = breakpoint((uintptr_t)traced + i);
		numbers[i] = reader_subscribe(&reader, &asked);
	}
	asked = breakpoint((uintptr_t)watched_by_ptrace);
	asked.method = HADAL_BREAK_DEBUG;
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), -ENOSPC);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(!hadal_events_unsubscribe(reader.events, numbers[i], NULL));
	asked.first = 1ull << 63;
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), -EINVAL);
	asked.first = 0x1000;
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), -ENXIO);
}

int main(void)
{
	reader_open(&reader, RING_BYTES);
	check_breakpoints();
	hadal_events_close(reader.events);
	return 0;
}
