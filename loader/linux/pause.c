// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * CPUs that a file has paused. The hypervisor ends a pause by itself; here is who may end it
 * earlier, so that a client that goes takes its pauses with it.
 */
#include <linux/gfp.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/io.h>
#include <asm/tsc.h>

#include "call.h"
#include "loader.h"

static DEFINE_MUTEX(pauses_lock);
static struct file *owners[HADAL_MAX_CPUS];

static u64 ticks_of(u32 milliseconds)
{
	u64 ticks = (u64)(tsc_khz ? tsc_khz : cpu_khz) * milliseconds;

	return clamp_t(u64, ticks, 1, HADAL_PAUSE_TICKS_MAX);
}

static bool is_cpu_valid(const struct hadal_ioc_pause *request)
{
	return request->cpu < HADAL_MAX_CPUS;
}

int pause_cpu(struct file *owner, const struct hadal_ioc_pause *request)
{
	u64 ticks = ticks_of(request->milliseconds);
	long result;

	if (request->reserved || !request->milliseconds ||
	    request->milliseconds > HADAL_PAUSE_MS_MAX)
		return -EINVAL;
	if (!is_cpu_valid(request))
		return -ENXIO;
	do {
		mutex_lock(&pauses_lock);
		result = hadal_call(HADAL_CALL_PAUSE, request->cpu, ticks, 0, 0, 0);
		if (!result)
			owners[request->cpu] = owner;
		mutex_unlock(&pauses_lock);
	} while (result == -EAGAIN && !fatal_signal_pending(current));
	return result;
}

/* The owner stays one until the pause is taken from it, also when the limit has passed. */
static int resume_locked(unsigned int cpu)
{
	owners[cpu] = NULL;
	return hadal_call(HADAL_CALL_RESUME, cpu, 0, 0, 0, 0);
}

int resume_cpu(struct file *owner, const struct hadal_ioc_pause *request)
{
	int result = -ENOENT;

	if (request->reserved || request->milliseconds)
		return -EINVAL;
	if (!is_cpu_valid(request))
		return -ENXIO;
	mutex_lock(&pauses_lock);
	if (owners[request->cpu] == owner)
		result = resume_locked(request->cpu);
	mutex_unlock(&pauses_lock);
	return result;
}

void resume_all(struct file *owner)
{
	unsigned int cpu;

	mutex_lock(&pauses_lock);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		if (owners[cpu] && (!owner || owners[cpu] == owner))
			resume_locked(cpu);
	mutex_unlock(&pauses_lock);
}

static int set_registers(struct hadal_ioc_set_regs *request, struct hadal_set_regs *set)
{
	u64 first = request->cpu;
	int result;

	if (copy_from_user(set, u64_to_user_ptr(request->buffer), sizeof(*set)))
		return -EFAULT;
	result = hadal_call_inout(HADAL_CALL_SET_REGS, &first, virt_to_phys(set), sizeof(*set), 0,
				  0);
	if (result == -ERANGE)
		request->refused = first;
	return result;
}

int pause_set_regs(struct file *owner, struct hadal_ioc_set_regs *request)
{
	struct hadal_set_regs *set;
	int result = -EBUSY;

	if (request->size != sizeof(*set))
		return -EINVAL;
	if (request->cpu >= HADAL_MAX_CPUS)
		return -ENXIO;
	set = (void *)get_zeroed_page(GFP_KERNEL);
	if (!set)
		return -ENOMEM;
	mutex_lock(&pauses_lock);
	if (owners[request->cpu] == owner)
		result = set_registers(request, set);
	mutex_unlock(&pauses_lock);
	free_page((unsigned long)set);
	return result;
}
