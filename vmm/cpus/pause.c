// SPDX-License-Identifier: MIT
/* vCPUs that are held for a while, so that their registers can be set. */
#include "cpus/lock.h"
#include "base/log.h"
#include "paging/memory.h"
#include "cpus/pause.h"
#include "vcpu/register_set.h"
#include "cpus/request.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

/*
 * A vCPU pauses right before it enters its guest, where it holds no lock and waits for nobody;
 * there it serves requests until its end of pause is 0. Whoever takes that from 0 to a time owns
 * the pause.
 */

/* Registers on their way to a paused vCPU. */
static LOCK(post_lock, .what = "registers to be set", .always_whole = true);
static struct {
	struct hadal_set_regs set;
	uint32_t refused;
	int result;
} post;

static uint64_t pause_ticks(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->pause_ticks, __ATOMIC_SEQ_CST);
}

static bool is_paused(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->paused, __ATOMIC_SEQ_CST);
}

static bool change_ticks(struct vcpu *vcpu, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(&vcpu->pause_ticks, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* By its own clock: those of two CPUs may differ. */
void pause_here(struct vcpu *vcpu)
{
	uint64_t start = rdtsc(), ticks;

	__atomic_fetch_and(&vcpu->requests, ~REQUEST_PAUSE, __ATOMIC_SEQ_CST);
	vcpu_trace_pause(vcpu);
	__atomic_store_n(&vcpu->paused, true, __ATOMIC_SEQ_CST);
	while ((ticks = pause_ticks(vcpu))) {
		if (rdtsc() - start >= ticks && change_ticks(vcpu, ticks, 0))
			log_line("cpu%u was paused for as long as allowed; it goes on",
				 vcpu->index);
		vcpu_serve_requests(vcpu);
		cpu_pause();
	}
	__atomic_store_n(&vcpu->paused, false, __ATOMIC_SEQ_CST);
}

static struct vcpu *running_vcpu(uint64_t index)
{
	if (index >= machine.cpu_count ||
	    !__atomic_load_n(&vcpu_at(index)->running, __ATOMIC_SEQ_CST))
		return NULL;
	return vcpu_at(index);
}

/* One whose pause has ended leaves it at once, unless it is paused anew. */
static int wait_until_left(struct vcpu *vcpu, const struct vcpu *other)
{
	uint64_t start = rdtsc();
	int err = 0;

	while (!err && is_paused(other) && !pause_ticks(other))
		err = request_wait_once(vcpu, other, start);
	return err;
}

/* Two that would pause each other both give up, or neither would come to its own pause. */
static int wait_until_paused(struct vcpu *vcpu, const struct vcpu *other)
{
	uint64_t start = rdtsc();
	int err = 0;

	while (!err && !is_paused(other) && pause_ticks(other)) {
		if (__atomic_load_n(&vcpu->requests, __ATOMIC_SEQ_CST) & REQUEST_PAUSE)
			return -EAGAIN;
		err = request_wait_once(vcpu, other, start);
	}
	return err;
}

int64_t hypercall_pause(struct vcpu *vcpu)
{
	struct vcpu *other = running_vcpu(vcpu->regs.rdi);
	uint64_t ticks = vcpu->regs.rsi;
	int err;

	if (!other)
		return -ENXIO;
	if (other == vcpu)
		return -EDEADLK;
	if (!ticks || ticks > HADAL_PAUSE_TICKS_MAX)
		return -EINVAL;
	err = wait_until_left(vcpu, other);
	if (err)
		return err;
	if (!change_ticks(other, 0, ticks))
		return -EEXIST;
	request_post(other, REQUEST_PAUSE);
	err = wait_until_paused(vcpu, other);
	if (err) {
		change_ticks(other, ticks, 0);
		__atomic_fetch_and(&other->requests, ~REQUEST_PAUSE, __ATOMIC_SEQ_CST);
	}
	return err;
}

int64_t hypercall_resume(struct vcpu *vcpu)
{
	struct vcpu *other = running_vcpu(vcpu->regs.rdi);

	if (!other)
		return -ENXIO;
	if (!__atomic_exchange_n(&other->pause_ticks, 0, __ATOMIC_SEQ_CST))
		return -ENOENT;
	wait_until_left(vcpu, other);
	return 0;
}

void pause_take_registers(struct vcpu *vcpu)
{
	post.result = is_paused(vcpu) ? vcpu_set_registers(vcpu, &post.set.values, post.set.mask,
							   &post.refused)
				      : -EBUSY;
}

int pause_set_registers(struct vcpu *vcpu, uint64_t index, const struct hadal_set_regs *set,
			uint32_t *refused)
{
	struct vcpu *other = running_vcpu(index);
	int err;

	if (!other)
		return -ENXIO;
	if (!is_paused(other))
		return -EBUSY;
	lock_take(&post_lock);
	post.set = *set;
	err = request_ask(vcpu, other, REQUEST_SET);
	if (!err)
		err = post.result;
	*refused = post.refused;
	lock_give(&post_lock);
	return err;
}

int64_t hypercall_set_regs(struct vcpu *vcpu)
{
	struct hadal_set_regs set;
	uint32_t refused;
	int err;

	if (vcpu->regs.rdx != sizeof(set))
		return -EINVAL;
	if (!memory_guest_range(vcpu->regs.rsi, sizeof(set), MEMORY_READ) ||
	    memory_copy_from_guest(vcpu->regs.rsi, &set, sizeof(set)) != sizeof(set))
		return -EFAULT;
	err = pause_set_registers(vcpu, vcpu->regs.rdi, &set, &refused);
	if (err == -ERANGE)
		vcpu->regs.rdi = refused;
	return err;
}
