/* SPDX-License-Identifier: MIT */
/*
 * /dev/hadal: what libhadal and the kernel module agree on. Root only (CAP_SYS_ADMIN at open).
 * Every call may fail with -EPROTO when `version` is not HADAL_ABI_VERSION, -ENODEV when Hadal is
 * not started (except HADAL_IOC_START, _STATE and _LOG), -EFAULT for a bad user pointer.
 * What a file descriptor mapped is unmapped when it is closed.
 * HADAL_IOC_STATE and _STOP are the same in all versions, so that a program can ask a module of
 * another one for its version, and with that stop it.
 */
#ifndef HADAL_IOCTL_H
#define HADAL_IOCTL_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif
#include <hadal/abi.h>
#include <hadal/events.h>

/* Start on all CPUs or none. On failure `cpu` is the CPU that failed and `reason` says why. */
struct hadal_ioc_start {
	uint32_t version;
	int32_t cpu; /* -1 when the failure is not one CPU's */
	char reason[256];
	uint64_t flags; /* HADAL_START_*; -EINVAL for others */
	/* Leave by itself after so long unless HADAL_IOC_KEEP comes; 0: never; to HADAL_TRIAL_MAX
	 */
	uint32_t trial_seconds;
	uint32_t reserved;
};
#define HADAL_TRIAL_MAX 86400u
/* Clients may make requests of LibVMI's driver of 2018 too. */
#define HADAL_START_DIALECT_2018 1ull
/* Neither all CPUs nor one of them leave before the machine is reset; all must be online. */
#define HADAL_START_LOCK 2ull

struct hadal_ioc_stop {
	uint32_t version;
	int32_t cpu;
	char reason[256];
};

struct hadal_ioc_state {
	uint32_t version; /* in: ignored; out: the module's HADAL_ABI_VERSION */
	uint32_t running; /* 1 when started */
	uint32_t cpu_count;
	uint32_t cpu_running;
	uint32_t locked;        /* 1 when started with HADAL_START_LOCK */
	uint32_t trial_seconds; /* until it leaves by itself; 0: it does not */
};

/*
 * Whether HADAL_IOC_START would do, by the image's own judgement on every CPU: 0, or its error with
 * `cpu` and `reason` filled. Nothing starts; HADAL_IOC_LOG then tells what the image found.
 */
struct hadal_ioc_check {
	uint32_t version;
	int32_t cpu;
	char reason[256];
};

/* A trial is confirmed. -ENOENT: there is none. */
struct hadal_ioc_keep {
	uint32_t version;
	uint32_t reserved; /* 0 */
};

/* Read or write memory; see HADAL_CALL_READ. `done` is valid also when the call fails. */
struct hadal_ioc_memory {
	uint32_t version;
	uint32_t flags; /* HADAL_MEM_* */
	uint64_t address;
	uint64_t length; /* any length */
	uint64_t buffer; /* user pointer */
	uint64_t root;
	uint64_t done;
};

/* Fill a struct: hadal_info, hadal_regs, hadal_stats, hadal_first. */
struct hadal_ioc_get {
	uint32_t version;
	uint32_t cpu;    /* ignored for hadal_info and hadal_first */
	uint64_t buffer; /* user pointer */
	uint64_t size;   /* of the struct as the caller knows it */
};

/* The ranges of RAM, ascending. */
struct hadal_ioc_ram {
	uint32_t version;
	uint32_t count;  /* in: room in the buffer; out: ranges that there are */
	uint64_t buffer; /* struct hadal_range[count] */
};

/* A range of the hypervisor's own memory; see HADAL_CALL_OWN. -ENOENT behind the last one. */
struct hadal_ioc_own {
	uint32_t version;
	uint32_t index;
	uint64_t start, end; /* out */
};

struct hadal_ioc_translate {
	uint32_t version;
	uint32_t flags; /* HADAL_MEM_LA57, HADAL_MEM_LA48 */
	uint64_t address;
	uint64_t root;
	struct hadal_translation out;
};

/* Let a page of the caller's memory show a physical page; see HADAL_CALL_MAP. */
struct hadal_ioc_map {
	uint32_t version;
	uint32_t flags;    /* HADAL_MAP_* */
	uint64_t address;  /* user virtual address, page-aligned, of an anonymous page the caller
			      owns */
	uint64_t physical; /* page to show; ignored by HADAL_IOC_UNMAP */
};

/* Read the log; works also after a stop. See HADAL_CALL_LOG. */
struct hadal_ioc_log {
	uint32_t version;
	uint32_t reserved;
	uint64_t position; /* in and out */
	uint64_t buffer;
	uint64_t size;
	uint64_t done; /* bytes of text copied */
};

/*
 * Where the page tables of a process are: what CR3 has without PCID while its kernel runs. -ESRCH,
 * -EINVAL (a kernel thread).
 */
struct hadal_ioc_root {
	uint32_t version;
	int32_t pid;
	uint64_t root; /* out */
};

/*
 * Admit the address space of a process: its program may ask the hypervisor itself, as
 * docs/libvmi.md tells, and so may what it forks. The process keeps a mapping of the device as
 * long. A program that it executes may not, unless `flags` say so and it has CAP_SYS_ADMIN. With
 * flags a process that is admitted already gets these; without, that is -EEXIST. -ESRCH, -EINVAL (a
 * kernel thread), -ENOSPC, -ENOMEM.
 */
struct hadal_ioc_admit {
	uint32_t version;
	int32_t pid;
	uint32_t flags;    /* at most one of HADAL_ADMIT_* */
	uint32_t reserved; /* 0 */
};
#define HADAL_ADMIT_NEXT                                                                        \
	1u                 /* the next program that it executes, but not what that one executes \
			    */
#define HADAL_ADMIT_ALL 2u /* all programs that it executes, and all that these execute */

struct hadal_client_info {
	int32_t pid; /* 0 when it has just ended */
	uint32_t reserved;
	char name[16];
	uint64_t seconds; /* since it was admitted */
	struct hadal_client state;
};

/* List the clients. */
struct hadal_ioc_clients {
	uint32_t version;
	uint32_t count;  /* in: room in the buffer; out: clients written to it */
	uint64_t buffer; /* struct hadal_client_info[count] */
};

/*
 * Open the memory window for this file: mmap() with PROT_READ and MAP_SHARED at offset
 * HADAL_WINDOW_OFFSET + a physical address then gives all or part of one range of RAM, read-only,
 * until the file is closed. -EOPNOTSUPP (no room for it in the physical address space), -ENOMEM.
 */
struct hadal_ioc_window {
	uint32_t version;
	uint32_t reserved; /* 0 */
};
#define HADAL_WINDOW_OFFSET (1ull << 60)

/*
 * Pause a vCPU until this file resumes it, closes, or the limit has passed; see HADAL_CALL_PAUSE,
 * whose errors these are: -EDEADLK when the caller runs on that CPU. -EBUSY: another file has it.
 */
struct hadal_ioc_pause {
	uint32_t version;
	uint32_t cpu;
	uint32_t milliseconds; /* 1 to HADAL_PAUSE_MS_MAX; HADAL_IOC_RESUME: 0 */
	uint32_t reserved;     /* 0 */
};
#define HADAL_PAUSE_MS_MAX 10000u

/* Set registers of a vCPU that this file has paused; see HADAL_CALL_SET_REGS. */
struct hadal_ioc_set_regs {
	uint32_t version;
	uint32_t cpu;
	uint64_t buffer; /* struct hadal_set_regs */
	uint64_t size;
	uint64_t refused; /* out: with -ERANGE, enum hadal_reg */
};

/*
 * Make this file an owner of events; see hadal/events.h. -EINVAL, -EEXIST (it is one), -ENOSPC (as
 * many as there may be), -ENOMEM. poll() then tells POLLIN while there are records in any ring, and
 * POLLHUP when Hadal was stopped, which ends all subscriptions.
 */
struct hadal_ioc_events_open {
	uint32_t version;
	uint32_t ring_bytes; /* a power of two, HADAL_RING_BYTES_MIN to HADAL_RING_BYTES_MAX */
	uint32_t cpu_count;  /* out: rings there are */
	uint32_t reserved;   /* 0 */
};

/*
 * HADAL_IOC_SUBSCRIBE: the buffer is struct hadal_subscription; `subscription` is 0 and becomes its
 * number. HADAL_IOC_UNSUBSCRIBE: no buffer. HADAL_IOC_SUBSCRIPTION: the buffer gets struct
 * hadal_subscription_state of the number, of whatever owner, or when that is 0 of the one at
 * `index` of all there are. Errors of HADAL_CALL_SUBSCRIBE and its neighbours; -ENXIO: this file is
 * no owner.
 */
struct hadal_ioc_subscribe {
	uint32_t version;
	uint32_t subscription;
	uint32_t index; /* 0 to HADAL_MAX_SUBSCRIPTIONS - 1; else 0 */
	uint32_t cpu;   /* HADAL_IOC_SUBSCRIPTION: 0: all together, or a CPU's index + 1; else 0 */
	uint64_t buffer;
	uint64_t size; /* of the struct as the caller knows it */
};

/* Answer a record with HADAL_RECORD_HELD; see HADAL_CALL_EVENT_ANSWER. -ENXIO: no owner. */
struct hadal_ioc_event_answer {
	uint32_t version;
	uint32_t refused; /* out: with -ERANGE, enum hadal_reg */
	uint64_t buffer;  /* struct hadal_event_answer */
	uint64_t size;    /* of it as the caller knows it */
};

/* A view of this file's; see enum hadal_view_action, whose errors these are. -ENXIO: no owner. */
struct hadal_ioc_view {
	uint32_t version;
	uint32_t view;   /* 0; out: the number of a new one */
	uint64_t buffer; /* struct hadal_view_request */
	uint64_t size;   /* of it as the caller knows it */
};

#define HADAL_IOC_START        _IOWR('H', 0, struct hadal_ioc_start)
#define HADAL_IOC_STOP         _IOWR('H', 1, struct hadal_ioc_stop)
#define HADAL_IOC_STATE        _IOWR('H', 2, struct hadal_ioc_state)
#define HADAL_IOC_READ         _IOWR('H', 3, struct hadal_ioc_memory)
#define HADAL_IOC_WRITE        _IOWR('H', 4, struct hadal_ioc_memory)
#define HADAL_IOC_INFO         _IOWR('H', 5, struct hadal_ioc_get)
#define HADAL_IOC_REGS         _IOWR('H', 6, struct hadal_ioc_get)
#define HADAL_IOC_STATS        _IOWR('H', 7, struct hadal_ioc_get)
#define HADAL_IOC_TRANSLATE    _IOWR('H', 8, struct hadal_ioc_translate)
#define HADAL_IOC_MAP          _IOWR('H', 9, struct hadal_ioc_map)
#define HADAL_IOC_UNMAP        _IOWR('H', 10, struct hadal_ioc_map)
#define HADAL_IOC_LOG          _IOWR('H', 11, struct hadal_ioc_log)
#define HADAL_IOC_ADMIT        _IOWR('H', 12, struct hadal_ioc_admit)
#define HADAL_IOC_CLIENTS      _IOWR('H', 13, struct hadal_ioc_clients)
#define HADAL_IOC_WINDOW       _IOWR('H', 14, struct hadal_ioc_window)
#define HADAL_IOC_PAUSE        _IOWR('H', 15, struct hadal_ioc_pause)
#define HADAL_IOC_RESUME       _IOWR('H', 16, struct hadal_ioc_pause)
#define HADAL_IOC_SET_REGS     _IOWR('H', 17, struct hadal_ioc_set_regs)
#define HADAL_IOC_EVENTS_OPEN  _IOWR('H', 18, struct hadal_ioc_events_open)
#define HADAL_IOC_SUBSCRIBE    _IOWR('H', 19, struct hadal_ioc_subscribe)
#define HADAL_IOC_UNSUBSCRIBE  _IOWR('H', 20, struct hadal_ioc_subscribe)
#define HADAL_IOC_SUBSCRIPTION _IOWR('H', 21, struct hadal_ioc_subscribe)
#define HADAL_IOC_KEEP         _IOWR('H', 22, struct hadal_ioc_keep)
#define HADAL_IOC_CHECK        _IOWR('H', 23, struct hadal_ioc_check)
#define HADAL_IOC_RAM          _IOWR('H', 24, struct hadal_ioc_ram)
#define HADAL_IOC_OWN          _IOWR('H', 25, struct hadal_ioc_own)
#define HADAL_IOC_EVENT_ANSWER _IOWR('H', 26, struct hadal_ioc_event_answer)
#define HADAL_IOC_ROOT         _IOWR('H', 27, struct hadal_ioc_root)
#define HADAL_IOC_FIRST        _IOWR('H', 28, struct hadal_ioc_get)
#define HADAL_IOC_VIEW         _IOWR('H', 29, struct hadal_ioc_view)

#endif
