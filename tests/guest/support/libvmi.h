/* SPDX-License-Identifier: MIT */
/* The requests of LibVMI's Bareflank driver, instruction by instruction; see docs/libvmi.md. */
#ifndef TESTS_GUEST_LIBVMI_H
#define TESTS_GUEST_LIBVMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096ull

#define VMI_ACK   0xbf05000000000001ull
#define VMI_GET   0xbf05000000000002ull
#define VMI_SET   0xbf05000000000003ull
#define VMI_V2P   0xbf05000000000004ull
#define VMI_MAP   0xbf05000000000005ull
#define VMI_PROBE 0xbf05000000000006ull

/* Domain ids: this machine, and any other. */
#define DOM0  0
#define OTHER 1

/* General registers around one instruction. */
struct vmi_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi;
};

/* VMCALL, on every vendor. */
void vmi_execute(struct vmi_registers *registers);
/* VMMCALL. */
void vmi_execute_amd(struct vmi_registers *registers);
/* CPUID. */
void vmi_cpuid(struct vmi_registers *registers);

/* One request; its status. */
uint64_t vmi_call(uint64_t number, uint64_t rdi, uint64_t rsi, uint64_t domain);
/* Physical address of a page of this program's, which must have one. */
uint64_t vmi_physical(const volatile void *address);
/* These end the program when they fail. */
void vmi_map(volatile void *page, uint64_t physical);
void vmi_restore(volatile void *page, uint64_t physical);

/* Fresh private pages, written to. */
uint8_t *vmi_pages(size_t count);
/* Address of a kernel symbol, or 0. */
uint64_t vmi_symbol(const char *name);
/* A register of a JSON answer, which must be there. */
int64_t vmi_json_register(const char *json, const char *name);

#endif
