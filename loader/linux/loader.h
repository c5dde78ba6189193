/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the files of the module share. */
#ifndef HADAL_LOADER_H
#define HADAL_LOADER_H

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <hadal/boot.h>
#include <hadal/ioctl.h>

#include "first_tables.h"

/* memory.c: everything the image needs from the kernel. */

struct hypervisor_memory {
	struct hadal_image_header *image; /* the copy that runs; one contiguous block */
	struct hadal_boot *boot;
	void *trampoline; /* the image's first page, mapped executable, and the crossing */
};

/* Checks the image that is built into the module. Returns 0 or -ENOEXEC. */
int image_check(void);
/* Allocates and fills all of *memory. Returns 0, -ENOMEM or -E2BIG (too many ranges of RAM). */
int memory_allocate(struct hypervisor_memory *memory);
/* Frees what is allocated of *memory and clears it. */
void memory_free(struct hypervisor_memory *memory);

/* donate.c: memory for the image while it runs. */

/* Gives it some more; false when there is none to give. */
bool pool_feed(void);
/* Takes back what it does not use any more. Hadal runs. */
void pool_take_back(void);
/* Frees what was given, unless it is lost: CPUs may still be in it. Hadal does not run. */
void pool_free(bool in_use);

/* tables.c: the first page tables, as hadal/boot.h describes them. */

struct kernel_tables {
	struct first_tables first;
	struct list_head pages;
};

/* Returns 0 or -ENOMEM; tables_free is due in either case. */
int tables_build(struct kernel_tables *tables, const struct hypervisor_memory *memory);
void tables_free(struct kernel_tables *tables);

/* cpus.c: the CPUs enter and leave. Called with hadal_lock held for writing. */

/* Calls the image with HADAL_ENTER_INIT and the first page tables; its answer. */
long cpus_init(const struct hypervisor_memory *memory, u64 root);
/* From here on CPUs that are plugged in or go are told of. Before cpus_enter(), which undoes it
 * when it fails. */
int cpus_follow(void);
/*
 * All CPUs enter, or none when one cannot: its error, with *failed_cpu set. lock: none leaves any
 * more. Those that are plugged in later enter too.
 */
int cpus_enter(bool lock, int *failed_cpu);
/* Whether all CPUs could enter; none does. As above. */
int cpus_check(int *failed_cpu);
/* All CPUs leave, or none: a negative errno. way_out: of a Hadal that was there before, else 0. */
int cpus_leave(u64 way_out);
/* CPUs under Hadal, and the first of them or -1. */
unsigned int cpus_running(void);
int cpus_first(void);
/* All CPUs that are online have been under Hadal all the time; the module goes. */
void cpus_attach(void);
void cpus_detach(void);
void cpus_register(void);
void cpus_unregister(void);

/* report.c: tells hadal.efi that a system has come up, or the log why Hadal is not there. */
void report_back(void);
void report_missing(void);

/* lifecycle.c: start and stop. */

/*
 * Held for reading around every hypercall of a client and for writing while Hadal starts or stops,
 * so that what a client holds of Hadal goes with it.
 */
extern struct rw_semaphore hadal_lock;

/* True while the machine goes down: what runs long should end and START is refused. */
bool hadal_closing(void);
bool hadal_started(void);
/* Started with HADAL_START_LOCK. */
bool hadal_locked(void);
/* Until it leaves by itself; 0: it does not. */
unsigned int hadal_trial_seconds(void);
/* It does not leave by itself. 0, -ENODEV, -ENOENT (nor would it have), -EINTR. */
int hadal_keep(void);
/* What Hadal was started with; valid while it runs. */
const struct hadal_boot *hadal_boot_data(void);

/* What went wrong, for a person. */
struct outcome {
	int cpu; /* -1 when it is not one CPU's fault */
	char reason[256];
};

/* flags: HADAL_START_*. Both take hadal_lock. Return 0 or a negative errno with *outcome filled. */
int hadal_start(u64 flags, unsigned int trial_seconds, struct outcome *outcome);
int hadal_stop(struct outcome *outcome);
/* Whether hadal_start() would do; nothing starts. Its errors. */
int hadal_check(struct outcome *outcome);
/* Takes over a Hadal that was there before this system, if there is one. At the module's start. */
void hadal_attach(void);
/* Stops for good, unmapping what clients have mapped: the machine restarts or the module goes. */
void hadal_close(void);
int lifecycle_register(void);
void lifecycle_unregister(void);

/* transfer.c: read and write. Called with hadal_lock held for reading. */
int transfer(enum hadal_call call, struct hadal_ioc_memory *request);

/* map.c: pages that show others. Called with hadal_lock held. */
int map_page(struct file *owner, const struct hadal_ioc_map *request);
int unmap_page(struct file *owner, const struct hadal_ioc_map *request);
/* Unmaps all pages of one owner and lets them go, or with NULL only makes all show themselves. */
void unmap_all(struct file *owner);
unsigned int mapped_pages(void);
/* Pins an anonymous page of the current process, for writing and for long. 0 or a negative errno.
 */
int pin_private_page(u64 address, struct page **page);

/* window.c: the memory window. */

/* Opens it for a file. Called with hadal_lock held. 0, -EOPNOTSUPP, -ENOMEM. */
int window_hold(struct file *file);
/* The file goes; with the last of them the window. Called with hadal_lock held. */
void window_release(struct file *file);
/* Takes it away from all, whose next access is SIGBUS. */
void window_revoke(void);
bool window_in_use(void);
/* mmap() of a part of it. */
int window_map(struct file *file, struct vm_area_struct *vma);

/* ram.c: what is RAM, while Hadal runs. */

/* Calls for every range of RAM that the kernel knows, in ascending order. */
int ram_walk(void *context, int (*visit)(struct resource *, void *));
/* The image runs and is told of changes, with its key; or with 0 it leaves. */
void ram_follow(u64 key);
/* The image runs already and has its own idea of RAM, which does not change any more. */
void ram_learn(void);
/* Copies the ranges that the image knows of. 0, -EFAULT. */
int ram_list(struct hadal_ioc_ram *request);
/* What the image knows: the end of all RAM, and whether [start, end) is within one range. */
u64 ram_end(void);
bool ram_has(u64 start, u64 end);
/* 0 or a negative errno. */
int ram_register(void);
void ram_unregister(void);

/* pause.c: CPUs that are paused. Called with hadal_lock held. */
int pause_cpu(struct file *owner, const struct hadal_ioc_pause *request);
int resume_cpu(struct file *owner, const struct hadal_ioc_pause *request);
/* Resumes all CPUs of one owner, or with NULL of all. */
void resume_all(struct file *owner);
int pause_set_regs(struct file *owner, struct hadal_ioc_set_regs *request);

/* events.c: rings of events. All but the last two are called with hadal_lock held. */
int events_open(struct file *file, struct hadal_ioc_events_open *request);
int events_subscribe(struct file *file, struct hadal_ioc_subscribe *request);
int events_unsubscribe(struct file *file, const struct hadal_ioc_subscribe *request);
int events_state(const struct hadal_ioc_subscribe *request);
int events_answer(struct file *file, struct hadal_ioc_event_answer *request);
int events_view(struct file *file, struct hadal_ioc_view *request);
/* The file goes, and all that it has asked for. */
void events_release(struct file *file);
/* Nothing is told to anybody any more; who reads sees that. */
void events_revoke(void);
/* mmap() of a part of the rings. */
int events_map(struct file *file, struct vm_area_struct *vma);
__poll_t events_poll(struct file *file, struct poll_table_struct *table);

/* log.c: the log while running, and what is left of it after a stop. */
int log_read(struct hadal_ioc_log *request, bool running);
/* Keeps the log of an image that no CPU runs any more. */
void log_keep(const struct hadal_log_ring *log);

/* device.c */
int client_device_register(void);
void client_device_unregister(void);

#endif
