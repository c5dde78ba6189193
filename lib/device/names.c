// SPDX-License-Identifier: MIT
/* Names of what the hypervisor counts and tells, for people. */
#include "device/hypervisor.h"

static const char *const exit_names[] = {
	[HADAL_EXIT_UNKNOWN] = "unknown",
	[HADAL_EXIT_CPUID] = "cpuid",
	[HADAL_EXIT_HYPERCALL] = "hypercall",
	[HADAL_EXIT_RDMSR] = "rdmsr",
	[HADAL_EXIT_WRMSR] = "wrmsr",
	[HADAL_EXIT_CR_READ] = "cr-read",
	[HADAL_EXIT_CR_WRITE] = "cr-write",
	[HADAL_EXIT_DR_ACCESS] = "dr-access",
	[HADAL_EXIT_XSETBV] = "xsetbv",
	[HADAL_EXIT_INVD] = "invd",
	[HADAL_EXIT_WBINVD] = "wbinvd",
	[HADAL_EXIT_VIRT_INSN] = "vmx-svm-insn",
	[HADAL_EXIT_EXCEPTION] = "exception",
	[HADAL_EXIT_NMI] = "nmi",
	[HADAL_EXIT_NMI_WINDOW] = "nmi-window",
	[HADAL_EXIT_INTERRUPT] = "interrupt",
	[HADAL_EXIT_INTERRUPT_WINDOW] = "interrupt-window",
	[HADAL_EXIT_NESTED_FAULT] = "nested-fault",
	[HADAL_EXIT_NESTED_MISCONFIG] = "nested-misconfig",
	[HADAL_EXIT_IO] = "io",
	[HADAL_EXIT_HLT] = "hlt",
	[HADAL_EXIT_RDTSC] = "rdtsc",
	[HADAL_EXIT_RDTSCP] = "rdtscp",
	[HADAL_EXIT_RDPMC] = "rdpmc",
	[HADAL_EXIT_PAUSE] = "pause",
	[HADAL_EXIT_MONITOR] = "monitor",
	[HADAL_EXIT_MWAIT] = "mwait",
	[HADAL_EXIT_INVLPG] = "invlpg",
	[HADAL_EXIT_DESCRIPTOR] = "descriptor",
	[HADAL_EXIT_TASK_SWITCH] = "task-switch",
	[HADAL_EXIT_SINGLE_STEP] = "single-step",
	[HADAL_EXIT_SHUTDOWN] = "shutdown",
	[HADAL_EXIT_INIT] = "init",
	[HADAL_EXIT_SIPI] = "sipi",
	[HADAL_EXIT_SMI] = "smi",
	[HADAL_EXIT_IRET] = "iret",
	[HADAL_EXIT_TIMER] = "timer",
};

_Static_assert(sizeof(exit_names) / sizeof(exit_names[0]) == HADAL_EXIT_KIND_COUNT,
	       "every exit kind has a name");

const char *hadal_exit_name(unsigned int kind)
{
	return kind < HADAL_EXIT_KIND_COUNT ? exit_names[kind] : NULL;
}

const char *hadal_vendor_name(unsigned int vendor)
{
	switch (vendor) {
	case HADAL_VENDOR_INTEL:
		return "Intel VT-x";
	case HADAL_VENDOR_AMD:
		return "AMD SVM";
	default:
		return "unknown";
	}
}
