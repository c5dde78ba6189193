// SPDX-License-Identifier: MIT
/* What one vCPU asks of the others, and how it waits for them. */
#include "cpus/lock.h"
#include "base/log.h"
#include "paging/memory.h"
#include "cpus/pause.h"
#include "cpus/request.h"
#include "extension/handlers.h"
#include "base/string.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/pmi.h"

/*
 * Who waits for another vCPU serves requests itself meanwhile, holds at most locks whose waiters do
 * so too, and takes them in one order (clients, nested). So there is no ring, and every vCPU that
 * runs answers: in the guest the kick makes it exit, whatever the guest has masked or waits for; in
 * the image it spins, or gets to its next entry without waiting for anybody.
 *
 * A vCPU that gives no answer for ANSWER_TICKS runs nothing of the guest's: it is in its firmware's
 * system management mode, or waits for SIPI. The kick is pending there, and the request is served
 * before its guest goes on, so that the others may as well not wait.
 */

/* TSC ticks that a vCPU has to answer in: seconds, for a machine may be busy in its firmware. */
#define ANSWER_TICKS (1ull << 33)

/* The same until it is kicked again, should the NMI have got lost: about a second. */
#define KICK_AGAIN_TICKS (1ull << 31)

/* How long after a repeated kick its second NMI may still come. */
#define LATE_KICK_TICKS (1ull << 24)

static LOCK(registers_lock, .what = "registers on their way", .always_whole = true);
static struct hadal_regs registers_slot;
static uint64_t flush_generation __attribute__((aligned(64)));
static uint64_t follow_generation;
static uint32_t running_count;
/* Bit n: vCPU n takes requests. */
static uint64_t running_mask[HADAL_MAX_CPUS / 64] __attribute__((aligned(64)));

static void set_running(struct vcpu *vcpu, bool running)
{
	uint64_t *word = &running_mask[vcpu->index / 64], bit = BIT(vcpu->index % 64);

	__atomic_store_n(&vcpu->running, running, __ATOMIC_SEQ_CST);
	if (running)
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&running_count, running ? 1 : -1, __ATOMIC_SEQ_CST);
}

/* The index of the first running vCPU from one on, or the number of vCPUs. */
static uint32_t next_running(uint32_t index)
{
	while (index < machine.cpu_count) {
		uint64_t word = __atomic_load_n(&running_mask[index / 64], __ATOMIC_SEQ_CST);

		word >>= index % 64;
		if (word)
			return index + __builtin_ctzll(word);
		index = (index | 63) + 1;
	}
	return machine.cpu_count;
}

void request_join(struct vcpu *vcpu)
{
	set_running(vcpu, true);
	/* Who asked before did not see this vCPU, and need not wait: it does all of that here. */
	vcpu->flushed.done = __atomic_load_n(&flush_generation, __ATOMIC_SEQ_CST);
	vcpu->followed.done = __atomic_load_n(&follow_generation, __ATOMIC_SEQ_CST);
	vendor->flush_nested(vcpu);
	vcpu_follow(vcpu);
}

uint32_t request_running(void)
{
	return __atomic_load_n(&running_count, __ATOMIC_SEQ_CST);
}

void request_part(struct vcpu *vcpu)
{
	set_running(vcpu, false);
	vcpu_serve_requests(vcpu);
}

/* True when a kick is to be sent, which nobody else does then. */
static bool post(struct vcpu *to, uint32_t request)
{
	uint32_t before = __atomic_fetch_or(&to->requests, request, __ATOMIC_SEQ_CST);

	return !(before & request) && !__atomic_exchange_n(&to->kick_sent, true, __ATOMIC_SEQ_CST);
}

void request_post(struct vcpu *to, uint32_t request)
{
	if (post(to, request))
		apic_send_nmi(to->apic_id);
}

static bool is_answered(const struct answer *answer, uint64_t generation)
{
	return __atomic_load_n(&answer->done, __ATOMIC_ACQUIRE) >= generation;
}

static bool is_abandoned(const struct answer *answer)
{
	return !is_answered(answer, __atomic_load_n(&answer->abandoned, __ATOMIC_ACQUIRE));
}

static void wait_for(struct vcpu *vcpu, struct vcpu *other, struct answer *answer,
		     uint64_t generation)
{
	uint64_t start = rdtsc(), kicked = start;

	while (__atomic_load_n(&other->running, __ATOMIC_SEQ_CST) &&
	       !is_answered(answer, generation) && !is_abandoned(answer)) {
		vcpu_serve_requests(vcpu);
		cpu_pause();
		if (rdtsc() - kicked < KICK_AGAIN_TICKS)
			continue;
		kicked = rdtsc();
		if (kicked - start > ANSWER_TICKS) {
			log_line("cpu%u does not answer; it is not waited for", other->index);
			__atomic_store_n(&answer->abandoned, generation, __ATOMIC_RELEASE);
		} else if (__atomic_load_n(&other->kick_sent, __ATOMIC_SEQ_CST)) {
			__atomic_store_n(&other->kick_repeated, true, __ATOMIC_SEQ_CST);
			apic_send_nmi(other->apic_id);
		}
	}
}

/* Post to all others and wait until their answer, at `offset` in struct vcpu, is done. */
static void post_all(struct vcpu *vcpu, uint32_t request, size_t offset, uint64_t generation)
{
	struct apic_group group = {0};

	if (__atomic_load_n(&running_count, __ATOMIC_SEQ_CST) <= 1)
		return;
	for (uint32_t i = next_running(0); i < machine.cpu_count; i = next_running(i + 1))
		if (i != vcpu->index && post(vcpu_at(i), request))
			apic_group_add(&group, vcpu_at(i)->apic_id);
	apic_group_send(&group);
	for (uint32_t i = next_running(0); i < machine.cpu_count; i = next_running(i + 1)) {
		struct vcpu *other = vcpu_at(i);

		if (i != vcpu->index)
			wait_for(vcpu, other, (struct answer *)((uint8_t *)other + offset),
				 generation);
	}
}

static void flush_all(struct vcpu *vcpu)
{
	uint64_t generation = __atomic_add_fetch(&flush_generation, 1, __ATOMIC_SEQ_CST);

	if (machine.view_users)
		memory_follow_views();
	vendor->flush_nested(vcpu);
	vcpu->flushed.done = generation;
	vcpu->stats.flushes++;
	post_all(vcpu, REQUEST_FLUSH, offsetof(struct vcpu, flushed), generation);
}

void request_flush_all(struct vcpu *vcpu)
{
	vcpu_drop_caches(vcpu);
	flush_all(vcpu);
}

void request_flush_page(struct vcpu *vcpu, uint64_t hpa)
{
	for (unsigned i = 0; i < ARRAY_LEN(vcpu->fetch_cache); i++)
		if (vcpu->fetch_cache[i].host == memory_direct(hpa))
			walk_cache_drop(&vcpu->fetch_cache[i]);
	flush_all(vcpu);
}

void request_follow(struct vcpu *vcpu)
{
	uint64_t generation = __atomic_add_fetch(&follow_generation, 1, __ATOMIC_SEQ_CST);

	vcpu_follow(vcpu);
	vcpu->followed.done = generation;
	post_all(vcpu, REQUEST_FOLLOW, offsetof(struct vcpu, followed), generation);
}

void request_follow_on(struct vcpu *vcpu, struct vcpu *other)
{
	uint64_t generation = __atomic_add_fetch(&follow_generation, 1, __ATOMIC_SEQ_CST);

	if (other == vcpu) {
		vcpu_follow(vcpu);
		return;
	}
	request_post(other, REQUEST_FOLLOW);
	wait_for(vcpu, other, &other->followed, generation);
}

int request_wait_once(struct vcpu *vcpu, const struct vcpu *other, uint64_t start)
{
	if (!__atomic_load_n(&other->running, __ATOMIC_SEQ_CST))
		return -ENXIO;
	if (rdtsc() - start > ANSWER_TICKS)
		return -ETIMEDOUT;
	vcpu_serve_requests(vcpu);
	cpu_pause();
	return 0;
}

int request_ask(struct vcpu *vcpu, struct vcpu *other, uint32_t request)
{
	uint64_t start = rdtsc();
	int err = 0;

	request_post(other, request);
	while (!err && (__atomic_load_n(&other->requests, __ATOMIC_ACQUIRE) & request))
		err = request_wait_once(vcpu, other, start);
	if (err) /* taken back, so that no late answer meets the next asker */
		__atomic_fetch_and(&other->requests, ~request, __ATOMIC_SEQ_CST);
	return err;
}

int request_registers(struct vcpu *vcpu, uint32_t index, struct hadal_regs *out)
{
	struct vcpu *other;
	int err;

	if (index >= machine.cpu_count || !vcpu_at(index)->running)
		return -ENXIO;
	other = vcpu_at(index);
	if (other == vcpu) {
		vcpu_registers(vcpu, out);
		return 0;
	}
	lock_take(&registers_lock);
	err = request_ask(vcpu, other, REQUEST_REGS);
	if (!err)
		memcpy(out, &registers_slot, sizeof(*out));
	lock_give(&registers_lock);
	return err;
}

/*
 * The generation that an answer is for. Read after the request is taken: whoever asks for a later
 * one then posts anew.
 */
static uint64_t begin_answer(struct vcpu *vcpu, uint32_t request, const uint64_t *generation)
{
	__atomic_fetch_and(&vcpu->requests, ~request, __ATOMIC_SEQ_CST);
	return __atomic_load_n(generation, __ATOMIC_SEQ_CST);
}

void vcpu_serve_requests(struct vcpu *vcpu)
{
	uint32_t requests = __atomic_load_n(&vcpu->requests, __ATOMIC_ACQUIRE);

	if (requests & REQUEST_REGS) {
		vcpu_registers(vcpu, &registers_slot);
		vcpu_trace_hide(vcpu, &registers_slot);
		__atomic_fetch_and(&vcpu->requests, ~REQUEST_REGS, __ATOMIC_RELEASE);
	}
	if (requests & REQUEST_WAKE) {
		__atomic_fetch_and(&vcpu->requests, ~REQUEST_WAKE, __ATOMIC_SEQ_CST);
		vcpu_inject_nmi(vcpu);
	}
	if (requests & REQUEST_SET) {
		pause_take_registers(vcpu);
		__atomic_fetch_and(&vcpu->requests, ~REQUEST_SET, __ATOMIC_RELEASE);
	}
	if (requests & REQUEST_FOLLOW) {
		uint64_t generation = begin_answer(vcpu, REQUEST_FOLLOW, &follow_generation);

		vcpu_follow(vcpu);
		__atomic_store_n(&vcpu->followed.done, generation, __ATOMIC_RELEASE);
	}
	if (requests & REQUEST_FLUSH) {
		uint64_t generation = begin_answer(vcpu, REQUEST_FLUSH, &flush_generation);

		vendor->flush_nested(vcpu);
		vcpu_drop_caches(vcpu);
		vcpu->stats.flushes++;
		__atomic_store_n(&vcpu->flushed.done, generation, __ATOMIC_RELEASE);
	}
}

/*
 * A kick that was repeated comes once or twice: the second time, soon after the first, nobody waits
 * for it any more, and to the guest it would be an NMI for no reason.
 */
static bool is_late_kick(struct vcpu *vcpu)
{
	bool late = vcpu->late_kick_until && rdtsc() < vcpu->late_kick_until;

	vcpu->late_kick_until = 0;
	return late;
}

static void take_kick(struct vcpu *vcpu)
{
	vcpu->stats.kicks++;
	if (__atomic_exchange_n(&vcpu->kick_repeated, false, __ATOMIC_SEQ_CST))
		vcpu->late_kick_until = rdtsc() + LATE_KICK_TICKS;
}

/* The interrupt of a performance counter, when the processor has merged it with a kick. */
static bool merged_with_kick(struct vcpu *vcpu)
{
	return !vcpu->nmi_pending && pmi_waits() && !vendor->nmi_blocked(vcpu);
}

void request_take_nmis(struct vcpu *vcpu)
{
	uint32_t count = __atomic_exchange_n(&vcpu->host_nmis, 0, __ATOMIC_SEQ_CST);

	if (!count)
		return;
	if (__atomic_exchange_n(&vcpu->kick_sent, false, __ATOMIC_SEQ_CST)) {
		take_kick(vcpu);
		count--;
	}
	if (count && is_late_kick(vcpu))
		count--;
	if (count || merged_with_kick(vcpu))
		vcpu_inject_nmi(vcpu);
}
