/* SPDX-License-Identifier: MIT */
/*
 * Talking to the Hadal hypervisor under this system, as root.
 *
 * Functions return 0 (or a count) or a negative errno, and then describe it in *error, one
 * sentence for a person and its kind, unless error is NULL. What they fill is only valid on
 * success unless said otherwise. A handle may be used by several threads at once. These errors are
 * common to all: -ENOENT     the kernel module is not loaded -ENODEV     Hadal is not running
 *  -EACCES     not root (at hadal_open), or memory of the hypervisor itself
 *  -EPROTO     the library and the module are of different versions
 *  -ESHUTDOWN  the machine is going down
 */
#ifndef HADAL_LIB_DEVICE_HYPERVISOR_H
#define HADAL_LIB_DEVICE_HYPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hadal/abi.h>
#include <hadal/ioctl.h>

#include "error.h"
#include "memory/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An open /dev/hadal. */
struct hadal;

struct hadal_state {
	bool running;
	unsigned int cpu_count;     /* CPU numbers are below this */
	unsigned int cpu_running;   /* CPUs that are under Hadal now */
	bool locked;                /* it does not stop before the machine is reset */
	unsigned int trial_seconds; /* until it leaves by itself; 0: it does not */
};

/* Life cycle */

/*
 * Loads the kernel module from where `make install` puts it, for the running kernel; does nothing
 * when it is there already. Hadal is not started by this.
 */
int hadal_module_load(struct hadal_error *error);

/* Unloads the module, stopping Hadal. -EBUSY while somebody has /dev/hadal open. */
int hadal_module_unload(struct hadal_error *error);

/* Opens /dev/hadal; works also while Hadal is stopped. The handle is closed by hadal_close. */
int hadal_open(struct hadal **hadal, struct hadal_error *error);

/* Also unmaps all pages mapped through this handle; NULL is fine. */
void hadal_close(struct hadal *hadal);

/* Works also while Hadal is stopped. */
int hadal_state(struct hadal *hadal, struct hadal_state *state, struct hadal_error *error);

/*
 * flags: HADAL_START_*. trial_seconds: leave by itself after so long, up to HADAL_TRIAL_MAX, unless
 * hadal_keep() is called; 0: stay. Puts Hadal under all CPUs, or none when one refuses; *error then
 * says which and why. -EALREADY when it runs, -EBUSY (another hypervisor holds a CPU), -EPERM
 * (locked by firmware), -ENODEV (the processor cannot), -EOPNOTSUPP (memory encryption is on),
 * -ENOMEM, -EIO.
 */
int hadal_start(struct hadal *hadal, uint64_t flags, unsigned int trial_seconds,
		struct hadal_error *error);

/*
 * Whether hadal_start() would do, which the image judges on every CPU; nothing starts, and
 * hadal_log() tells afterwards what it found. Its errors.
 */
int hadal_check(struct hadal *hadal, struct hadal_error *error);

/* Ends a trial: Hadal stays. -ENOENT when there is none. */
int hadal_keep(struct hadal *hadal, struct hadal_error *error);

/*
 * Takes Hadal from under all CPUs, of whatever version the module is. -EBUSY while anybody has
 * pages mapped, -EPERM when locked.
 */
int hadal_stop(struct hadal *hadal, struct hadal_error *error);

/* Looking at the hypervisor */

int hadal_info(struct hadal *hadal, struct hadal_info *info, struct hadal_error *error);

/* How it was started before this system. -ENOENT when it was started by one. */
int hadal_first(struct hadal *hadal, struct hadal_first *first, struct hadal_error *error);

struct hadal_ram {
	unsigned int count;
	struct hadal_range range[HADAL_MAX_RAM_RANGES]; /* ascending, with gaps between them */
};
int hadal_ram(struct hadal *hadal, struct hadal_ram *ram, struct hadal_error *error);

/*
 * A range of the hypervisor's own memory, hidden from the system above it, of ascending ones.
 * -ENOENT behind the last one.
 */
int hadal_own(struct hadal *hadal, unsigned int index, struct hadal_range *range,
	      struct hadal_error *error);

/* What made one CPU exit, how often. -ENXIO when that CPU is not there or not running. */
int hadal_stats(struct hadal *hadal, unsigned int cpu, struct hadal_stats *stats,
		struct hadal_error *error);

/*
 * Copies log text from *position (0: the oldest kept) on and moves *position behind it. Returns the
 * bytes copied, 0 when there are none yet. Works also after a stop. A *position that came back
 * smaller than it was means that Hadal has been started anew: go on from 0.
 */
ssize_t hadal_log(struct hadal *hadal, uint64_t *position, char *buffer, size_t size,
		  struct hadal_error *error);

/* Looking at the system above it */

/*
 * The registers of one CPU at this moment. -ENXIO when that CPU is not there or not running,
 * -ETIMEDOUT when it did not answer.
 */
int hadal_regs(struct hadal *hadal, unsigned int cpu, struct hadal_regs *regs,
	       struct hadal_error *error);

/*
 * Holds a CPU until hadal_resume or hadal_close, or until `milliseconds` (1 to HADAL_PAUSE_MS_MAX)
 * have passed. -EDEADLK when this thread runs on it, -EEXIST when it is paused already, -ENXIO,
 * -ETIMEDOUT.
 */
int hadal_pause(struct hadal *hadal, unsigned int cpu, unsigned int milliseconds,
		struct hadal_error *error);
/* -ENOENT when this handle has not paused it. */
int hadal_resume(struct hadal *hadal, unsigned int cpu, struct hadal_error *error);

/*
 * Sets registers of a CPU that this handle has paused: all that set->mask names or none. -ERANGE
 * when the processor would refuse a value, -EBUSY when the CPU is not paused (any more) or is just
 * taking an interrupt: resume it and try again.
 */
int hadal_set_regs(struct hadal *hadal, unsigned int cpu, const struct hadal_set_regs *set,
		   struct hadal_error *error);

/* Name of an enum hadal_reg as `hadal regs` prints it, such as "rax"; NULL when there is none. */
const char *hadal_reg_name(unsigned int reg);
/* Where an enum hadal_reg lies in struct hadal_regs, in bytes from its start, and how many bytes.
 */
size_t hadal_reg_place(unsigned int reg, size_t *bytes);

/*
 * Reads or writes `length` bytes of physical memory. flags: HADAL_MEM_MMIO to also touch what is
 * not RAM. *done (may be NULL) is how far it came, also on failure: -EFAULT, -EACCES (the
 * hypervisor's own), -ENXIO (not RAM), -EINTR.
 */
int hadal_read(struct hadal *hadal, uint64_t address, void *buffer, size_t length, uint32_t flags,
	       size_t *done, struct hadal_error *error);
int hadal_write(struct hadal *hadal, uint64_t address, const void *buffer, size_t length,
		uint32_t flags, size_t *done, struct hadal_error *error);

/*
 * The same for virtual memory under a root: a CR3 value, or HADAL_ROOT_CURRENT for this process
 * and its kernel. flags: HADAL_MEM_LA48 or _LA57 when the root does not have as many levels as this
 * system's. Also -EFAULT when a page on the way is not present. Page rights are not honoured: a
 * read-only page is written.
 */
int hadal_read_virtual(struct hadal *hadal, uint64_t root, uint64_t address, void *buffer,
		       size_t length, uint32_t flags, size_t *done, struct hadal_error *error);
int hadal_write_virtual(struct hadal *hadal, uint64_t root, uint64_t address, const void *buffer,
			size_t length, uint32_t flags, size_t *done, struct hadal_error *error);

/*
 * Walks the page tables under a root. Returns 0 when the walk could be made; how it ended is in
 * out->result. flags as for hadal_read_virtual.
 */
int hadal_translate(struct hadal *hadal, uint64_t root, uint64_t address, uint32_t flags,
		    struct hadal_translation *out, struct hadal_error *error);

/*
 * Gives a page of this process that shows the physical page at `physical` (page-aligned) until
 * hadal_unmap_page or hadal_close; children do not inherit it. flags: HADAL_MAP_WRITE to write
 * through it. -EINVAL, -ENXIO (not RAM), -EACCES (the hypervisor's own), -ENOSPC, -ENOMEM.
 */
int hadal_map_page(struct hadal *hadal, uint64_t physical, uint32_t flags, void **page,
		   struct hadal_error *error);
int hadal_unmap_page(struct hadal *hadal, void *page, struct hadal_error *error);

/* Programs that ask the hypervisor themselves: docs/libvmi.md */

/*
 * Admits the program that a process runs, what it forks and, with a flag HADAL_ADMIT_*, what it
 * executes. -ESRCH, -EEXIST (it is already, and there are no flags), -EINVAL (a kernel thread),
 * -ENOSPC, -ENOMEM.
 */
int hadal_admit(struct hadal *hadal, pid_t pid, uint32_t flags, struct hadal_error *error);

/*
 * Where the page tables of a process are: what CR3 has without PCID while its kernel runs. -ESRCH,
 * -EINVAL (a kernel thread). Works also while Hadal is stopped.
 */
int hadal_process_root(struct hadal *hadal, pid_t pid, uint64_t *root, struct hadal_error *error);

/* Fills clients[room]; returns how many there are, up to `room`. */
int hadal_clients(struct hadal *hadal, struct hadal_client_info *clients, unsigned int room,
		  struct hadal_error *error);

/* For those who read a kernel in memory */

/* Makes this system's RAM a memory source, through the memory window if that can be opened; *hadal
 * must stay open until it is closed. */
int hadal_device_memory(struct hadal *hadal, struct hadal_memory *memory,
			struct hadal_error *error);

/* What one CPU's registers tell about where the kernel is. Errors as hadal_regs. */
int hadal_device_traces(struct hadal *hadal, unsigned int cpu, struct hadal_traces *traces,
			struct hadal_error *error);

/* Names */

/* Of an enum hadal_exit_kind, such as "cpuid"; NULL when there is no such kind. */
const char *hadal_exit_name(unsigned int kind);

/* "Intel VT-x", "AMD SVM" or "unknown". */
const char *hadal_vendor_name(unsigned int vendor);

#ifdef __cplusplus
}
#endif

#endif
