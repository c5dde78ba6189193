// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Times what a start does with interrupts off, from when it is loaded, behind hadal.ko: the image's
 * setup, and how long the CPUs stand still while all of them enter. A read of
 * /proc/hadal_bench_start gives both in TSC ticks, "SETUP ENTER", and forgets them.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <asm/msr.h>

struct span {
	struct kretprobe probe;
	atomic64_t longest; /* of all CPUs */
};

static noinline void nothing(void)
{
	barrier();
}

static int begin(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(u64 *)instance->data = rdtsc();
	return 0;
}

static int end(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	s64 ticks = rdtsc() - *(u64 *)instance->data;
	struct span *span = container_of(get_kretprobe(instance), struct span, probe);
	s64 old = atomic64_read(&span->longest);

	while (ticks > old && !atomic64_try_cmpxchg(&span->longest, &old, ticks))
		;
	return 0;
}

#define SPAN(SYMBOL)                                  \
	{                                             \
		.probe = {.kp.symbol_name = (SYMBOL), \
			  .entry_handler = begin,     \
			  .handler = end,             \
			  .data_size = sizeof(u64),   \
			  .maxactive = 64},           \
	}

enum { SETUP, ENTER, NOTHING, SPANS };

static struct span spans[SPANS] = {
	[SETUP] = SPAN("hadal:cpus_init"),
	[ENTER] = SPAN("hadal:enter_together"),
	[NOTHING] = SPAN("hadal_bench_start:nothing"),
};

/* Without what the probe itself takes. */
static s64 take(struct span *span, s64 probe)
{
	return max_t(s64, atomic64_xchg(&span->longest, 0) - probe, 0);
}

static int show(struct seq_file *out, void *unused)
{
	s64 probe;

	nothing();
	probe = take(&spans[NOTHING], 0);
	seq_printf(out, "%lld %lld\n", take(&spans[SETUP], probe), take(&spans[ENTER], probe));
	return 0;
}

static struct kretprobe *probes[SPANS] = {
	&spans[SETUP].probe,
	&spans[ENTER].probe,
	&spans[NOTHING].probe,
};

static int __init start_init(void)
{
	int error = register_kretprobes(probes, SPANS);

	if (!error && !proc_create_single("hadal_bench_start", 0400, NULL, show)) {
		unregister_kretprobes(probes, SPANS);
		error = -ENOMEM;
	}
	return error;
}

static void __exit start_exit(void)
{
	remove_proc_entry("hadal_bench_start", NULL);
	unregister_kretprobes(probes, SPANS);
}

module_init(start_init);
module_exit(start_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Times a start of Hadal");
