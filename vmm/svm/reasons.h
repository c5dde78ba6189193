/* SPDX-License-Identifier: MIT */
/* Exit codes (APM vol. 2, appendix C) and what they are to the core. */
#ifndef HADAL_SVM_REASONS_H
#define HADAL_SVM_REASONS_H

#include <stdint.h>
#include <hadal/abi.h>

enum svm_exit_code {
	SVM_EXIT_CR_READ = 0x00,
	SVM_EXIT_CR_WRITE = 0x10,
	SVM_EXIT_DR_READ = 0x20,
	SVM_EXIT_DR_WRITE = 0x30,
	SVM_EXIT_EXCEPTION = 0x40,
	SVM_EXIT_INTR = 0x60,
	SVM_EXIT_NMI = 0x61,
	SVM_EXIT_SMI = 0x62,
	SVM_EXIT_INIT = 0x63,
	SVM_EXIT_VINTR = 0x64,
	SVM_EXIT_IDTR_READ = 0x66, /* then GDTR, LDTR, TR; then writes of the four */
	SVM_EXIT_TR_WRITE = 0x6d,
	SVM_EXIT_RDTSC = 0x6e,
	SVM_EXIT_RDPMC = 0x6f,
	SVM_EXIT_CPUID = 0x72,
	SVM_EXIT_IRET = 0x74,
	SVM_EXIT_SOFTWARE_INT = 0x75,
	SVM_EXIT_INVD = 0x76,
	SVM_EXIT_PAUSE = 0x77,
	SVM_EXIT_HLT = 0x78,
	SVM_EXIT_INVLPG = 0x79,
	SVM_EXIT_INVLPGA = 0x7a,
	SVM_EXIT_IO = 0x7b,
	SVM_EXIT_MSR = 0x7c,
	SVM_EXIT_SHUTDOWN = 0x7f,
	SVM_EXIT_VMRUN = 0x80,
	SVM_EXIT_VMMCALL = 0x81,
	SVM_EXIT_VMLOAD = 0x82,
	SVM_EXIT_VMSAVE = 0x83,
	SVM_EXIT_STGI = 0x84,
	SVM_EXIT_CLGI = 0x85,
	SVM_EXIT_SKINIT = 0x86,
	SVM_EXIT_RDTSCP = 0x87,
	SVM_EXIT_WBINVD = 0x89,
	SVM_EXIT_MONITOR = 0x8a,
	SVM_EXIT_MWAIT = 0x8b,
	SVM_EXIT_XSETBV = 0x8d,
	SVM_EXIT_NPF = 0x400,
};

#define SVM_EXIT_INVALID 0xffffffffu

/*
 * Kinds of exits of instructions without operands, which have nothing more to tell. By the low byte
 * of the exit code: those above 255 have the low byte of none of these.
 */
extern const uint8_t svm_plain_kind[256];

#define SVM_KIND_TABLE 0x90
/* Kinds of all others, by exit codes below that. */
extern const uint8_t svm_kind[SVM_KIND_TABLE];

#endif
