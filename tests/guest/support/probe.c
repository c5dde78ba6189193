// SPDX-License-Identifier: MIT
/* Executes instructions in ring 3 and tells what came of each: results, signals, traps. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "support/probe.h"

/* Below 4 GiB, for 32-bit code. */
#define AREA        0x10000000ul
#define AREA_BYTES  0x200000ul
#define CODE        (AREA + 0x1000)
#define CODE_BYTES  0x2000ul
#define PROBE_RAX   (AREA + 0x6000) /* a page of its own, for those that take an address there */
#define SCRATCH     (AREA + 0x8000)
#define STACK       (AREA + AREA_BYTES / 2)
#define INT3        0xcc
#define FLAGS       0x202ul
#define FLAG_TF     0x100ul
#define FLAG_RF     0x10000ul
#define VECTOR_PF   14
#define MXCSR_START 0x1f80u

static const int caught[] = {SIGILL, SIGSEGV, SIGFPE, SIGTRAP, SIGBUS};

static const struct probe *current;
static sigjmp_buf back;
static volatile int number, code;
static ucontext_t outcome;

/* The way in: this signal's frame is changed so that its end goes to the instruction. */
static void on_start(int signal, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	gregs[REG_RAX] = current->rax ? current->rax : PROBE_RAX;
	gregs[REG_RBX] = SCRATCH;
	gregs[REG_RCX] = current->rcx;
	gregs[REG_RDX] = current->rdx;
	gregs[REG_RSI] = SCRATCH + 0x100;
	gregs[REG_RDI] = SCRATCH + 0x200;
	gregs[REG_RBP] = SCRATCH + 0x300;
	gregs[REG_RSP] = STACK;
	for (int i = REG_R8; i <= REG_R15; i++)
		gregs[i] = i;
	gregs[REG_RIP] = CODE;
	gregs[REG_EFL] = FLAGS | (current->trap ? FLAG_TF : 0);
	gregs[REG_CSGSFS] = (gregs[REG_CSGSFS] & ~0xfffful) | current->mode;
}

static void on_outcome(int signal, siginfo_t *info, void *context)
{
	number = signal;
	code = info->si_code;
	outcome = *(ucontext_t *)context;
	siglongjmp(back, 1);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigfillset(&action.sa_mask);
	if (sigaction(signal, &action, NULL))
		die("sigaction");
}

void probe_open(void)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};

	if (mmap((void *)AREA, AREA_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)AREA ||
	    sigaltstack(&alternate, NULL))
		die("memory for instructions");
	handle(SIGUSR1, on_start);
	for (unsigned i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		handle(caught[i], on_outcome);
}

/* What an earlier instruction may have left. */
static void reset(void)
{
	uint32_t mxcsr = MXCSR_START, data = 0x2b;

	memset((void *)AREA, 0, AREA_BYTES);
	memset((void *)CODE, INT3, CODE_BYTES);
	memcpy((void *)CODE, current->code, current->bytes);
	__asm__ volatile("fninit\n"
			 "ldmxcsr %0\n"
			 "mov %1, %%ds\n"
			 "mov %1, %%es" ::"m"(mxcsr),
			 "r"(data));
}

static void show_place(const char *what, uint64_t address, uint64_t near)
{
	int64_t distance = address - near;

	if (distance > -0x10000 && distance < 0x10000)
		printf(" %s %+ld", what, (long)distance);
	else
		printf(" %s %#lx", what, (unsigned long)address);
}

static void show(void)
{
	const greg_t *gregs = outcome.uc_mcontext.gregs;

	printf("%s%s%s: signal %d/%d vector %lld error %#llx", current->name,
	       current->mode == PROBE_32 ? " in 32-bit code" : "", current->trap ? " under TF" : "",
	       number, code, gregs[REG_TRAPNO], gregs[REG_ERR]);
	if (gregs[REG_TRAPNO] == VECTOR_PF)
		printf(" at %#llx", gregs[REG_CR2]);
	show_place("rip", gregs[REG_RIP], CODE);
	show_place("rsp", gregs[REG_RSP], STACK);
	if (!current->is_volatile) {
		printf(" %llx %llx %llx %llx", gregs[REG_RAX], gregs[REG_RCX], gregs[REG_RDX],
		       gregs[REG_RBX]);
		printf(" %llx %llx %llx %llx", gregs[REG_RSI], gregs[REG_RDI], gregs[REG_RBP],
		       gregs[REG_R11]);
		printf(" flags %llx", gregs[REG_EFL] & ~FLAG_RF);
	}
	printf(" cs %llx", gregs[REG_CSGSFS] & 0xffff);
	for (int i = 0; current->shows_scratch && i < 10; i++)
		printf(" %02x", ((const uint8_t *)SCRATCH)[i]);
	putchar('\n');
}

void probe_run(const struct probe *probe)
{
	current = probe;
	reset();
	if (!sigsetjmp(back, 1)) {
		raise(SIGUSR1);
		printf("%s: came back\n", probe->name);
		return;
	}
	show();
}
