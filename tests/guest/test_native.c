// SPDX-License-Identifier: MIT
/*
 * What a program that was not let in sees of the processor, as text: run it with and without Hadal
 * and compare. Every CPUID leaf on every CPU, the hypercall instructions, single steps and traps
 * over CPUID.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define UNPRIVILEGED 65534

static void show_leaf(uint32_t leaf, uint32_t subleaf)
{
	uint32_t a, b, c, d;

	__cpuid_count(leaf, subleaf, a, b, c, d);
	printf("cpuid %08x %x: %08x %08x %08x %08x\n", leaf, subleaf, a, b, c, d);
}

static void show_range(uint32_t first)
{
	uint32_t last = __get_cpuid_max(first, NULL);

	/* One past the end too: processors answer that in ways of their own. */
	for (uint32_t leaf = first; leaf <= last + 1; leaf++)
		for (uint32_t subleaf = 0; subleaf < 4; subleaf++)
			show_leaf(leaf, subleaf);
}

static void show_cpuid(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return;
	printf("on CPU %d\n", cpu);
	show_range(0);
	show_range(0x80000000);
	for (uint32_t leaf = 0x40000000; leaf < 0x40000010; leaf++)
		show_leaf(leaf, 0);
	show_leaf(0x40001337, 0);
}

static volatile sig_atomic_t signals, last_signal, traps;
static volatile uintptr_t last_rip;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	signals++;
	last_signal = signal;
	last_rip = uc->uc_mcontext.gregs[REG_RIP];
	uc->uc_mcontext.gregs[REG_RIP] += 3; /* vmcall and vmmcall */
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signal;
	(void)info;
	traps++;
	last_rip = uc->uc_mcontext.gregs[REG_RIP];
}

static void catch (int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(signal, &action, NULL);
}

extern char at_vmcall[], at_vmmcall[];

static void show_hypercall(const char *name, void (*execute)(void), char *at)
{
	signals = 0;
	last_rip = 0;
	execute();
	printf("%s: %d signals, signal %d, at the instruction: %d\n", name, (int)signals,
	       (int)last_signal, last_rip == (uintptr_t)at);
}

static void execute_vmcall(void)
{
	uint64_t number = 0x4841444c00000000; /* HADAL_CALL_QUERY */

	__asm__ volatile(".globl at_vmcall\nat_vmcall: vmcall" : "+a"(number)::"memory");
}

static void execute_vmmcall(void)
{
	uint64_t number = 0x4841444c00000000;

	__asm__ volatile(".globl at_vmmcall\nat_vmmcall: vmmcall" : "+a"(number)::"memory");
}

extern char step_start[], step_end[];

/* CPUID plain and with prefixes, in the order and with the lengths below. */
static void stepped_code(void)
{
	__asm__ volatile(".globl step_start, step_end\n"
			 "step_start:\n"
			 "xor %%eax, %%eax\n"
			 "cpuid\n"
			 "xor %%eax, %%eax\n"
			 ".byte 0x66, 0x0f, 0xa2\n"
			 "xor %%eax, %%eax\n"
			 ".byte 0xf3, 0x48, 0x0f, 0xa2\n"
			 "xor %%eax, %%eax\n"
			 ".byte 0x2e, 0x67, 0x66, 0x40, 0x0f, 0xa2\n"
			 "xor %%eax, %%eax\n"
			 "step_end: nop\n" ::
				 : "rax", "rbx", "rcx", "rdx", "memory");
}

static void trace_steps(pid_t child)
{
	struct user_regs_struct regs;
	int status, steps = 0;

	waitpid(child, &status, 0);
	while (WIFSTOPPED(status) && steps < 100000) {
		ptrace(PTRACE_GETREGS, child, 0, &regs);
		if (regs.rip >= (uintptr_t)step_start && regs.rip <= (uintptr_t)step_end)
			printf("step at +%d, trap flag %d\n",
			       (int)(regs.rip - (uintptr_t)step_start), !!(regs.eflags & 0x100));
		steps++;
		ptrace(regs.rip == (uintptr_t)step_end ? PTRACE_CONT : PTRACE_SINGLESTEP, child, 0,
		       0);
		waitpid(child, &status, 0);
	}
	printf("traced child: exited %d, status %d\n", WIFEXITED(status), WEXITSTATUS(status));
}

static void show_steps(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		stepped_code();
		_exit(7);
	}
	trace_steps(child);
}

/* A program that sets its own trap flag gets one trap for each instruction, CPUID too. */
static void show_trap_flag(void)
{
	catch (SIGTRAP, on_trap);
	traps = 0;
	__asm__ volatile("pushf\n"
			 "orq $0x100, (%%rsp)\n"
			 "popf\n"
			 "xor %%eax, %%eax\n"
			 "cpuid\n"
			 ".byte 0x66, 0x0f, 0xa2\n"
			 "pushf\n"
			 "andq $~0x100, (%%rsp)\n"
			 "popf\n" ::
				 : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	printf("trap flag: %d traps\n", (int)traps);
}

static void show_device(void)
{
	int fd = open("/dev/hadal", O_RDWR);

	/* Absent before the module is loaded, refused after: no way in either way. */
	printf("device: %s\n", fd >= 0                              ? "open"
			       : errno == EACCES || errno == ENOENT ? "closed"
								    : "?");
}

int main(void)
{
	if (setgid(UNPRIVILEGED) || setuid(UNPRIVILEGED)) {
		perror("setuid");
		return 1;
	}
	catch (SIGILL, on_fault);
	catch (SIGSEGV, on_fault);
	for (int cpu = 0; cpu < 2; cpu++)
		show_cpuid(cpu);
	show_hypercall("vmcall", execute_vmcall, at_vmcall);
	show_hypercall("vmmcall", execute_vmmcall, at_vmmcall);
	show_steps();
	show_trap_flag();
	show_device();
	return 0;
}
