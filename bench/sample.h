/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* One sample, the same instructions wherever it is taken: in ring 0 of the guest, and under KVM. */
#ifndef HADAL_BENCH_SAMPLE_H
#define HADAL_BENCH_SAMPLE_H

#define SAMPLE_COUNT 1000

/*
 * EAX = ticks from one RDTSC to the next, `code` between them with RAX = R8 and RCX = R9. R10
 * must survive `code`; RAX, RCX and RDX do not survive it all. R is what the asm statement wants
 * before a register's name.
 */
#define SAMPLE(R, code)                         \
	"rdtsc\n\t"                             \
	"mov " R "eax, " R "r10d\n\t"           \
	"mov " R "r8, " R "rax\n\t"             \
	"mov " R "r9, " R "rcx\n\t" code "\n\t" \
	"rdtsc\n\t"                             \
	"sub " R "r10d, " R "eax\n\t"

/* CPUID and forms of it that differ in length alone. */
#define CPUID_FORMS(form)                                                            \
	form(cpuid, "") form(cpuid_66, ".byte 0x66;") form(cpuid_rep, ".byte 0xf3;") \
		form(cpuid_rex, ".byte 0x48;") form(cpuid_four, ".byte 0x2e, 0x66, 0xf2, 0x4f;")

#endif
