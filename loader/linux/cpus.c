// SPDX-License-Identifier: MIT OR GPL-2.0
/* The CPUs come under Hadal and leave it: all together, or one that is plugged in or goes. */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/stop_machine.h>
#include <linux/syscore_ops.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/svm.h>

#include "call.h"
#include "compat.h"
#include "counters.h"
#include "loader.h"
#include "planted.h"

#ifndef __nocfi
#define __nocfi
#endif

typedef long (*image_function)(u64 op, u64 boot_physical, u64 root_physical, u64 cpu);

static struct {
	image_function enter;
	u64 boot, root;
	int hotplug; /* enum cpuhp_state; 0: none */
	u64 way_out;
	cpumask_t entered;
	/* Changes while all CPUs stand still: those that come later enter by themselves. */
	bool running;
	bool lock;
	int failed_cpu;
	int failure;
} cpus;

unsigned int cpus_running(void)
{
	return cpumask_weight(&cpus.entered);
}

int cpus_first(void)
{
	return cpumask_empty(&cpus.entered) ? -1 : (int)cpumask_first(&cpus.entered);
}

/* The image is no function that the kernel knows, so it has no CFI type to check. */
static noinline __nocfi long image_call(enum hadal_enter op, u64 root, unsigned int cpu)
{
	unsigned long flags;
	long result;
	u64 counters;

	local_irq_save(flags);
	counters = counters_stop();
	result = cpus.enter(op, cpus.boot, root, cpu);
	counters_go_on(counters);
	local_irq_restore(flags);
	return result;
}

/* Another hypervisor would lose its CPU; the image checks this too, but later. */
static bool virtualization_in_use(void)
{
	u64 efer = 0;

	if (__read_cr4() & X86_CR4_VMXE)
		return true;
	rdmsrq_safe(MSR_EFER, &efer);
	return efer & EFER_SVME;
}

/* Runs on the CPU itself, which can neither change nor go away meanwhile. */
static int cpu_enter(unsigned int cpu)
{
	long result = -EBUSY;

	if (!virtualization_in_use() && !planted_on_cpu(cpu))
		result = image_call(HADAL_ENTER_START, cpus.root, cpu);
	if (result) {
		cpus.failed_cpu = cpu;
		cpus.failure = result;
		return result;
	}
	cpumask_set_cpu(cpu, &cpus.entered);
	return 0;
}

/* CPU hotplug: this one alone. */
static int cpu_comes(unsigned int cpu)
{
	return cpus.running ? cpu_enter(cpu) : 0;
}

static int cpu_leave(unsigned int cpu, enum hadal_stop which)
{
	unsigned long flags;
	long result;
	u64 counters;

	if (!cpumask_test_cpu(cpu, &cpus.entered))
		return 0;
	local_irq_save(flags);
	counters = counters_stop();
	result = hadal_call(HADAL_CALL_STOP, which, cpus.way_out, 0, 0, 0);
	counters_go_on(counters);
	local_irq_restore(flags);
	/* -ENODEV: there is nobody to leave, as after a fault that gave the CPU back. */
	if (result && result != -ENODEV)
		return result;
	cpumask_clear_cpu(cpu, &cpus.entered);
	return 0;
}

static int cpu_goes(unsigned int cpu)
{
	int error = cpu_leave(cpu, HADAL_STOP_CPU);

	if (error == -EPERM)
		pr_warn("hadal: CPU %u stays online: Hadal is locked until the next reset, or was "
			"here before this system\n",
			cpu);
	else if (error)
		pr_warn("hadal: CPU %u did not leave: error %d\n", cpu, error);
	return error;
}

/*
 * What all CPUs do at the same time, with interrupts off: enter, or leave. None goes on before the
 * last one is done, so nothing of the system's runs while some CPUs are under Hadal and others are
 * not.
 */
struct together {
	atomic_t entered; /* CPUs that have tried */
	atomic_t failed;
	atomic_t done;
};

static void wait_for_all(atomic_t *counter)
{
	atomic_inc(counter);
	while (atomic_read(counter) < num_online_cpus())
		cpu_relax();
}

static int enter_together(void *context)
{
	struct together *together = context;
	unsigned int cpu = smp_processor_id();

	if (cpu_enter(cpu))
		atomic_inc(&together->failed);
	wait_for_all(&together->entered);
	if (atomic_read(&together->failed))
		cpu_leave(cpu, HADAL_STOP_ALL);
	else if (!cpus.lock || !hadal_call(HADAL_CALL_STOP, HADAL_STOP_NEVER, 0, 0, 0, 0))
		cpus.running = true;
	wait_for_all(&together->done);
	return 0;
}

/* The first CPU that could not enter is told. */
static int check_one(void *context)
{
	unsigned int cpu = smp_processor_id();
	long result =
		virtualization_in_use() ? -EBUSY : image_call(HADAL_ENTER_CHECK, cpus.root, cpu);

	if (result) {
		cpus.failed_cpu = cpu;
		cpus.failure = result;
	}
	return 0;
}

static int leave_together(void *context)
{
	struct together *together = context;
	int error;

	if (cpus.way_out) /* each that is online, whenever it came, is under a Hadal that was first
			   */
		cpumask_set_cpu(smp_processor_id(), &cpus.entered);
	error = cpu_leave(smp_processor_id(), HADAL_STOP_ALL);
	if (error)
		cpus.failure = error;
	else
		cpus.running = false;
	wait_for_all(&together->done);
	return 0;
}

/* CPUs can neither come nor go while this runs. */
static int on_all_cpus(cpu_stop_fn_t function)
{
	struct together together = {};

	return stop_machine(function, &together, cpu_online_mask);
}

long cpus_init(const struct hypervisor_memory *memory, u64 root)
{
	long error;

	cpus.enter = memory->trampoline + memory->image->entry_offset;
	cpus.boot = virt_to_phys(memory->boot);
	error = image_call(HADAL_ENTER_INIT, root, 0);
	cpus.root = memory->boot->root;
	return error;
}

void cpus_attach(void)
{
	cpumask_copy(&cpus.entered, cpu_online_mask);
}

void cpus_detach(void)
{
	cpumask_clear(&cpus.entered);
}

int cpus_follow(void)
{
	int state = -ENOSPC;

	if (!planted_failure())
		state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "hadal:online", cpu_comes,
						  cpu_goes);
	if (state < 0)
		return state;
	cpus.hotplug = state;
	return 0;
}

static void follow_no_more(void)
{
	if (cpus.hotplug)
		cpuhp_remove_state_nocalls(cpus.hotplug);
	cpus.hotplug = 0;
}

int cpus_enter(bool lock, int *failed_cpu)
{
	int error;

	*failed_cpu = -1;
	cpus.failure = 0;
	cpus.lock = lock;
	error = on_all_cpus(enter_together);
	if (cpus.running)
		return 0;
	follow_no_more();
	if (error)
		return error;
	*failed_cpu = cpus.failed_cpu;
	return cpus.failure;
}

int cpus_check(int *failed_cpu)
{
	int error;

	*failed_cpu = -1;
	cpus.failure = 0;
	error = on_all_cpus(check_one);
	if (!error && cpus.failure)
		*failed_cpu = cpus.failed_cpu;
	return error ? error : cpus.failure;
}

/* A CPU that is itself a thread of a busy machine may come too late for the others. */
#define LEAVE_ATTEMPTS 5

int cpus_leave(u64 way_out)
{
	int error, attempt = 0;

	cpus.way_out = way_out;
	do {
		cpus.failure = 0;
		error = on_all_cpus(leave_together);
		if (!error)
			error = cpus.failure;
	} while (error == -EAGAIN && ++attempt < LEAVE_ATTEMPTS);
	cpus.way_out = 0;
	if (!cpus.running)
		follow_no_more();
	return error;
}

/* Suspend: the other CPUs have left through hotplug; this is the last one, interrupts off. */
static int suspend_last_cpu(SYSCORE_ARGUMENT)
{
	return cpu_goes(smp_processor_id());
}

static void resume_first_cpu(SYSCORE_ARGUMENT)
{
	unsigned int cpu = smp_processor_id();

	if (cpu_comes(cpu))
		pr_err("hadal: CPU %u could not be entered after resume: error %d\n", cpu,
		       cpus.failure);
}

static struct syscore_ops suspend_operations = {
	.suspend = suspend_last_cpu,
	.resume = resume_first_cpu,
};
static struct syscore suspend_syscore = {.ops = &suspend_operations};

void cpus_register(void)
{
	register_syscore(&suspend_syscore);
}

void cpus_unregister(void)
{
	unregister_syscore(&suspend_syscore);
}
