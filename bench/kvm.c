// SPDX-License-Identifier: MIT
/*
 * bench_kvm: the exits that hadal_bench.ko times, under the KVM of the running kernel. The guest is
 * a loop in 64-bit mode; lines are "NAME LEAST MOST_FREQUENT GREATEST" of TSC ticks.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sample.h"
#include "samples.h"

#define GUEST_BYTES  0x200000
#define GUEST_TABLES 0x1000 /* one page for each of three levels */
#define GUEST_CODE   0x8000
#define GUEST_OUTPUT 0x10000
#define ENTRY_TABLE  3    /* present, writable */
#define ENTRY_LARGE  0x83 /* and 2 MiB */

#define CR0_PE   0x1
#define CR0_PG   0x80000000u
#define CR4_PAE  0x20
#define EFER_LMA 0x500 /* and LME */

#define MSR_OF_AMD   0xc0000080 /* EFER; intercepted by KVM too */
#define MSR_OF_INTEL 0x3a       /* IA32_FEATURE_CONTROL */
#define CALL_NOTHING 1          /* KVM_HC_VAPIC_POLL_IRQ returns 0 at once */

/* R13: where to store samples, R14: how many. */
#define GUEST_LOOP(name, code)                                                     \
	extern const uint8_t guest_##name[], guest_##name##_end[];                 \
	__asm__(".pushsection .rodata\n"                                           \
		"guest_" #name ":\n\t" SAMPLE("%", code) "mov %eax, (%r13)\n\t"    \
							 "add $4, %r13\n\t"        \
							 "dec %r14\n\t"            \
							 "jnz guest_" #name "\n\t" \
							 "hlt\n"                   \
							 "guest_" #name "_end:\n"  \
							 ".popsection")

GUEST_LOOP(nothing, "");
GUEST_LOOP(cpuid, "cpuid");
GUEST_LOOP(rdmsr, "rdmsr");
GUEST_LOOP(vmcall, "vmcall");
GUEST_LOOP(vmmcall, "vmmcall");

struct guest {
	int cpu;
	struct kvm_run *run;
	uint8_t *memory;
};

static int check(int result, const char *what)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "bench_kvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The guest gets every feature that KVM has, so that reading the MSRs is allowed. */
static void set_features(int kvm, int cpu)
{
	enum { ENTRIES = 256 };
	struct kvm_cpuid2 *features =
		calloc(1, sizeof(*features) + ENTRIES * sizeof(features->entries[0]));

	if (!features)
		abort();
	features->nent = ENTRIES;
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, features), "KVM_GET_SUPPORTED_CPUID");
	check(ioctl(cpu, KVM_SET_CPUID2, features), "KVM_SET_CPUID2");
	free(features);
}

static void set_long_mode(struct guest *guest)
{
	struct kvm_segment code = {
		.selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1, .limit = ~0u};
	struct kvm_segment data = {
		.selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1, .limit = ~0u};
	uint64_t *table = (uint64_t *)(guest->memory + GUEST_TABLES);
	struct kvm_sregs s;

	table[0] = (GUEST_TABLES + 0x1000) | ENTRY_TABLE;
	table[512] = (GUEST_TABLES + 0x2000) | ENTRY_TABLE;
	table[1024] = ENTRY_LARGE;
	check(ioctl(guest->cpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.ss = s.fs = s.gs = data;
	s.cr3 = GUEST_TABLES;
	s.cr4 = CR4_PAE;
	s.cr0 |= CR0_PE | CR0_PG;
	s.efer = EFER_LMA;
	check(ioctl(guest->cpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
}

static void make_guest(struct guest *guest)
{
	struct kvm_userspace_memory_region region = {.memory_size = GUEST_BYTES};
	int kvm = check(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int machine = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	int run_bytes = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");

	guest->memory = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	region.userspace_addr = (uintptr_t)guest->memory;
	check(ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	guest->cpu = check(ioctl(machine, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	guest->run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, guest->cpu, 0);
	if (guest->memory == MAP_FAILED || guest->run == MAP_FAILED)
		check(-1, "mmap");
	set_features(kvm, guest->cpu);
	set_long_mode(guest);
}

static void measure(struct guest *guest, const char *name, const uint8_t *code, const uint8_t *end,
		    uint64_t rax, uint64_t rcx)
{
	struct kvm_regs regs = {
		.rip = GUEST_CODE,
		.rflags = 2,
		.r8 = rax,
		.r9 = rcx,
		.r13 = GUEST_OUTPUT,
		.r14 = SAMPLE_COUNT,
	};
	const uint32_t *output = (const uint32_t *)(guest->memory + GUEST_OUTPUT);
	uint64_t ticks[SAMPLE_COUNT];

	memcpy(guest->memory + GUEST_CODE, code, end - code);
	check(ioctl(guest->cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	do
		check(ioctl(guest->cpu, KVM_RUN, 0), "KVM_RUN");
	while (guest->run->exit_reason == KVM_EXIT_INTR);
	if (guest->run->exit_reason != KVM_EXIT_HLT) {
		fprintf(stderr, "bench_kvm: the guest ended %s with exit %u\n", name,
			guest->run->exit_reason);
		exit(1);
	}
	for (size_t i = 0; i < SAMPLE_COUNT; i++)
		ticks[i] = output[i];
	samples_print(name, ticks, SAMPLE_COUNT);
}

#define MEASURE(name, loop, rax, rcx) \
	measure(&guest, name, guest_##loop, guest_##loop##_end, rax, rcx)

int main(int argc, char **argv)
{
	bool is_amd = argc == 2 && !strcmp(argv[1], "amd");
	struct guest guest;

	if (!is_amd && (argc != 2 || strcmp(argv[1], "intel"))) {
		fprintf(stderr, "usage: bench_kvm amd|intel\n");
		return 2;
	}
	make_guest(&guest);
	MEASURE("nothing", nothing, 0, 0);
	MEASURE("cpuid", cpuid, 0, 0);
	MEASURE("rdmsr", rdmsr, 0, is_amd ? MSR_OF_AMD : MSR_OF_INTEL);
	if (is_amd)
		MEASURE("hypercall", vmmcall, CALL_NOTHING, 0);
	else
		MEASURE("hypercall", vmcall, CALL_NOTHING, 0);
	return 0;
}
