// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Times single instructions in ring 0 with interrupts off. Each read of /proc/hadal_bench takes the
 * samples anew and prints a line "NAME LEAST MOST_FREQUENT GREATEST" of TSC ticks for each
 * instruction, or "NAME absent" for a hypercall that nobody answers. CPUID is also checked: its
 * answers against those of the load of this module, and the place where it goes on.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <asm/asm.h>
#include <asm/processor.h>
#include <hadal/abi.h>

#include "sample.h"

#define MSR_OF_AMD   0xc0000080 /* EFER: exits for its SVME */
#define MSR_OF_INTEL 0x3a       /* IA32_FEATURE_CONTROL: exits for its VMX bits */
#define MSR_WRITTEN  0xc0000103 /* TSC_AUX: only for who subscribes to it */

static u32 ticks[SAMPLE_COUNT];

static const u32 checked_leaves[] = {0, 1, 2, 7, 0x80000001, 0x80000002, 0x80000008, 0x40000000};
static struct answer {
	u32 eax, ebx, ecx, edx;
} answers[ARRAY_SIZE(checked_leaves)];

#define DEFINE_SAMPLER(name, code)                                                 \
	static noinline u32 sample_##name(u64 rax, u64 rcx)                        \
	{                                                                          \
		register u64 r8 asm("r8") = rax;                                   \
		register u64 r9 asm("r9") = rcx;                                   \
		u64 rdi = HADAL_ABI_VERSION;                                       \
		u32 result;                                                        \
                                                                                   \
		asm volatile(SAMPLE("%%", code)                                    \
			     : "=a"(result), "+r"(r8), "+r"(r9), "+D"(rdi)         \
			     :                                                     \
			     : "rbx", "rcx", "rdx", "rsi", "r10", "cc", "memory"); \
		return result;                                                     \
	}

/* Answers of one form of CPUID; false when it did not go on right behind itself. */
#define DEFINE_CHECKED(name, prefix)                                                   \
	static noinline bool checked_##name(u32 leaf, struct answer *a)                \
	{                                                                              \
		u8 reached = 0;                                                        \
                                                                                       \
		asm volatile("clc\n\t" prefix "cpuid\n\t"                              \
			     "stc\n\t"                                                 \
			     "adcb $0, %4"                                             \
			     : "=a"(a->eax), "=b"(a->ebx), "=c"(a->ecx), "=d"(a->edx), \
			       "+m"(reached)                                           \
			     : "0"(leaf), "2"(0)                                       \
			     : "cc");                                                  \
		return reached == 1;                                                   \
	}

#define DEFINE_CPUID(name, prefix)           \
	DEFINE_SAMPLER(name, prefix "cpuid") \
	DEFINE_CHECKED(name, prefix)

CPUID_FORMS(DEFINE_CPUID)
DEFINE_SAMPLER(nothing, "")
DEFINE_SAMPLER(rdmsr, "rdmsr")
DEFINE_SAMPLER(wrmsr, "xor %%edx, %%edx\n\twrmsr")
DEFINE_SAMPLER(cr3, "mov %%rax, %%cr3")
DEFINE_SAMPLER(vmcall, "vmcall")
DEFINE_SAMPLER(vmmcall, "vmmcall")

static bool is_amd(void)
{
	return boot_cpu_data.x86_vendor != X86_VENDOR_INTEL;
}

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static u32 most_frequent(void)
{
	size_t best = 0, run = 0;
	u32 value = ticks[0];

	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		run = i && ticks[i] == ticks[i - 1] ? run + 1 : 1;
		if (run > best) {
			best = run;
			value = ticks[i];
		}
	}
	return value;
}

static void measure(struct seq_file *out, const char *name, u32 (*sample)(u64, u64), u64 rax,
		    u64 rcx)
{
	unsigned long flags;

	local_irq_save(flags);
	for (size_t i = 0; i < SAMPLE_COUNT; i++)
		ticks[i] = sample(rax, rcx);
	local_irq_restore(flags);
	sort(ticks, SAMPLE_COUNT, sizeof(ticks[0]), compare, NULL);
	seq_printf(out, "%s %u %u %u\n", name, ticks[0], most_frequent(), ticks[SAMPLE_COUNT - 1]);
}

/* Each is written what it has. */
static void measure_written(struct seq_file *out)
{
	unsigned long flags;
	u64 value;

	local_irq_save(flags);
	rdmsrl_safe(MSR_WRITTEN, &value);
	measure(out, "wrmsr", sample_wrmsr, (u32)value, MSR_WRITTEN);
	measure(out, "cr3", sample_cr3, __read_cr3(), 0);
	local_irq_restore(flags);
}

static bool hypervisor_answers(void)
{
	u64 rax = HADAL_CALL_BASE + HADAL_CALL_QUERY, rdi = HADAL_ABI_VERSION;
	u64 asked = rax;

	if (is_amd())
		asm volatile("1: vmmcall\n2:\n" _ASM_EXTABLE(1b, 2b)
			     : "+a"(rax), "+D"(rdi)
			     :
			     : "rsi", "rdx", "memory");
	else
		asm volatile("1: vmcall\n2:\n" _ASM_EXTABLE(1b, 2b)
			     : "+a"(rax), "+D"(rdi)
			     :
			     : "rsi", "rdx", "memory");
	return rax != asked;
}

static void measure_hypercall(struct seq_file *out)
{
	if (hypervisor_answers())
		measure(out, "hypercall", is_amd() ? sample_vmmcall : sample_vmcall,
			HADAL_CALL_BASE + HADAL_CALL_QUERY, 0);
	else
		seq_puts(out, "hypercall absent\n");
}

static void check(struct seq_file *out, const char *name, bool (*cpuid_form)(u32, struct answer *))
{
	struct answer answer;

	for (size_t i = 0; i < ARRAY_SIZE(checked_leaves); i++) {
		if (!cpuid_form(checked_leaves[i], &answer))
			seq_printf(out, "%s wrong: does not go on right behind itself\n", name);
		if (memcmp(&answer, &answers[i], sizeof(answer)))
			seq_printf(out, "%s wrong: leaf %x answers otherwise than before\n", name,
				   checked_leaves[i]);
	}
}

static int show(struct seq_file *out, void *unused)
{
	measure(out, "nothing", sample_nothing, 0, 0);
#define MEASURE_CPUID(name, prefix)               \
	measure(out, #name, sample_##name, 0, 0); \
	check(out, #name, checked_##name);
	CPUID_FORMS(MEASURE_CPUID)
	measure(out, "rdmsr", sample_rdmsr, 0, is_amd() ? MSR_OF_AMD : MSR_OF_INTEL);
	measure_written(out);
	measure_hypercall(out);
	return 0;
}

static int __init bench_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(checked_leaves); i++)
		checked_cpuid(checked_leaves[i], &answers[i]);
	return proc_create_single("hadal_bench", 0400, NULL, show) ? 0 : -ENOMEM;
}

static void __exit bench_exit(void)
{
	remove_proc_entry("hadal_bench", NULL);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Times instructions that a hypervisor may intercept");
