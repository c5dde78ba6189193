/* SPDX-License-Identifier: MIT */
/*
 * A machine for the hypercalls on the host: RAM where the image's direct map would be, one vCPU, a
 * nested map, and the hypervisor's own pages hidden in it. What is no RAM is not mapped here
 * either, so that touching it crashes. For one source file of a program.
 */
#ifndef HADAL_TESTS_CORE_FIXTURE_H
#define HADAL_TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "events/subscription.h"
#include "exit/apic.h"
#include "exit/base.h"
#include "hypercall/client.h"
#include "hypercall/hypercall.h"
#include "leave/leave.h"
#include "leave/stop.h"
#include "life/init.h"
#include "cpus/lock.h"
#include "extension/handlers.h"
#include "hypercall/map.h"
#include "paging/memory.h"
#include "base/percpu.h"
#include "cpus/pause.h"
#include "vcpu/register_set.h"
#include "cpus/request.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/cpu.h"

#define PHYSICAL_BITS 40
#define LOW_RAM_END   0x9f000ull
#define RAM_START     0x100000ull
#define RAM_END       0xc000000ull
#define OWN_START     0x200000ull
#define HIDDEN_PAGE   0x20f000ull /* what others see of the hypervisor's pages */
#define POOL_START    0x210000ull
#define OWN_END       0x240000ull
#define OWN_FILLER    0x9e

static struct vcpu *vcpu;
static uint64_t vcpu_register[REG_CPL + 1];
static bool code_is_64bit, was_undefined;
static uint64_t left_by; /* the way out that a CPU has left by */
static bool all_left;    /* nothing is left of the hypervisor's tables */
static jmp_buf left;

/* Only their addresses count. */
char image_start[1], image_text_end[1], image_rodata_end[1], image_end[1];

static void fixture_check(bool condition)
{
	if (!condition)
		abort();
}

/* Its page is where no RAM is, so that touching it crashes. */
#define WATCHED_APIC 0xfee00000ull

bool apic_is_watched(uint64_t gpa)
{
	return gpa - WATCHED_APIC < PAGE_BYTES;
}

uint64_t vcpu_get(struct vcpu *v, enum vcpu_reg reg)
{
	(void)v;
	return vcpu_register[reg];
}

void vcpu_set(struct vcpu *v, enum vcpu_reg reg, uint64_t value)
{
	(void)v;
	vcpu_register[reg] = value;
}

bool vcpu_long_mode(struct vcpu *v)
{
	(void)v;
	return code_is_64bit;
}

void vcpu_paging(struct vcpu *v, struct guest_paging *paging)
{
	(void)v;
	*paging = (struct guest_paging){
		.cr0 = vcpu_register[REG_CR0],
		.cr3 = vcpu_register[REG_CR3],
		.cr4 = vcpu_register[REG_CR4],
		.efer = vcpu_register[REG_EFER],
		.physical_bits = PHYSICAL_BITS,
		.has_1g = true,
	};
}

void vcpu_inject_exception(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
	(void)v;
	(void)error;
	if (vector != VECTOR_UD || has_error)
		abort();
	was_undefined = true;
}

void vcpu_inject_ud(struct vcpu *v)
{
	vcpu_inject_exception(v, VECTOR_UD, false, 0);
}

void vcpu_leave(struct vcpu *v, bool for_good)
{
	all_left = for_good;
	v->regs.rax = 0; /* as the system finds it */
	longjmp(left, 1);
}

void leave_by(struct vcpu *v, uint64_t way)
{
	(void)v;
	left_by = way;
}

void vcpu_registers(struct vcpu *v, struct hadal_regs *out)
{
	out->rax = v->regs.rax;
	out->cpu = v->index;
}

void vcpu_trace_pause(struct vcpu *v)
{
	(void)v;
}

int request_registers(struct vcpu *v, uint32_t index, struct hadal_regs *out)
{
	if (index)
		return -ENXIO;
	vcpu_registers(v, out);
	return 0;
}

uint32_t request_running(void)
{
	return 1;
}

void request_post(struct vcpu *to, uint32_t request)
{
	(void)to;
	(void)request;
	abort(); /* there is no other vCPU */
}

int request_wait_once(struct vcpu *v, const struct vcpu *other, uint64_t start)
{
	(void)v;
	(void)other;
	(void)start;
	abort();
}

int request_ask(struct vcpu *v, struct vcpu *other, uint32_t request)
{
	(void)v;
	fixture_check(request == REQUEST_SET);
	pause_take_registers(other);
	return 0;
}

int vcpu_set_registers(struct vcpu *v, const struct hadal_regs *values, uint64_t mask,
		       uint32_t *refused)
{
	*refused = HADAL_REG_CR4;
	if (mask >> HADAL_REG_COUNT)
		return -EINVAL;
	if (mask & BIT(HADAL_REG_CR4))
		return -ERANGE;
	if (mask & 1)
		v->regs.rax = values->rax;
	return 0;
}

void request_flush_all(struct vcpu *v)
{
	v->stats.flushes++;
}

void request_flush_page(struct vcpu *v, uint64_t hpa)
{
	(void)hpa;
	v->stats.flushes++;
}

void request_follow(struct vcpu *v)
{
	(void)v;
}

void extensions_set_clients(bool any)
{
	(void)any;
}

void extensions_listen(bool clients)
{
	(void)clients;
}

/* Events have tests of their own. */
#define NO_EVENTS(name)              \
	int64_t name(struct vcpu *v) \
	{                            \
		(void)v;             \
		return -EOPNOTSUPP;  \
	}
LOCK(events_lock, .what = "subscriptions");
static uint64_t events_at_page; /* records go there; 0: nowhere */

bool events_use(uint64_t start, uint64_t end)
{
	return events_at_page >= start && events_at_page < end;
}

NO_EVENTS(hypercall_events_open)
NO_EVENTS(hypercall_events_close)
NO_EVENTS(hypercall_subscribe)
NO_EVENTS(hypercall_unsubscribe)
NO_EVENTS(hypercall_subscription_state)
NO_EVENTS(hypercall_event_request)
NO_EVENTS(hypercall_event_answer)
NO_EVENTS(hypercall_view)

void vcpu_serve_requests(struct vcpu *v)
{
	(void)v;
	abort(); /* nobody holds a lock here */
}

struct vcpu *this_vcpu(void)
{
	return vcpu;
}

uint32_t percpu_index(void)
{
	return 0;
}

void vcpu_drop_caches(struct vcpu *v)
{
	(void)v;
}

void mtrr_read(struct mtrr_state *state, uint8_t bits)
{
	(void)state;
	(void)bits;
	abort();
}

void lock_is_broken(struct vcpu *v, const struct lock *lock)
{
	(void)v;
	(void)lock;
	abort();
}

static bool fixture_in_kernel(struct vcpu *v)
{
	return code_is_64bit && !vcpu_get(v, REG_CPL);
}

static const struct vendor fixture_vendor = {
	.id = HADAL_VENDOR_AMD,
	.name = "fixture",
	.in_kernel = fixture_in_kernel,
};
const struct vendor *vendor = &fixture_vendor;

static void fixture_map(uint64_t address, uint64_t bytes)
{
	fixture_check(mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			   0) == (void *)address);
}

/* Once for the program. */
static inline void fixture_open(void)
{
	fixture_map(HADAL_DIRECT_BASE + PAGE_BYTES, LOW_RAM_END - PAGE_BYTES);
	fixture_map(HADAL_DIRECT_BASE + RAM_START, RAM_END - RAM_START);
	vcpu = vcpu_at(0);
	fixture_map((uint64_t)vcpu, PERCPU_VCPU_PAGES * PAGE_BYTES);
}

/* A fresh machine; RAM keeps what it holds, but for the hypervisor's. */
static inline void fixture_start(void)
{
	all_left = false;
	memset(&machine, 0, sizeof(machine));
	machine.cpu_count = 1;
	machine.physical_bits = PHYSICAL_BITS;
	machine.ram_maps[0].count = 2;
	machine.ram_maps[0].range[0] = (struct hadal_range){PAGE_BYTES, LOW_RAM_END};
	machine.ram_maps[0].range[1] = (struct hadal_range){RAM_START, RAM_END};
	machine.ram = machine.ram_maps;
	machine.own_maps[0].count = 1;
	machine.own_maps[0].range[0] = (struct hadal_range){OWN_START, OWN_END};
	machine.own = machine.own_maps;
	memset(memory_direct(OWN_START), OWN_FILLER, POOL_START - OWN_START);
	memset(memory_direct(HIDDEN_PAGE), 0, PAGE_BYTES);
	pt_pool_init(&machine.pool, HADAL_DIRECT_BASE);
	pt_pool_add(&machine.pool, POOL_START, OWN_END - POOL_START);
	fixture_check(!nested_init(&machine.nested, &pt_format_npt, &machine.pool, NULL,
				   PHYSICAL_BITS, 4, 3, BIT(32)));
	for (uint64_t page = OWN_START; page < OWN_END; page += PAGE_BYTES)
		fixture_check(!nested_set(&machine.nested, page, HIDDEN_PAGE, PT_READ));

	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->running = true;
	memset(vcpu_register, 0, sizeof(vcpu_register));
	vcpu_register[REG_CR0] = CR0_PE | CR0_PG | CR0_WP;
	vcpu_register[REG_CR4] = CR4_PAE;
	vcpu_register[REG_EFER] = EFER_LME | EFER_LMA | EFER_NXE;
	code_is_64bit = true;
}

/* The hypervisor's pages are as fixture_start() left them. */
static inline bool fixture_own_unchanged(void)
{
	const uint8_t *own = memory_direct(OWN_START);

	for (uint64_t i = 0; i < POOL_START - OWN_START; i++)
		if (own[i] !=
		    (i / PAGE_BYTES == (HIDDEN_PAGE - OWN_START) / PAGE_BYTES ? 0 : OWN_FILLER))
			return false;
	return true;
}

/* A hypercall with the registers as they are; false when it raised #UD. */
static inline bool fixture_execute(void)
{
	was_undefined = false;
	if (!setjmp(left))
		fixture_check(base_hypercall(vcpu) ==
			      (was_undefined ? VERDICT_RETRY : VERDICT_DONE));
	return !was_undefined;
}

static inline int64_t fixture_call(uint64_t number, uint64_t rdi, uint64_t rsi, uint64_t rdx,
				   uint64_t r8, uint64_t r9)
{
	vcpu->regs.rax = HADAL_CALL_BASE + number;
	vcpu->regs.rdi = rdi;
	vcpu->regs.rsi = rsi;
	vcpu->regs.rdx = rdx;
	vcpu->regs.r8 = r8;
	vcpu->regs.r9 = r9;
	fixture_check(fixture_execute());
	return vcpu->regs.rax;
}

#endif
