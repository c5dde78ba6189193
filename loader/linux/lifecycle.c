// SPDX-License-Identifier: MIT OR GPL-2.0
/* Putting Hadal under the CPUs and taking it away again: all of them or none. */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/mem_encrypt.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/stop_machine.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/svm.h>

#include "call.h"
#include "counters.h"
#include "client.h"
#include "compat.h"
#include "loader.h"

#ifndef __nocfi
#define __nocfi
#endif

typedef long (*image_function)(u64 op, u64 boot_physical, u64 root_physical, u64 cpu);

DECLARE_RWSEM(hadal_lock);

/* Written with hadal_lock held for writing; while Hadal runs, hotplug and suspend only read it. */
static struct {
	struct hypervisor_memory memory;
	image_function enter;
	u64 root;
	enum cpuhp_state hotplug;
	bool started; /* changes while all CPUs stand still: those that come later enter by
			 themselves */
	bool closing;
	int failed_cpu;
	int failure;
} hadal;

static cpumask_t cpus_entered;

bool hadal_closing(void)
{
	return READ_ONCE(hadal.closing);
}

bool hadal_started(void)
{
	return hadal.started;
}

const struct hadal_boot *hadal_boot_data(void)
{
	return hadal.memory.boot;
}

unsigned int hadal_cpus_running(void)
{
	return cpumask_weight(&cpus_entered);
}

/* The image is no function that the kernel knows, so it has no CFI type to check. */
static noinline __nocfi long image_call(enum hadal_enter op, u64 root, unsigned int cpu)
{
	unsigned long flags;
	long result;
	u64 counters;

	local_irq_save(flags);
	counters = counters_stop();
	result = hadal.enter(op, virt_to_phys(hadal.memory.boot), root, cpu);
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
	rdmsrl_safe(MSR_EFER, &efer);
	return efer & EFER_SVME;
}

/* Runs on the CPU itself, which can neither change nor go away meanwhile. */
static int cpu_enter(unsigned int cpu)
{
	long result =
		virtualization_in_use() ? -EBUSY : image_call(HADAL_ENTER_START, hadal.root, cpu);

	if (result) {
		hadal.failed_cpu = cpu;
		hadal.failure = result;
		return result;
	}
	cpumask_set_cpu(cpu, &cpus_entered);
	return 0;
}

/* CPU hotplug: this one alone. */
static int cpu_comes(unsigned int cpu)
{
	return hadal.started ? cpu_enter(cpu) : 0;
}

static int cpu_leave(unsigned int cpu)
{
	unsigned long flags;
	long result;
	u64 counters;

	if (!cpumask_test_cpu(cpu, &cpus_entered))
		return 0;
	local_irq_save(flags);
	counters = counters_stop();
	result = hadal_call(HADAL_CALL_STOP, 0, 0, 0, 0, 0);
	counters_go_on(counters);
	local_irq_restore(flags);
	/* -ENODEV: there is nobody to leave, as after a fault that gave the CPU back. */
	if (!result || result == -ENODEV)
		cpumask_clear_cpu(cpu, &cpus_entered);
	if (!result)
		return 0;
	pr_warn("hadal: CPU %u did not leave: error %ld\n", cpu, result);
	return result == -ENODEV ? 0 : result;
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
		cpu_leave(cpu);
	else
		hadal.started = true;
	wait_for_all(&together->done);
	return 0;
}

static int leave_together(void *context)
{
	struct together *together = context;

	hadal.started = false;
	cpu_leave(smp_processor_id());
	wait_for_all(&together->done);
	return 0;
}

/* CPUs can neither come nor go while this runs. */
static int on_all_cpus(cpu_stop_fn_t function)
{
	struct together together = {};

	return stop_machine(function, &together, cpu_online_mask);
}

static __printf(4, 5) int fail(struct outcome *outcome, int error, int cpu, const char *format, ...)
{
	va_list args;

	outcome->cpu = cpu;
	va_start(args, format);
	vsnprintf(outcome->reason, sizeof(outcome->reason), format, args);
	va_end(args);
	return error;
}

static int fail_entry(struct outcome *outcome, int error, int cpu)
{
	static const struct {
		int error;
		const char *text;
	} reasons[] = {
		{-EBUSY,
		 "another hypervisor holds the processor; end its virtual machines and unload it: "
		 "modprobe -r kvm_intel kvm_amd"},
		{-EPERM, "VT-x or SVM is switched off and locked by the firmware; enable it in the "
			 "firmware's setup"},
		{-ENODEV,
		 "the processor has no VT-x or SVM, or lacks a feature that Hadal needs; see "
		 "'hadal log'"},
		{-EOPNOTSUPP, "memory encryption is on; boot with mem_encrypt=off"},
		{-EPROTO, "module and image are of different versions; rebuild and reinstall"},
		{-ENOMEM, "the image wants more memory than its header says"},
		{-EIO, "the processor refused the state; see 'hadal log'"},
		{-EFAULT, "a fault inside the image; see 'hadal log'"},
	};
	const char *text = "unexpected error; see 'hadal log'";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].error == error)
			text = reasons[i].text;
	if (cpu < 0)
		return fail(outcome, error, cpu, "%s (error %d)", text, error);
	return fail(outcome, error, cpu, "CPU %d: %s (error %d)", cpu, text, error);
}

/* What can be told without touching anything. */
static int check_machine(struct outcome *outcome)
{
	if (hadal.closing)
		return fail(outcome, -ESHUTDOWN, -1, "the machine is going down");
	if (hadal.started)
		return fail(outcome, -EALREADY, -1, "Hadal is running already");
	if (!cpumask_empty(&cpus_entered))
		return fail(outcome, -EIO, cpumask_first(&cpus_entered),
			    "CPU %u never left the last time; reboot the machine",
			    cpumask_first(&cpus_entered));
	if (sme_get_me_mask())
		return fail_entry(outcome, -EOPNOTSUPP, -1);
	if (nr_cpu_ids > HADAL_MAX_CPUS)
		return fail(outcome, -E2BIG, -1,
			    "up to %u CPUs are possible here and Hadal handles %u; boot with "
			    "possible_cpus=%u",
			    nr_cpu_ids, HADAL_MAX_CPUS, HADAL_MAX_CPUS);
	return 0;
}

static int image_init(struct outcome *outcome)
{
	struct hypervisor_memory *memory = &hadal.memory;
	struct first_tables tables;
	int error;

	hadal.enter = memory->trampoline + memory->image->entry_offset;
	error = tables_build(&tables, memory);
	if (error)
		fail(outcome, error, -1, "out of memory for page tables");
	else {
		error = image_call(HADAL_ENTER_INIT, virt_to_phys(tables.root), 0);
		if (error)
			fail_entry(outcome, error, -1);
	}
	tables_free(&tables);
	hadal.root = memory->boot->root;
	return error;
}

/* The CPUs have left, or the memory is lost for good: it may still be in use. */
static void release_memory(void)
{
	if (!cpumask_empty(&cpus_entered)) {
		pr_err("hadal: %u CPUs are still under Hadal; its memory stays in use\n",
		       hadal_cpus_running());
		memset(&hadal.memory, 0, sizeof(hadal.memory));
		return;
	}
	log_keep(hadal.memory.image);
	memory_free(&hadal.memory);
}

static int enter_all(struct outcome *outcome)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "hadal:online", cpu_comes,
					      cpu_leave);
	int error;

	if (state < 0)
		return fail(outcome, state, -1, "no CPU hotplug state is free (error %d)", state);
	hadal.hotplug = state;
	hadal.failure = 0;
	hadal.failed_cpu = -1;
	error = on_all_cpus(enter_together);
	if (hadal.started)
		return 0;
	cpuhp_remove_state_nocalls(state);
	if (error)
		return fail(outcome, error, -1, "the CPUs cannot be stopped (error %d)", error);
	return fail_entry(outcome, hadal.failure, hadal.failed_cpu);
}

static int start_locked(u64 flags, struct outcome *outcome)
{
	int error = check_machine(outcome);

	if (error)
		return error;
	error = memory_allocate(&hadal.memory);
	if (error == -E2BIG)
		return fail(outcome, error, -1, "more than %u separate ranges of RAM",
			    HADAL_MAX_RAM_RANGES);
	if (error)
		return fail(outcome, error, -1,
			    "not enough contiguous free memory; free some and try again");
	if (flags & HADAL_START_DIALECT_2018)
		hadal.memory.boot->flags |= HADAL_BOOT_DIALECT_2018;
	error = image_init(outcome);
	if (!error)
		error = enter_all(outcome);
	if (error) {
		release_memory();
		return error;
	}
	clients_open();
	return 0;
}

static void leave_all(void)
{
	resume_all(NULL);
	events_revoke();
	clients_close();
	on_all_cpus(leave_together);
	cpuhp_remove_state_nocalls(hadal.hotplug);
	release_memory();
}

int hadal_start(u64 flags, struct outcome *outcome)
{
	int error;

	if (flags & ~HADAL_START_DIALECT_2018)
		return fail(outcome, -EINVAL, -1, "the module does not know this option");
	if (down_write_killable(&hadal_lock))
		return fail(outcome, -EINTR, -1, "interrupted");
	error = start_locked(flags, outcome);
	up_write(&hadal_lock);
	if (!error)
		pr_info("hadal: running under %u CPUs\n", hadal_cpus_running());
	return error;
}

int hadal_stop(struct outcome *outcome)
{
	int error = 0;
	u64 mapped;

	if (down_write_killable(&hadal_lock))
		return fail(outcome, -EINTR, -1, "interrupted");
	mapped = mapped_pages() + clients_mapped_pages();
	if (!hadal.started)
		error = fail(outcome, -ENODEV, -1, "Hadal is not running");
	else if (mapped)
		error = fail(outcome, -EBUSY, -1,
			     "%llu pages are mapped; end the programs that use them", mapped);
	else if (window_in_use())
		error = fail(outcome, -EBUSY, -1,
			     "the memory window is open; end the programs that use it (see fuser "
			     "/dev/hadal)");
	else {
		leave_all();
		if (!cpumask_empty(&cpus_entered))
			error = fail(outcome, -EIO, cpumask_first(&cpus_entered),
				     "CPU %u did not leave; reboot the machine",
				     cpumask_first(&cpus_entered));
	}
	up_write(&hadal_lock);
	if (!error)
		pr_info("hadal: stopped\n");
	return error;
}

void hadal_close(void)
{
	WRITE_ONCE(hadal.closing, true);
	down_write(&hadal_lock);
	if (hadal.started) {
		unmap_all(NULL);
		window_revoke();
		leave_all();
	}
	up_write(&hadal_lock);
}

/* Suspend: the other CPUs have left through hotplug; this is the last one, interrupts off. */
static int suspend_last_cpu(SYSCORE_ARGUMENT)
{
	return cpu_leave(smp_processor_id());
}

static void resume_first_cpu(SYSCORE_ARGUMENT)
{
	unsigned int cpu = smp_processor_id();

	if (hadal.started && cpu_enter(cpu))
		pr_err("hadal: CPU %u could not be entered after resume: error %d\n", cpu,
		       hadal.failure);
}

static struct syscore_ops suspend_operations = {
	.suspend = suspend_last_cpu,
	.resume = resume_first_cpu,
};
static struct syscore suspend_syscore = {.ops = &suspend_operations};

/* Also before kexec, whose new kernel finds every CPU on bare hardware. */
static int before_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	hadal_close();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = {.notifier_call = before_reboot};

int lifecycle_register(void)
{
	int error = register_reboot_notifier(&reboot_block);

	if (error)
		return error;
	register_syscore(&suspend_syscore);
	return 0;
}

void lifecycle_unregister(void)
{
	unregister_syscore(&suspend_syscore);
	unregister_reboot_notifier(&reboot_block);
}
