// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * NMIs at a steady rate to all CPUs: the timer that PCs have had from the beginning, which Linux
 * does not need once its local APICs tick, raises NMIs by way of the I/O APIC. No CPU takes part in
 * sending them, so they come whatever the CPUs do.
 */
#include <linux/atomic.h>
#include <linux/i8253.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include <asm/nmi.h>

#include "hadal_test.h"
#include "storm.h"

#define IOAPIC_ADDRESS      0xfec00000
#define IOAPIC_WINDOW       0x10
#define IOAPIC_TIMER        (0x10 + 2 * 2) /* redirection of pin 2 */
#define IOAPIC_NMI          0x400
#define IOAPIC_EVERYBODY    0xff000000
#define HPET_ADDRESS        0xfed00000
#define HPET_CONFIGURATION  0x10
#define HPET_LEGACY         2 /* takes the place of the timer */
#define HPET_LEGACY_CAPABLE 0x8000
#define TIMER_HZ            1193182
#define TIMER_PERIODIC      0x34 /* channel 0, both bytes, rate generator */
#define TIMER_ONE_SHOT      0x30

static DEFINE_MUTEX(storm_lock);
static atomic_long_t came;
static bool storming;
static void __iomem *ioapic, *hpet;
static u32 saved_low, saved_high, saved_hpet;

static u32 ioapic_read(u32 index)
{
	writel(index, ioapic);
	return readl(ioapic + IOAPIC_WINDOW);
}

static void ioapic_write(u32 index, u32 value)
{
	writel(index, ioapic);
	writel(value, ioapic + IOAPIC_WINDOW);
}

/* Nobody else has sent them: all are the storm's. */
static int storm_nmi(unsigned int type, struct pt_regs *registers)
{
	atomic_long_inc(&came);
	return NMI_HANDLED;
}

static void timer_set(u8 mode, u16 count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&i8253_lock, flags);
	outb_p(mode, 0x43);
	outb_p(count & 0xff, 0x40);
	outb_p(count >> 8, 0x40);
	raw_spin_unlock_irqrestore(&i8253_lock, flags);
}

static void route_timer(u32 low, u32 high)
{
	unsigned long flags;

	local_irq_save(flags);
	ioapic_write(IOAPIC_TIMER, 0x10000); /* masked while it changes */
	ioapic_write(IOAPIC_TIMER + 1, high);
	ioapic_write(IOAPIC_TIMER, low);
	local_irq_restore(flags);
}

static void unmap(void)
{
	if (ioapic)
		iounmap(ioapic);
	if (hpet)
		iounmap(hpet);
	ioapic = hpet = NULL;
}

static int begin(u32 hz)
{
	int error;

	ioapic = ioremap(IOAPIC_ADDRESS, PAGE_SIZE);
	hpet = ioremap(HPET_ADDRESS, PAGE_SIZE);
	if (!ioapic || !hpet) {
		unmap();
		return -ENOMEM;
	}
	error = register_nmi_handler(NMI_LOCAL, storm_nmi, 0, "hadal_test");
	if (error) {
		unmap();
		return error;
	}
	saved_hpet = readl(hpet + HPET_CONFIGURATION);
	if (readl(hpet) != ~0u && (readl(hpet) & HPET_LEGACY_CAPABLE))
		writel(saved_hpet & ~HPET_LEGACY, hpet + HPET_CONFIGURATION);
	saved_high = ioapic_read(IOAPIC_TIMER + 1);
	saved_low = ioapic_read(IOAPIC_TIMER);
	timer_set(TIMER_PERIODIC, TIMER_HZ / hz);
	route_timer(IOAPIC_NMI, IOAPIC_EVERYBODY);
	storming = true;
	return 0;
}

static void do_nothing(void *unused)
{
}

void storm_end(void)
{
	mutex_lock(&storm_lock);
	if (storming) {
		route_timer(saved_low, saved_high);
		timer_set(TIMER_ONE_SHOT, 0);
		if (readl(hpet) != ~0u && (readl(hpet) & HPET_LEGACY_CAPABLE))
			writel(saved_hpet, hpet + HPET_CONFIGURATION);
		on_each_cpu(do_nothing, NULL, 1); /* the last NMI comes before it */
		unregister_nmi_handler(NMI_LOCAL, "hadal_test");
		unmap();
		storming = false;
	}
	mutex_unlock(&storm_lock);
}

long storm(struct hadal_test_storm *request)
{
	int error = 0;

	if (request->hz && (request->hz < 20 || request->hz > 100000))
		return -EINVAL;
	mutex_lock(&storm_lock);
	if (request->hz && storming)
		error = -EBUSY;
	else if (request->hz)
		error = begin(request->hz);
	request->came = atomic_long_read(&came);
	mutex_unlock(&storm_lock);
	return error;
}
