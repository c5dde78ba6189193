// SPDX-License-Identifier: MIT
/* Hypercalls in ring 3, and the signals that they end in. */
#include <signal.h>
#include <ucontext.h>

#include <hadal/abi.h>

#include "support/ring3.h"

#define HYPERCALL_BYTES 3

static volatile int illegal;

static void on_illegal(int number, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	(void)number;
	(void)info;
	illegal++;
	machine->uc_mcontext.gregs[REG_RIP] += HYPERCALL_BYTES;
}

bool ring3_is_illegal(uint64_t rax, bool vmcall)
{
	struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO}, before;
	uint64_t asked = rax, rdi = HADAL_ABI_VERSION, rsi = 2, rdx = 3;

	illegal = 0;
	sigaction(SIGILL, &action, &before);
	if (vmcall)
		__asm__ volatile("vmcall" : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx)::"memory");
	else
		__asm__ volatile("vmmcall" : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx)::"memory");
	sigaction(SIGILL, &before, NULL);
	return illegal == 1 && rax == asked && rdi == HADAL_ABI_VERSION && rsi == 2 && rdx == 3;
}
