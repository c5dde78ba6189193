// SPDX-License-Identifier: MIT
/*
 * Events of each kind by way of `hadal kvmi`, told and answered byte for byte, on CPU 1. In a guest
 * as root with two CPUs, with Hadal started and /dev/hadal_test.
 */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>

#include "support/check.h"
#include "support/deeds.h"
#include "support/introspector.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define PCE  0x100ull
#define LEAF 0x40005678u

static struct arena arena;
static int device;

static int toggle_pce(void)
{
	have_done(device, HADAL_TEST_CR4, 0, PCE, 1);
	return 0;
}

/* The guest changes a bit and back: the first time it is not let. */
static void check_cr(void)
{
	struct kvmi_event_cr cr;
	struct kvmi_event event;
	uint64_t before;
	uint32_t seq;
	pid_t child;

	EQUAL(peer_control_events(1, KVMI_EVENT_CR, true), 0);
	EQUAL(peer_control(KVMI_CONTROL_CR, 1, 4, true), 0);
	child = start_on(1, toggle_pce);
	seq = peer_event(&event, &cr, sizeof(cr));
	EQUAL(event.event, KVMI_EVENT_CR);
	EQUAL(event.regs.rbx, HADAL_TEST_MARK);
	EQUAL(cr.cr, 4);
	EQUAL(cr.new_value, cr.old_value ^ PCE);
	EQUAL(event.sregs.cr4, cr.old_value);
	before = cr.old_value;
	peer_reply_value(seq, KVMI_EVENT_CR, before);
	/* The way back changes nothing then, and does not exit on every processor. */
	while (peer_tells_before_end(child)) {
		seq = peer_event(&event, &cr, sizeof(cr));
		EQUAL(cr.old_value, before);
		EQUAL(cr.new_value, before);
		peer_reply_value(seq, KVMI_EVENT_CR, before);
	}
	EQUAL(peer_control(KVMI_CONTROL_CR, 1, 4, false), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_CR, false), 0);
	EQUAL(status_of(start_on(1, toggle_pce)), 0);
	peer_is_silent();
}

static uint32_t registers_seen[4];

static int ask_leaf(void)
{
	__cpuid_count(LEAF, 7, registers_seen[0], registers_seen[1], registers_seen[2],
		      registers_seen[3]);
	return registers_seen[0] == 0x1234 && registers_seen[1] == 0x5678 ? 3 : 4;
}

static int raises_undefined(void)
{
	signal(SIGILL, _exit);
	return ask_leaf();
}

static uint32_t cpuid_event(struct kvmi_event *event)
{
	struct kvmi_event_cpuid cpuid;
	uint32_t seq;

	for (;;) {
		seq = peer_event(event, &cpuid, sizeof(cpuid));
		EQUAL(event->event, KVMI_EVENT_CPUID);
		EQUAL(cpuid.length, 2);
		if (cpuid.leaf == LEAF)
			break;
		peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_CPUID, NULL, 0);
	}
	EQUAL(cpuid.subleaf, 7);
	return seq;
}

static void check_cpuid(void)
{
	const struct kvmi_get_cpuid ask = {.vcpu.vcpu = 1, .leaf = 0};
	struct kvmi_get_cpuid beyond = {.vcpu.vcpu = 1, .leaf = 0x0fffffff};
	struct kvmi_inject_exception inject = {.vcpu.vcpu = 1, .vector = 6};
	const struct kvmi_cpuid *got = (const void *)peer.answer;
	struct kvmi_event event;
	uint32_t seq, regs[4];
	pid_t child;

	EQUAL(peer_ask(KVMI_GET_CPUID, &ask, sizeof(ask)), 0);
	__cpuid(0, regs[0], regs[1], regs[2], regs[3]);
	CHECK(got->eax == regs[0] && got->ebx == regs[1] && got->ecx == regs[2]);
	EQUAL(peer_ask(KVMI_GET_CPUID, &beyond, sizeof(beyond)), -ENOENT);
	EQUAL(peer_ask(KVMI_INJECT_EXCEPTION, &inject, sizeof(inject)), -EAGAIN);
	EQUAL(peer_control_events(1, KVMI_EVENT_CPUID, true), 0);
	child = start_on(1, ask_leaf);
	seq = cpuid_event(&event);
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_CPUID, NULL, 0);
	EQUAL(status_of(child), 4);
	child = start_on(1, ask_leaf);
	seq = cpuid_event(&event);
	event.regs.rax = 0x1234;
	event.regs.rbx = 0x5678;
	event.regs.rip += 2;
	peer_set_registers(1, &event.regs);
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_CPUID, NULL, 0);
	EQUAL(status_of(child), 3);
	/* An exception instead. */
	child = start_on(1, raises_undefined);
	seq = cpuid_event(&event);
	inject.vector = 2;
	EQUAL(peer_ask(KVMI_INJECT_EXCEPTION, &inject, sizeof(inject)), -EINVAL);
	inject.vector = 6;
	inject.error = 1;
	EQUAL(peer_ask(KVMI_INJECT_EXCEPTION, &inject, sizeof(inject)), -EINVAL);
	inject.error = 0;
	EQUAL(peer_ask(KVMI_INJECT_EXCEPTION, &inject, sizeof(inject)), 0);
	EQUAL(peer_ask(KVMI_INJECT_EXCEPTION, &inject, sizeof(inject)), -EBUSY);
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_CPUID, NULL, 0);
	EQUAL(status_of(child), SIGILL);
	EQUAL(peer_control_events(1, KVMI_EVENT_CPUID, false), 0);
}

static int load_idt(void)
{
	have_done(device, HADAL_TEST_LOAD_TABLE, HADAL_IDTR, 0, 1);
	return 0;
}

static void check_descriptor(void)
{
	struct kvmi_event_descriptor descriptor;
	struct kvmi_event event;
	bool seen_mark = false;
	uint32_t seq;
	pid_t child;

	EQUAL(peer_control_events(1, KVMI_EVENT_DESCRIPTOR, true), 0);
	child = start_on(1, load_idt);
	while (peer_tells_before_end(child)) {
		seq = peer_event(&event, &descriptor, sizeof(descriptor));
		EQUAL(event.event, KVMI_EVENT_DESCRIPTOR);
		if (event.regs.rbx == HADAL_TEST_MARK && descriptor.write) {
			EQUAL(descriptor.descriptor, KVMI_IDTR);
			seen_mark = true;
		}
		peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_DESCRIPTOR, NULL, 0);
	}
	CHECK(seen_mark);
	EQUAL(peer_control_events(1, KVMI_EVENT_DESCRIPTOR, false), 0);
}

extern char trap[], behind_trap[];
int call_trap(void);
__asm__(".globl call_trap, trap, behind_trap\n"
	"call_trap: movl $5, %eax\n"
	"trap: int3\n"
	"behind_trap: ret");

static int hits_trap(void)
{
	signal(SIGTRAP, _exit);
	return call_trap();
}

static uint32_t breakpoint_event(struct kvmi_event *event)
{
	struct kvmi_event_breakpoint breakpoint;
	uint32_t seq = peer_event(event, &breakpoint, sizeof(breakpoint));

	EQUAL(event->event, KVMI_EVENT_BREAKPOINT);
	EQUAL(event->regs.rip, (uintptr_t)trap);
	EQUAL(breakpoint.address, physical_of(trap));
	EQUAL(breakpoint.length, 1);
	return seq;
}

static void check_breakpoint(void)
{
	struct kvmi_event event;
	pid_t child;
	uint32_t seq;

	EQUAL(peer_control_events(1, KVMI_EVENT_BREAKPOINT, true), 0);
	child = start_on(1, hits_trap);
	seq = breakpoint_event(&event);
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_BREAKPOINT, NULL, 0);
	EQUAL(status_of(child), SIGTRAP);
	child = start_on(1, hits_trap);
	seq = breakpoint_event(&event);
	peer_reply(1, seq, KVMI_ACTION_RETRY, KVMI_EVENT_BREAKPOINT, NULL, 0);
	seq = breakpoint_event(&event); /* it is still there */
	event.regs.rip++;
	event.regs.rax = 9;
	peer_set_registers(1, &event.regs);
	peer_reply(1, seq, KVMI_ACTION_RETRY, KVMI_EVENT_BREAKPOINT, NULL, 0);
	EQUAL(status_of(child), 9);
	EQUAL(peer_control_events(1, KVMI_EVENT_BREAKPOINT, false), 0);
	EQUAL(status_of(start_on(1, hits_trap)), SIGTRAP);
}

static int write_arena(void)
{
	__asm__ volatile("movq $5, (%0)" ::"r"(arena.bytes + 4096) : "memory");
	return 0;
}

static int set_access(uint64_t address, unsigned int access)
{
	const struct {
		struct kvmi_page_access header;
		struct kvmi_page page[2];
	} request = {{.count = 2},
		     {{.address = address, .access = (uint8_t)access},
		      {.address = address + 8192, .access = (uint8_t)access}}};

	return peer_ask(KVMI_SET_PAGE_ACCESS, &request, sizeof(request));
}

static unsigned int get_access(uint64_t address)
{
	const struct {
		struct kvmi_page_access header;
		uint64_t address;
	} request = {{.count = 1}, address};

	EQUAL(peer_ask(KVMI_GET_PAGE_ACCESS, &request, sizeof(request)), 0);
	EQUAL(peer.answer_bytes, 1);
	return peer.answer[0];
}

static uint32_t access_event(struct kvmi_event *event, unsigned int access)
{
	struct kvmi_event_pf pf;
	uint32_t seq = peer_event(event, &pf, sizeof(pf));

	EQUAL(event->event, KVMI_EVENT_PF);
	EQUAL(pf.physical, arena.physical + 4096);
	EQUAL(pf.access, access);
	EQUAL(pf.view, 0);
	return seq;
}

static void access_reply(uint32_t seq, unsigned int action)
{
	const struct kvmi_reply_pf nothing = {0};

	peer_reply(1, seq, action, KVMI_EVENT_PF, &nothing, sizeof(nothing));
}

static void check_access(void)
{
	volatile uint64_t *word = (volatile uint64_t *)(arena.bytes + 4096);
	const uint64_t place = arena.physical + 4096;
	struct kvmi_page_access other_view = {.view = 1};
	struct kvmi_event event;
	uint32_t seq;
	pid_t child;

	*word = 1;
	EQUAL(peer_ask(KVMI_SET_PAGE_ACCESS, &other_view, sizeof(other_view)), -EINVAL);
	EQUAL(get_access(place), KVMI_ACCESS_ALL);
	EQUAL(set_access(place, 8), -EINVAL);
	EQUAL(set_access(place, KVMI_ACCESS_READ | KVMI_ACCESS_EXECUTE), 0);
	EQUAL(get_access(place), KVMI_ACCESS_READ | KVMI_ACCESS_EXECUTE);
	EQUAL(get_access(place + 4096), KVMI_ACCESS_ALL);
	EQUAL(status_of(start_on(1, write_arena)), 0); /* nobody has asked to be told */
	peer_is_silent();
	EQUAL(*word, 5);
	*word = 1;
	EQUAL(peer_control_events(1, KVMI_EVENT_PF, true), 0);
	child = start_on(1, write_arena);
	seq = access_event(&event, KVMI_ACCESS_WRITE);
	EQUAL(*word, 1);
	access_reply(seq, KVMI_ACTION_CONTINUE);
	EQUAL(status_of(child), 0);
	EQUAL(*word, 5);
	/* Once more, and once more when it may be done. */
	*word = 1;
	child = start_on(1, write_arena);
	seq = access_event(&event, KVMI_ACCESS_WRITE);
	access_reply(seq, KVMI_ACTION_RETRY);
	seq = access_event(&event, KVMI_ACCESS_WRITE);
	EQUAL(*word, 1);
	EQUAL(set_access(place, KVMI_ACCESS_ALL), 0);
	access_reply(seq, KVMI_ACTION_RETRY);
	EQUAL(status_of(child), 0);
	EQUAL(*word, 5);
	peer_is_silent(); /* the access comes before what was asked for has gone */
	EQUAL(get_access(place), KVMI_ACCESS_ALL);
	/* Not RAM; what is Hadal's own. */
	EQUAL(set_access(1ull << 45, KVMI_ACCESS_READ), -EINVAL);
	/* Left out. */
	*word = 1;
	EQUAL(set_access(place, KVMI_ACCESS_EXECUTE), 0);
	child = start_on(1, write_arena);
	seq = access_event(&event, KVMI_ACCESS_WRITE);
	event.regs.rip += 7;
	peer_set_registers(1, &event.regs);
	access_reply(seq, KVMI_ACTION_CONTINUE);
	EQUAL(status_of(child), 0);
	EQUAL(set_access(place, KVMI_ACCESS_ALL), 0);
	EQUAL(*word, 1);
	EQUAL(peer_control_events(1, KVMI_EVENT_PF, false), 0);
}

static int control_singlestep(bool enable)
{
	const struct kvmi_control_singlestep request = {.vcpu.vcpu = 1, .enable = enable};

	return peer_ask(KVMI_CONTROL_SINGLESTEP, &request, sizeof(request));
}

/* As LibVMI does it: the page is let go, and watched again behind the instruction. */
static void check_singlestep(void)
{
	volatile uint64_t *word = (volatile uint64_t *)(arena.bytes + 4096);
	const uint64_t place = arena.physical + 4096;
	struct kvmi_event_singlestep step;
	struct kvmi_event event, before;
	uint32_t seq;
	pid_t child;

	*word = 1;
	EQUAL(control_singlestep(false), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_SINGLESTEP, true), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_PF, true), 0);
	for (unsigned int i = 0; i < 2; i++) {
		EQUAL(set_access(place, KVMI_ACCESS_READ | KVMI_ACCESS_EXECUTE), 0);
		child = start_on(1, write_arena);
		seq = access_event(&before, KVMI_ACCESS_WRITE);
		EQUAL(set_access(place, KVMI_ACCESS_ALL), 0);
		EQUAL(*word, i ? 5 : 1);
		EQUAL(control_singlestep(true), 0);
		access_reply(seq, KVMI_ACTION_CONTINUE);
		seq = peer_event(&event, &step, sizeof(step));
		EQUAL(event.event, KVMI_EVENT_SINGLESTEP);
		EQUAL(step.failed, 0);
		EQUAL(event.regs.rip, before.regs.rip + 7);
		EQUAL(*word, 5);
		EQUAL(set_access(place, KVMI_ACCESS_READ), 0);
		EQUAL(control_singlestep(false), 0);
		peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_SINGLESTEP, NULL, 0);
		EQUAL(status_of(child), 0);
	}
	EQUAL(set_access(place, KVMI_ACCESS_ALL), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_PF, false), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_SINGLESTEP, false), 0);
	EQUAL(status_of(start_on(1, write_arena)), 0);
	peer_is_silent();
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pin_to_cpu(0);
	device = ring0_open(&arena);
	peer_begin();
	check_cr();
	check_breakpoint();
	check_access();
	check_singlestep();
	check_cpuid();
	check_descriptor();
	peer_end();
	return 0;
}
