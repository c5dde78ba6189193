/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in the image's own address space and in each CPU's memory; also for assembly.
 *
 * Everything is in the lower half, which Linux never uses for itself, so that the loader's
 * trampoline address can lie beside it in one set of tables.
 */
#ifndef HADAL_BASE_LAYOUT_H
#define HADAL_BASE_LAYOUT_H

#define LAYOUT_IMAGE_BASE  0x0000101000000000
#define LAYOUT_PERCPU_BASE 0x0000102000000000
#define LAYOUT_DIRECT_BASE 0x0000110000000000 /* to the end of the lower half */

/* One CPU's part of the address space; the pages between the named ones are guards. */
#define PERCPU_SHIFT       17
#define PERCPU_STACK       0x01000 /* 3 pages; struct vcpu lies right above */
#define PERCPU_STACK_PAGES 3
#define PERCPU_VCPU        0x04000
#define PERCPU_VCPU_PAGES  2
#define PERCPU_DF_STACK    0x07000
#define PERCPU_NMI_STACK   0x09000
#define PERCPU_MC_STACK    0x0b000
#define PERCPU_ARCH        0x0d000 /* the vendor's control structures */
#define PERCPU_ARCH_PAGES  4
#define PERCPU_WINDOW      0x12000 /* where a page that is not RAM is mapped for one access */
#define PERCPU_EVENTS      0x14000 /* struct vcpu_events */
#define PERCPU_EVENT_PAGES 2
#define PERCPU_APIC        0x17000 /* the memory-mapped registers of its local APIC */
#define PERCPU_PAGES \
	(PERCPU_STACK_PAGES + PERCPU_VCPU_PAGES + 3 + PERCPU_ARCH_PAGES + PERCPU_EVENT_PAGES)

#endif
