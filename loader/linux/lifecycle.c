// SPDX-License-Identifier: MIT OR GPL-2.0
/* Starting Hadal and stopping it: what must hold, memory, and why it could not. */
#include <linux/cpu.h>
#include <linux/mem_encrypt.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/workqueue.h>
#include <asm/io.h>

#include "attach.h"
#include "client.h"
#include "loader.h"

DECLARE_RWSEM(hadal_lock);

/* Written with hadal_lock held for writing. */
static struct {
	struct hypervisor_memory memory;
	bool started;
	bool locked;   /* no CPU leaves before a reset */
	bool attached; /* it was there before this system */
	bool closing;
	unsigned long trial_end; /* jiffies; 0: no trial */
} hadal;

static void trial_over(struct work_struct *work);
static DECLARE_DELAYED_WORK(trial, trial_over);

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

bool hadal_locked(void)
{
	return hadal.locked;
}

unsigned int hadal_trial_seconds(void)
{
	unsigned long end = READ_ONCE(hadal.trial_end), now = jiffies;

	return end && time_before(now, end) ? DIV_ROUND_UP(end - now, HZ) : 0;
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
		{-ENOMEM,
		 "the image wants more memory than its header says; rebuild and reinstall"},
		{-ERANGE, "there is RAM at addresses that Hadal cannot map on this machine; see "
			  "'hadal log'"},
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

static int fail_leave(struct outcome *outcome, int error)
{
	return fail(outcome, error, -1, "not all CPUs leave, so none does (error %d)", error);
}

#define OTHER_BELOW                                                                             \
	"a Hadal of another version is below this system since its boot; install hadal.efi of " \
	"this one and reboot"

/* What can be told without touching anything. */
static int check_machine(struct outcome *outcome)
{
	if (hadal.closing)
		return fail(outcome, -ESHUTDOWN, -1, "the machine is going down");
	if (hadal.started)
		return fail(outcome, -EALREADY, -1, "Hadal is running already");
	if (cpus_running())
		return fail(outcome, -EIO, cpus_first(),
			    "CPU %d never left the last time; reboot the machine", cpus_first());
	if (attach_is_other())
		return fail(outcome, -EPROTO, -1, OTHER_BELOW);
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
	struct kernel_tables tables;
	int error;

	error = tables_build(&tables, memory);
	if (error)
		fail(outcome, error, -1, "out of memory for page tables");
	else {
		error = cpus_init(memory, tables.first.root);
		if (error)
			fail_entry(outcome, error, -1);
	}
	tables_free(&tables);
	return error;
}

/* The CPUs have left, or the memory is lost for good: it may still be in use. */
static void release_memory(void)
{
	if (cpus_running()) {
		pr_err("hadal: %u CPUs are still under Hadal; its memory stays in use\n",
		       cpus_running());
		memset(&hadal.memory, 0, sizeof(hadal.memory));
		pool_free(true);
		return;
	}
	pool_free(false);
	log_keep((void *)hadal.memory.image + hadal.memory.image->log_offset);
	memory_free(&hadal.memory);
}

static int check_all_online(const char *why, struct outcome *outcome)
{
	unsigned int cpu;

	for_each_present_cpu(cpu) if (!cpu_online(cpu)) return fail(
		outcome, -EAGAIN, cpu,
		"CPU %u is offline, and %s: echo 1 >/sys/devices/system/cpu/cpu%u/online", cpu, why,
		cpu);
	return 0;
}

static int enter_all(u64 flags, struct outcome *outcome)
{
	int cpu, error;

	/* A CPU that is off now would be one without Hadal when it comes, however short. */
	if (flags & HADAL_START_LOCK) {
		error = check_all_online("a locked Hadal wants to be under all", outcome);
		if (error)
			return error;
	}
	error = cpus_follow();
	if (error)
		return fail(outcome, error, -1,
			    "the kernel has no place for another callback of CPUs that come and go "
			    "(error "
			    "%d); unload a module that has one",
			    error);
	error = cpus_enter(flags & HADAL_START_LOCK, &cpu);
	return error ? fail_entry(outcome, error, cpu) : 0;
}

/* Memory, and the image in it set up. */
static int prepare(u64 flags, struct outcome *outcome)
{
	int error = check_machine(outcome);

	if (error)
		return error;
	error = memory_allocate(&hadal.memory);
	if (error == -E2BIG)
		return fail(outcome, error, -1,
			    "this machine has more than %u separate ranges of RAM",
			    HADAL_MAX_RAM_RANGES);
	if (error)
		return fail(outcome, error, -1,
			    "not enough contiguous free memory; free some and try again");
	if (flags & HADAL_START_DIALECT_2018)
		hadal.memory.boot->flags |= HADAL_BOOT_DIALECT_2018;
	if (flags & HADAL_START_LOCK)
		hadal.memory.boot->flags |= HADAL_BOOT_LOCK;
	error = image_init(outcome);
	if (error)
		release_memory();
	return error;
}

static int start_locked(u64 flags, struct outcome *outcome)
{
	int error = prepare(flags, outcome);

	if (error)
		return error;
	error = enter_all(flags, outcome);
	if (error) {
		release_memory();
		return error;
	}
	hadal.started = true;
	hadal.locked = flags & HADAL_START_LOCK;
	__module_get(THIS_MODULE); /* whose code runs under Hadal */
	ram_follow(hadal.memory.boot->key);
	clients_open();
	return 0;
}

/* A Hadal that was there before this system is under all CPUs already. */
void hadal_attach(void)
{
	bool stops;

	if (!attach_find(&stops)) {
		if (attach_is_other())
			pr_warn("hadal: " OTHER_BELOW "\n");
		report_missing();
		return;
	}
	cpus_attach();
	hadal.started = hadal.attached = true;
	hadal.locked = !stops;
	ram_learn();
	clients_open();
	pr_info("hadal: was here before this system; attached to it under %u CPUs\n",
		cpus_running());
	report_back();
}

static void let_go(void)
{
	resume_all(NULL);
	events_revoke();
	clients_close();
}

/* Whatever programs still hold of it goes; Hadal stays. */
static void detach(void)
{
	unmap_all(NULL);
	window_revoke();
	let_go();
	cpus_detach();
	hadal.started = hadal.attached = false;
}

static int leave_all(void)
{
	int error;

	let_go();
	ram_follow(0);
	error = cpus_leave(0);
	if (error) {
		ram_follow(hadal.memory.boot->key);
		clients_open();
		return error;
	}
	hadal.started = false;
	WRITE_ONCE(hadal.trial_end, 0);
	if (!cpus_running())
		module_put(THIS_MODULE);
	release_memory();
	return 0;
}

/* Of a Hadal that was there before this system, whose memory stays what it is: nobody's. */
static int leave_attached(struct outcome *outcome)
{
	u64 way_out;
	int error = check_all_online("Hadal leaves all or none", outcome);

	if (error)
		return error;
	error = attach_open_way_out(&way_out);
	if (error)
		return fail(outcome, error, -1, "the way out of it cannot be mapped (error %d)",
			    error);
	let_go();
	error = cpus_leave(way_out);
	if (error) {
		clients_open();
		fail_leave(outcome, error);
	} else {
		hadal.started = hadal.attached = false;
		ram_follow(0);
		attach_keep_log();
	}
	attach_close_way_out();
	return error;
}

/* Takes away what programs hold of Hadal, and then Hadal. */
static void leave_by_force(void)
{
	if (!hadal.started || hadal.locked)
		return;
	unmap_all(NULL);
	window_revoke();
	if (leave_all())
		pr_err("hadal: not all CPUs leave\n");
}

/* Whoever started it may be dead, or the machine in a state in which nobody can stop it. */
static void trial_over(struct work_struct *work)
{
	down_write(&hadal_lock);
	if (hadal.trial_end) {
		pr_warn("hadal: nobody confirmed the trial: leaving\n");
		leave_by_force();
	}
	up_write(&hadal_lock);
}

static void trial_begin(unsigned int seconds)
{
	if (!seconds)
		return;
	WRITE_ONCE(hadal.trial_end, (jiffies + seconds * HZ) ?: 1);
	mod_delayed_work(system_wq, &trial, seconds * HZ);
}

int hadal_keep(void)
{
	int error = 0;

	if (down_write_killable(&hadal_lock))
		return -EINTR;
	if (!hadal.started)
		error = -ENODEV;
	else if (!hadal.trial_end)
		error = -ENOENT;
	WRITE_ONCE(hadal.trial_end, 0);
	up_write(&hadal_lock);
	return error;
}

int hadal_start(u64 flags, unsigned int trial_seconds, struct outcome *outcome)
{
	int error;

	if (flags & ~(HADAL_START_DIALECT_2018 | HADAL_START_LOCK) ||
	    trial_seconds > HADAL_TRIAL_MAX)
		return fail(outcome, -EINVAL, -1, "the module does not know this option");
	if (trial_seconds && (flags & HADAL_START_LOCK))
		return fail(outcome, -EINVAL, -1,
			    "a locked Hadal cannot leave by itself: start it without --trial or "
			    "without --lock");
	if (down_write_killable(&hadal_lock))
		return fail(outcome, -EINTR, -1, "interrupted");
	error = start_locked(flags, outcome);
	if (!error)
		trial_begin(trial_seconds);
	up_write(&hadal_lock);
	if (!error)
		pr_info("hadal: running under %u CPUs\n", cpus_running());
	return error;
}

int hadal_check(struct outcome *outcome)
{
	int error, cpu;

	if (down_write_killable(&hadal_lock))
		return fail(outcome, -EINTR, -1, "interrupted");
	error = prepare(0, outcome);
	if (!error) {
		error = cpus_check(&cpu);
		if (error)
			fail_entry(outcome, error, cpu);
		release_memory();
	}
	up_write(&hadal_lock);
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
	else if (hadal.locked && hadal.attached)
		error = fail(outcome, -EPERM, -1,
			     "it was there before this system and runs until the machine is reset, "
			     "for hadal.efi was started without --allow-stop");
	else if (hadal.locked)
		error = fail(outcome, -EPERM, -1,
			     "it was started with --lock and runs until the machine is reset");
	else if (mapped)
		error = fail(outcome, -EBUSY, -1,
			     "%llu pages are mapped; end the programs that use them", mapped);
	else if (window_in_use())
		error = fail(outcome, -EBUSY, -1,
			     "the memory window is open; end the programs that use it (see fuser "
			     "/dev/hadal)");
	else if (hadal.attached)
		error = leave_attached(outcome);
	else {
		error = leave_all();
		if (error)
			fail_leave(outcome, error);
		else if (cpus_running())
			error = fail(outcome, -EIO, cpus_first(),
				     "CPU %d did not leave; reboot the machine", cpus_first());
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
	if (hadal.attached)
		detach();
	else
		leave_by_force();
	up_write(&hadal_lock);
}

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
	cpus_register();
	return 0;
}

void lifecycle_unregister(void)
{
	cpus_unregister();
	cancel_delayed_work_sync(&trial);
	unregister_reboot_notifier(&reboot_block);
}
