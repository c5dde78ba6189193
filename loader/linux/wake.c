// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Readers of events that wait are woken by an NMI, which the hypervisor can have at any moment: the
 * ring's head tells that it was for that.
 */
#include <linux/irq_work.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/wait.h>
#include <asm/nmi.h>

#include "wake.h"

static struct waker *wakers[HADAL_MAX_OWNERS];
static unsigned int waker_count;

static void wake(struct irq_work *work)
{
	wake_up_interruptible(&container_of(work, struct waker, work)->wait);
}

static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	unsigned int cpu = raw_smp_processor_id(), i;
	int handled = NMI_DONE;

	for (i = 0; i < HADAL_MAX_OWNERS; i++) {
		struct waker *waker = READ_ONCE(wakers[i]);

		if (!waker || !READ_ONCE(waker->heads[cpu].wake))
			continue;
		WRITE_ONCE(waker->heads[cpu].wake, 0);
		irq_work_queue(&waker->work);
		handled = NMI_HANDLED;
	}
	return handled;
}

void waker_init(struct waker *waker, struct hadal_ring_head *heads)
{
	waker->heads = heads;
	init_waitqueue_head(&waker->wait);
	init_irq_work(&waker->work, wake);
}

int waker_add(struct waker *waker)
{
	unsigned int i = 0;
	int error = 0;

	while (i < HADAL_MAX_OWNERS && wakers[i])
		i++;
	if (i == HADAL_MAX_OWNERS)
		return -ENOSPC;
	if (!waker_count)
		error = register_nmi_handler(NMI_LOCAL, on_nmi, 0, "hadal");
	if (error)
		return error;
	waker_count++;
	WRITE_ONCE(wakers[i], waker);
	return 0;
}

void waker_remove(struct waker *waker)
{
	unsigned int i = 0;

	while (i < HADAL_MAX_OWNERS && wakers[i] != waker)
		i++;
	if (i == HADAL_MAX_OWNERS)
		return;
	WRITE_ONCE(wakers[i], NULL);
	synchronize_rcu(); /* NMI handlers are readers */
	irq_work_sync(&waker->work);
	if (!--waker_count)
		unregister_nmi_handler(NMI_LOCAL, "hadal");
}

/* It says so before it looks at the rings for the last time: who writes to one looks here after. */
void waker_waits(struct waker *waker, bool waits)
{
	WRITE_ONCE(waker->heads[0].waits, waits);
	smp_mb();
}

void waker_is_here(struct waker *waker)
{
	WRITE_ONCE(waker->heads[0].reader, raw_smp_processor_id() + 1);
}
