// SPDX-License-Identifier: MIT
// Sources: vmm/cpus/request.c vmm/cpus/pause.c vmm/cpus/lock.c
/*
 * Requests between vCPUs, which are threads here: all of them change the map, kick each other and
 * wait for interrupts of each other, pause each other, and none may hang or run its guest with an
 * old translation.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "unit.h"
#include "base/errno.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "paging/memory.h"
#include "cpus/pause.h"
#include "vcpu/register_set.h"
#include "cpus/request.h"
#include "extension/handlers.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/pmi.h"

#define CPUS    3
#define CHANGES 200
#define LAST    (HADAL_MAX_CPUS - 1)

struct machine machine;

/* What a processor has beside its struct vcpu. */
static struct cpu {
	bool nmi;       /* pending; one more is merged into it */
	bool in_guest;  /* runs the guest */
	bool interrupt; /* an IPI of the guest's is pending, which it takes when it runs */
	bool flush;     /* before the next entry */
	bool done;      /* takes part no more, but answers */
	bool is_deaf;   /* takes no NMI */
	bool in_nmi_handler;
	uint32_t page; /* what it has cached of the page below */
	uint64_t sent_nmis;
	uint64_t guest_nmis;
} cpu[CPUS];

/* The map: one page, which shows something else after each change. */
static uint32_t page;
static uint32_t log_lines;
static uint32_t pauses;
static bool counter_overflowed; /* of a performance counter */
static __thread struct vcpu *current;

/* Asked for by who waits for a lock: there may be fewer real processors. */
struct vcpu *this_vcpu(void)
{
	sched_yield();
	return current;
}

void log_line(const char *format, ...)
{
	(void)format;
	__atomic_fetch_add(&log_lines, 1, __ATOMIC_SEQ_CST);
}

void lock_is_broken(struct vcpu *vcpu, const struct lock *lock)
{
	(void)vcpu;
	(void)lock;
	abort();
}

void vcpu_trace_hide(struct vcpu *vcpu, struct hadal_regs *regs)
{
	(void)vcpu;
	(void)regs;
}

void vcpu_trace_pause(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_follow(struct vcpu *vcpu)
{
	(void)vcpu;
}

void memory_follow_views(void)
{
	fail(); /* nothing is watched */
}

void vcpu_registers(struct vcpu *vcpu, struct hadal_regs *out)
{
	out->cpu = vcpu->index;
}

int vcpu_set_registers(struct vcpu *vcpu, const struct hadal_regs *values, uint64_t mask,
		       uint32_t *refused)
{
	assert_ptr_equal(vcpu, current);
	assert_true(vcpu->paused);
	*refused = values->rax;
	return mask == vcpu->index ? -ERANGE : 0;
}

bool memory_guest_range(uint64_t gpa, uint64_t bytes, unsigned access)
{
	(void)gpa;
	(void)bytes;
	(void)access;
	return false;
}

size_t memory_copy_from_guest(uint64_t gpa, void *to, size_t bytes)
{
	(void)gpa;
	(void)to;
	(void)bytes;
	return 0;
}

void vcpu_drop_caches(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_inject_nmi(struct vcpu *vcpu)
{
	cpu[vcpu->index].guest_nmis++;
}

void apic_send_nmi(uint32_t id)
{
	__atomic_fetch_add(&cpu[id].sent_nmis, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&cpu[id].nmi, true, __ATOMIC_SEQ_CST);
}

/* Each gets its own, as without x2APIC. */
void apic_group_add(struct apic_group *group, uint32_t id)
{
	(void)group;
	if (id == LAST)
		vcpu_serve_requests(vcpu_at(LAST));
	else
		apic_send_nmi(id);
}

void apic_group_flush(struct apic_group *group)
{
	(void)group;
	fail(); /* there is nobody left */
}

static void flush_nested(struct vcpu *vcpu)
{
	if (vcpu->index < CPUS)
		cpu[vcpu->index].flush = true;
}

static bool nmi_blocked(struct vcpu *vcpu)
{
	return cpu[vcpu->index].in_nmi_handler;
}

bool pmi_waits(void)
{
	return counter_overflowed;
}

static const struct vendor test_vendor = {.flush_nested = flush_nested, .nmi_blocked = nmi_blocked};
const struct vendor *vendor = &test_vendor;

/* From the end of an exit's handler into the guest. */
static void enter(struct vcpu *vcpu)
{
	struct cpu *self = &cpu[vcpu->index];

	while (__atomic_load_n(&vcpu->attention, __ATOMIC_SEQ_CST)) {
		if (vcpu->host_nmis)
			request_take_nmis(vcpu);
		vcpu_serve_requests(vcpu);
		if (vcpu->requests & REQUEST_PAUSE)
			pause_here(vcpu);
	}
	if (self->flush)
		__atomic_store_n(&self->page, __atomic_load_n(&page, __ATOMIC_SEQ_CST),
				 __ATOMIC_SEQ_CST);
	self->flush = false;
	__atomic_store_n(&self->in_guest, true, __ATOMIC_SEQ_CST);
}

static void leave(struct vcpu *vcpu)
{
	__atomic_store_n(&cpu[vcpu->index].in_guest, false, __ATOMIC_SEQ_CST);
}

/* The guest executes an instruction, before which it takes what is pending. */
static void run(struct vcpu *vcpu)
{
	struct cpu *self = &cpu[vcpu->index];

	if (!self->is_deaf && __atomic_exchange_n(&self->nmi, false, __ATOMIC_SEQ_CST)) {
		leave(vcpu);
		vcpu->host_nmis++;
		request_take_nmis(vcpu);
		enter(vcpu);
	}
	__atomic_store_n(&self->interrupt, false, __ATOMIC_SEQ_CST);
	sched_yield();
}

/* A hypercall that changes the map; none runs the guest with the old one afterwards. */
static void change(struct vcpu *vcpu)
{
	leave(vcpu);
	lock_take(&nested_lock);
	page++;
	request_flush_all(vcpu);
	/* On a machine so busy that a thread did not run for seconds, it is not waited for. */
	for (unsigned i = 0; i < CPUS && !__atomic_load_n(&log_lines, __ATOMIC_SEQ_CST); i++)
		if (i != vcpu->index && __atomic_load_n(&cpu[i].in_guest, __ATOMIC_SEQ_CST) &&
		    __atomic_load_n(&cpu[i].page, __ATOMIC_SEQ_CST) != page)
			fail_msg("cpu%u runs with an old translation", i);
	lock_give(&nested_lock);
	enter(vcpu);
}

/* The guest waits until another CPU of its has taken an interrupt, with its own ones masked. */
static void interrupt_other(struct vcpu *vcpu, unsigned target)
{
	if (target == vcpu->index)
		return;
	__atomic_store_n(&cpu[target].interrupt, true, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&cpu[target].interrupt, __ATOMIC_SEQ_CST))
		run(vcpu);
}

static int64_t call(struct vcpu *vcpu, int64_t (*hypercall)(struct vcpu *), uint64_t index)
{
	vcpu->regs.rdi = index;
	vcpu->regs.rsi = HADAL_PAUSE_TICKS_MAX;
	return hypercall(vcpu);
}

/* While it is paused it runs nothing, and takes registers. */
static void pause_other(struct vcpu *vcpu, unsigned target)
{
	const struct hadal_set_regs set = {.mask = target, .values.rax = 7};
	uint32_t refused = 0;
	int64_t err;

	leave(vcpu);
	err = call(vcpu, hypercall_pause, target);
	if (err) {
		assert_true(err == -EEXIST || err == -EAGAIN || err == -ENXIO);
	} else {
		pauses++;
		assert_false(__atomic_load_n(&cpu[target].in_guest, __ATOMIC_SEQ_CST));
		assert_int_equal(call(vcpu, hypercall_pause, target), -EEXIST);
		assert_int_equal(pause_set_registers(vcpu, target, &set, &refused), -ERANGE);
		assert_int_equal(refused, 7);
		request_flush_all(vcpu);
		assert_false(__atomic_load_n(&cpu[target].in_guest, __ATOMIC_SEQ_CST));
		assert_int_equal(call(vcpu, hypercall_resume, target), 0);
	}
	enter(vcpu);
}

static bool all_done(void)
{
	for (unsigned i = 0; i < CPUS; i++)
		if (!__atomic_load_n(&cpu[i].done, __ATOMIC_SEQ_CST))
			return false;
	return true;
}

static void join(struct vcpu *vcpu)
{
	current = vcpu;
	vcpu->apic_id = vcpu->index;
	request_join(vcpu);
	enter(vcpu);
}

static void *processor(void *argument)
{
	struct vcpu *vcpu = argument;
	struct hadal_regs regs;

	join(vcpu);
	for (unsigned i = 0; i < CHANGES; i++) {
		change(vcpu);
		run(vcpu);
		interrupt_other(vcpu, i % CPUS);
		/* Those who wait spin, which takes time where threads share processors. */
		if (i % 16 == vcpu->index)
			pause_other(vcpu, (vcpu->index + 1) % CPUS);
		if (i % 64)
			continue;
		leave(vcpu);
		if (!request_registers(vcpu, i / 64 % CPUS, &regs))
			assert_int_equal(regs.cpu, i / 64 % CPUS);
		request_follow(vcpu);
		enter(vcpu);
	}
	__atomic_store_n(&cpu[vcpu->index].done, true, __ATOMIC_SEQ_CST);
	while (!all_done())
		run(vcpu);
	leave(vcpu);
	request_part(vcpu);
	return NULL;
}

static int reset(void **unused)
{
	(void)unused;
	memset(&machine, 0, sizeof(machine));
	memset(cpu, 0, sizeof(cpu));
	machine.cpu_count = CPUS;
	for (unsigned i = 0; i < CPUS; i++) {
		memset(vcpu_at(i), 0, sizeof(struct vcpu));
		vcpu_at(i)->index = i;
	}
	log_lines = 0;
	return 0;
}

static void everybody_at_once(void **unused)
{
	pthread_t thread[CPUS];

	(void)unused;
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, processor, vcpu_at(i)), 0);
	for (unsigned i = 0; i < CPUS; i++)
		pthread_join(thread[i], NULL);
	/* Only a kick that was repeated, on a busy machine, may look like an NMI of the guest's. */
	for (unsigned i = 0; i < CPUS; i++)
		assert_true(cpu[i].guest_nmis <= cpu[i].sent_nmis - vcpu_at(i)->stats.kicks);
	assert_int_equal(page, CPUS * CHANGES);
	assert_true(pauses > 0);
}

/* NMIs that the processor has counted while the image ran, or one that exited. */
static uint64_t take(struct vcpu *vcpu, uint32_t count)
{
	uint64_t before = cpu[vcpu->index].guest_nmis;

	vcpu->host_nmis = count;
	request_take_nmis(vcpu);
	return cpu[vcpu->index].guest_nmis - before;
}

static void kicks_are_told_from_the_guests_nmis(void **unused)
{
	struct vcpu *vcpu = vcpu_at(1);

	(void)unused;
	assert_int_equal(take(vcpu, 0), 0);
	assert_int_equal(take(vcpu, 1), 1);
	request_post(vcpu, REQUEST_FLUSH);
	assert_int_equal(take(vcpu, 1), 0);
	assert_int_equal(take(vcpu, 1), 1);
	vcpu->requests = 0;
	request_post(vcpu, REQUEST_FLUSH);
	assert_int_equal(take(vcpu, 2), 1);
	assert_int_equal(vcpu->stats.kicks, 2);
}

/* Its handler would never run, and the counter's interrupt stay masked. */
static void a_counters_nmi_that_merged_with_a_kick_is_not_lost(void **unused)
{
	struct vcpu *vcpu = vcpu_at(1);

	(void)unused;
	counter_overflowed = true;
	request_post(vcpu, REQUEST_FLUSH);
	assert_int_equal(take(vcpu, 1), 1);
	/* Its handler has it in hand. */
	vcpu->requests = 0;
	cpu[1].in_nmi_handler = true;
	request_post(vcpu, REQUEST_FLUSH);
	assert_int_equal(take(vcpu, 1), 0);
	cpu[1].in_nmi_handler = false;
	/* It is on its way there. */
	vcpu->requests = 0;
	vcpu->nmi_pending = true;
	request_post(vcpu, REQUEST_FLUSH);
	assert_int_equal(take(vcpu, 1), 0);
	assert_int_equal(take(vcpu, 0), 0);
	counter_overflowed = false;
}

/* One that was sent again comes twice, the second time when nobody waits for it any more. */
static void a_late_kick_is_not_the_guests(void **unused)
{
	struct vcpu *vcpu = vcpu_at(1);

	(void)unused;
	vcpu->kick_sent = vcpu->kick_repeated = true;
	assert_int_equal(take(vcpu, 1), 0);
	assert_int_equal(take(vcpu, 1), 0); /* the late one */
	assert_int_equal(take(vcpu, 1), 1);
	/* Merged into one, so that there is no late one; much later another comes. */
	vcpu->kick_sent = vcpu->kick_repeated = true;
	assert_int_equal(take(vcpu, 1), 0);
	vcpu->late_kick_until = 1;
	assert_int_equal(take(vcpu, 1), 1);
	/* Both at once. */
	vcpu->kick_sent = vcpu->kick_repeated = true;
	assert_int_equal(take(vcpu, 2), 0);
	assert_int_equal(take(vcpu, 1), 1);
}

static bool stop_deaf;

static void *deaf_processor(void *argument)
{
	struct vcpu *vcpu = argument;

	join(vcpu);
	while (!__atomic_load_n(&stop_deaf, __ATOMIC_SEQ_CST))
		sched_yield();
	/* It wakes up, takes what is pending, and answers from now on. */
	cpu[vcpu->index].is_deaf = false;
	while (__atomic_load_n(&vcpu->running, __ATOMIC_SEQ_CST))
		run(vcpu);
	return NULL;
}

/* One that does not answer delays once, and is waited for again when it has. */
static void who_does_not_answer(void **unused)
{
	struct vcpu *asker = vcpu_at(0), *deaf = vcpu_at(1);
	pthread_t thread;

	(void)unused;
	cpu[1].is_deaf = true;
	assert_int_equal(pthread_create(&thread, NULL, deaf_processor, deaf), 0);
	while (!__atomic_load_n(&cpu[1].in_guest, __ATOMIC_SEQ_CST))
		sched_yield();
	join(asker);
	request_flush_all(asker);
	assert_int_equal(log_lines, 1);
	/* Waiting in vain for it again would be logged again. */
	request_flush_all(asker);
	assert_int_equal(log_lines, 1);
	__atomic_store_n(&stop_deaf, true, __ATOMIC_SEQ_CST);
	while (deaf->flushed.done != asker->flushed.done)
		sched_yield();
	request_flush_all(asker);
	assert_int_equal(deaf->flushed.done, asker->flushed.done);
	assert_int_equal(log_lines, 1);
	__atomic_store_n(&deaf->running, false, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	request_part(deaf);
	request_part(asker);
}

/* The memory of those that do not run is not even there. */
static void only_running_cpus_are_looked_at(void **unused)
{
	struct vcpu *vcpu = vcpu_at(0), *last = vcpu_at(LAST);

	(void)unused;
	machine.cpu_count = HADAL_MAX_CPUS;
	assert_ptr_not_equal(mmap(last, sizeof(*last), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			     MAP_FAILED);
	last->index = last->apic_id = LAST;
	current = vcpu;
	request_join(vcpu);
	request_join(last);
	assert_int_equal(request_running(), 2);
	last->flushed.done = 0;
	request_flush_all(vcpu);
	assert_int_equal(last->flushed.done, vcpu->flushed.done);
	assert_int_equal(last->stats.flushes, 1);
	request_part(last);
	request_flush_all(vcpu);
	assert_int_equal(last->stats.flushes, 1);
	request_part(vcpu);
	munmap(last, sizeof(*last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everybody_at_once, reset),
		cmocka_unit_test_setup(kicks_are_told_from_the_guests_nmis, reset),
		cmocka_unit_test_setup(a_counters_nmi_that_merged_with_a_kick_is_not_lost, reset),
		cmocka_unit_test_setup(a_late_kick_is_not_the_guests, reset),
		cmocka_unit_test_setup(who_does_not_answer, reset),
		cmocka_unit_test_setup(only_running_cpus_are_looked_at, reset),
	};

	if (mmap((void *)LAYOUT_PERCPU_BASE, (uint64_t)CPUS << PERCPU_SHIFT, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		 0) != (void *)LAYOUT_PERCPU_BASE)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
