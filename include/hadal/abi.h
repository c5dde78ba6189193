/* SPDX-License-Identifier: MIT */
/*
 * The hypercall interface of Hadal, version HADAL_ABI_VERSION.
 *
 * A hypercall is VMCALL on Intel and VMMCALL on AMD, executed in ring 0 of 64-bit mode with the
 * call's number in RAX. Anything else (another number, another ring) raises #UD, as on a machine
 * without a hypervisor. Arguments are in RDI, RSI, RDX, R8, R9. The result is in RAX: a value >= 0,
 * or a negative Linux errno. Calls that return more say so; all other registers keep their values.
 *
 * Buffers are named by guest-physical address and must be RAM that the guest may write (for
 * results) or read (for input); a buffer is contiguous in guest-physical memory. A failing call
 * changes nothing, except that HADAL_CALL_WRITE may have written the part it reports.
 */
#ifndef HADAL_ABI_H
#define HADAL_ABI_H

#include <hadal/registers.def>
#include <hadal/types.h>

/*
 * Rises with every change of what lib/libhadal.names calls the interface: an older module or image
 * is then refused with a clear word.
 */
#define HADAL_ABI_VERSION 2u
/* Of the command, the library, the module and the image; see lib/version.h. */
#define HADAL_VERSION "0.5"

/* All hypercall numbers are HADAL_CALL_BASE + n; the base is "HADL" in the upper half. */
#define HADAL_CALL_BASE 0x4841444c00000000ull

enum hadal_call {
	/*
	 * Is Hadal here? RDI: the caller's HADAL_ABI_VERSION.
	 * Returns 0, RDI = Hadal's ABI version, RSI = enum hadal_vendor, RDX = index of this vCPU.
	 * -EPROTO (with the registers set all the same) when the versions differ.
	 */
	HADAL_CALL_QUERY,
	/* RDI: buffer, RSI: its size. Fills struct hadal_info. Returns 0, -EINVAL, -EFAULT. */
	HADAL_CALL_INFO,
	/*
	 * RDI: enum hadal_stop. The CPU continues after the hypercall on bare hardware, RAX = 0. Of
	 * the other registers only RBX, RBP, RSP and R12 to R15 keep their values. -EINVAL, -EBUSY
	 * while pages are mapped (HADAL_CALL_MAP) or the window is open (HADAL_CALL_WINDOW), -EPERM
	 * after HADAL_STOP_NEVER, -EAGAIN.
	 * RSI, when the firmware's loader started Hadal: where the caller's page tables map the way
	 * out (struct hadal_first), in the upper half of addresses, executable and writable; the
	 * same on all CPUs. -EFAULT (it is not mapped there), -EINVAL; HADAL_STOP_CPU is -EPERM.
	 */
	HADAL_CALL_STOP,
	/*
	 * Registers of a vCPU at the moment of asking. RDI: vCPU index, RSI: buffer, RDX: its size.
	 * Fills struct hadal_regs. Returns 0, -ENXIO (no such vCPU running), -EINVAL, -EFAULT,
	 * -ETIMEDOUT (the vCPU did not answer).
	 */
	HADAL_CALL_REGS,
	/*
	 * Translate a virtual address. RDI: address, RSI: root (a CR3 value; HADAL_ROOT_CURRENT for
	 * the caller's), RDX: buffer, R8: its size, R9: HADAL_MEM_LA57 or _LA48 or 0. Fills struct
	 * hadal_translation, also when the translation itself fails (result member). Returns 0,
	 * -EINVAL (also for a root beyond the processor's physical addresses), -EFAULT.
	 */
	HADAL_CALL_TRANSLATE,
	/*
	 * Read or write memory. RDI: address, RSI: length (1 to HADAL_TRANSFER_MAX), RDX: buffer,
	 * R8: HADAL_MEM_* flags, R9: root for HADAL_MEM_VIRTUAL. Returns the bytes done, less than
	 * asked when a page on the way is absent, not RAM or refused; when it is the first: -EFAULT
	 * (absent, or the buffer is no memory to use), -EACCES (the hypervisor's own), -ENXIO (not
	 * RAM). -EINVAL for bad arguments. Rights in page tables are not looked at.
	 */
	HADAL_CALL_READ,
	HADAL_CALL_WRITE,
	/*
	 * Let a page show another one. RDI: guest-physical address of the caller's page, RSI:
	 * address of the physical page to show, both page-aligned; RDX: HADAL_MAP_* flags. All CPUs
	 * see it on return. Returns 0, -EINVAL, -ENXIO (not RAM), -EACCES (the hypervisor's own),
	 * -EEXIST (mapped already), -ENOSPC (table full), -ENOMEM.
	 */
	HADAL_CALL_MAP,
	/* RDI: guest-physical address of a mapped page, which shows itself again. 0, -EINVAL,
	   -ENOENT. */
	HADAL_CALL_UNMAP,
	/*
	 * Read the log. RDI: position to read from (0 for the oldest kept), RSI: buffer, RDX: its
	 * size. Returns the bytes of text copied (0 at the end), RDI = position to go on from.
	 * -EINVAL (no size), -EFAULT.
	 */
	HADAL_CALL_LOG,
	/* RDI: vCPU index, RSI: buffer, RDX: its size. Fills struct hadal_stats. 0, -ENXIO,
	   -EINVAL, -EFAULT. */
	HADAL_CALL_STATS,
	/*
	 * Admit an address space: extensions then answer its programs in ring 3. RDI: its kernel's
	 * CR3, RSI: its programs' CR3 (the same one without KPTI), both without PCID; RDX: its
	 * door, see enum hadal_door. 0, -EINVAL, -EEXIST, -ENOSPC.
	 */
	HADAL_CALL_CLIENT_ADD,
	/*
	 * RDI: its kernel's CR3. Its pages show themselves again and are forgotten. 0, -ENOENT; 1:
	 * a part is done, and its programs are answered no more; call again.
	 */
	HADAL_CALL_CLIENT_REMOVE,
	/*
	 * A page that the client may let show others: its frame must be the client's alone and must
	 * not move or be freed before it is removed here. RDI: the kernel's CR3, RSI:
	 * guest-physical address. 0, -EINVAL, -ENOENT, -ENXIO (not RAM), -EACCES, -EEXIST, -ENOSPC,
	 * -ENOMEM.
	 */
	HADAL_CALL_CLIENT_PAGE_ADD,
	/*
	 * Forget such a page, which shows itself again. RDI, RSI: as above, RDX: HADAL_PAGE_*
	 * flags. 0, -EINVAL, -ENOENT, -EBUSY (a flag keeps it).
	 */
	HADAL_CALL_CLIENT_PAGE_REMOVE,
	/* RDI: the kernel's CR3, RSI: buffer, RDX: its size. Fills struct hadal_client. 0, -ENOENT,
	   -EINVAL, -EFAULT. */
	HADAL_CALL_CLIENT_STATE,
	/*
	 * The memory window: all RAM once more, read-only, each byte at RDI + its physical address.
	 * RDI: a multiple of 1 GiB above all RAM and above 4 GiB, in a part of the guest-physical
	 * space that nothing uses; 0 closes the window. The hypervisor's own pages read as zeros;
	 * pages that show others (HADAL_CALL_MAP) appear as they are. -EINVAL, -EEXIST (open
	 * already), -ENOENT (not open), -ENOMEM. HADAL_CALL_STOP is -EBUSY while it is open.
	 */
	HADAL_CALL_WINDOW,
	/*
	 * Hold another vCPU: it runs nothing of the guest's until it is resumed or the limit has
	 * passed, which the log tells; it goes on answering other calls. RDI: vCPU index, RSI:
	 * limit in TSC ticks, 1 to HADAL_PAUSE_TICKS_MAX. Returns 0 when it has come to a halt;
	 * -ENXIO, -EINVAL, -EDEADLK (it is the caller's own), -EEXIST (paused already), -EAGAIN
	 * (the caller itself was to be paused: try again), -ETIMEDOUT (it did not answer).
	 */
	HADAL_CALL_PAUSE,
	/* RDI: index of a paused vCPU, which goes on. Returns 0, -ENXIO, -ENOENT (not paused). */
	HADAL_CALL_RESUME,
	/*
	 * Set registers of a paused vCPU, all of those asked for or none. RDI: vCPU index, RSI:
	 * buffer, RDX: its size, of struct hadal_set_regs. Returns 0, -ENXIO, -EFAULT, -ETIMEDOUT,
	 * -EBUSY (it is not paused, or is just taking an interrupt and RFLAGS.IF is to be cleared:
	 * resume it and pause again), -EINVAL (the size, or bits of the mask that mean nothing),
	 * -ERANGE with RDI = enum hadal_reg: the processor would refuse its value beside the
	 * others.
	 */
	HADAL_CALL_SET_REGS,
	/*
	 * A new owner of events; see hadal/events.h. RDI: buffer, RSI: its size, of struct
	 * hadal_events_memory, whose pages must stay until the owner is closed. Returns the owner's
	 * number, 1 or more; -EINVAL, -EFAULT (pages that are no RAM or not the guest's), -ENOSPC,
	 * -ENOMEM.
	 */
	HADAL_CALL_EVENTS_OPEN,
	/* RDI: an owner's number. All that it has subscribed to is undone, on all CPUs, and its
	   pages are written to no more. 0, -ENOENT. */
	HADAL_CALL_EVENTS_CLOSE,
	/*
	 * RDI: an owner's number, RSI: buffer, RDX: its size, of struct hadal_subscription. Returns
	 * the subscription's number, 1 or more, when all CPUs tell of it. -ENOENT (no such owner),
	 * -EINVAL (a member means nothing, or contradicts another), -EOPNOTSUPP (this processor
	 * cannot), -EFAULT, -ENXIO (not RAM, not mapped, or no such vCPU), -EACCES (the
	 * hypervisor's own), -EDEADLK (the caller's own vCPU), -ENOSPC (a limit of hadal/events.h),
	 * -EBUSY (HADAL_BREAK_VIEW beside a view), -ENOMEM.
	 */
	HADAL_CALL_SUBSCRIBE,
	/* RDI: an owner's number, RSI: a subscription's. 0, -ENOENT. */
	HADAL_CALL_UNSUBSCRIBE,
	/*
	 * RDI: a subscription's number, RSI: buffer, RDX: its size, R8: with RDI = 0 an index below
	 * HADAL_MAX_SUBSCRIPTIONS instead, for who looks at all of them; R9: 0: of all CPUs
	 * together, or a vCPU's index + 1. Fills struct hadal_subscription_state. 0, -ENOENT,
	 * -EINVAL, -EFAULT, -ENXIO (no such vCPU).
	 */
	HADAL_CALL_SUBSCRIPTION_STATE,
	/* Ask for a record of HADAL_EVENT_REQUEST. RDI: its number, RSI: its address, RDX: its
	   physical. Returns 1 when a subscription wants it, else 0. */
	HADAL_CALL_EVENT_REQUEST,
	/*
	 * RDI: an owner's number, RSI: buffer, RDX: its size, of struct hadal_event_answer: what is
	 * to become of a vCPU that is held for it. Returns 0 when it goes on; -ENOENT (no such
	 * subscription of the owner's), -ETIMEDOUT (nothing waits for this answer any more),
	 * -EINVAL, -EFAULT, -EOPNOTSUPP; -EBUSY and -ERANGE with RDI = enum hadal_reg, as
	 * HADAL_CALL_SET_REGS: then the vCPU waits on.
	 */
	HADAL_CALL_EVENT_ANSWER,
	/*
	 * The ranges of RAM, ascending, with gaps between them. RDI: buffer, RSI: its size, a
	 * multiple of sizeof(struct hadal_range), of which as many are filled as there is room and
	 * need for. Returns how many ranges there are. -EINVAL, -EFAULT.
	 */
	HADAL_CALL_RAM,
	/*
	 * What of the physical memory is the hypervisor's own, which the guest sees zeros in place
	 * of. RDI: index of a range, of which there are few, ascending. Returns 0, RDI = its
	 * start, RSI = its end, page-aligned. -ENOENT behind the last one.
	 */
	HADAL_CALL_OWN,
	/*
	 * How it came to be there before this system. RDI: buffer, RSI: its size. Fills struct
	 * hadal_first. 0, -ENOENT (this or an earlier system started it), -EINVAL, -EFAULT.
	 */
	HADAL_CALL_FIRST,
	/*
	 * RDI: an owner's number, RSI: buffer, RDX: its size, of struct hadal_view_request. Returns
	 * 0, or the number of a new view; -ENOENT (no such owner, or view of it), -EINVAL, -EFAULT,
	 * and what enum hadal_view_action tells.
	 */
	HADAL_CALL_VIEW,
	HADAL_CALL_COUNT,
	/* Numbers from here to HADAL_CALL_EXTENSION_LAST are left to extensions. */
	HADAL_CALL_EXTENSION = 0x100,
	HADAL_CALL_EXTENSION_LAST = 0xfff,
	/*
	 * The loader's own, with struct hadal_boot.key in R9; for others these numbers mean
	 * nothing. [RDI, RSI), page-aligned, is RAM from now on, or no longer. What was RAM already
	 * may be added, and what was none removed. 0, -EINVAL, -ENOSPC (HADAL_MAX_RAM_RANGES),
	 * -ENOMEM, -EBUSY (the hypervisor's own is not removed).
	 */
	HADAL_CALL_RAM_ADD,
	HADAL_CALL_RAM_REMOVE,
	/*
	 * The same for [RDI, RSI), at most 4 MiB, that the loader has to itself: the pool has it
	 * from now on, and the guest sees zeros there; or it is the guest's again. 0, -EINVAL,
	 * -ENXIO (not RAM), -EACCES (the hypervisor's own already), -EBUSY (something else is made
	 * of it; the pool uses it, or cannot do without), -ENOSPC, -ENOMEM.
	 */
	HADAL_CALL_DONATE,
	HADAL_CALL_RECLAIM,
};

/* What HADAL_CALL_STOP is to do. */
enum hadal_stop {
	/*
	 * All CPUs leave: each makes this call, and none goes on before the last one has. What
	 * Hadal knows is wiped then, but for its log. -EAGAIN, and nothing has changed: a CPU that
	 * runs under Hadal did not make the call in time.
	 */
	HADAL_STOP_ALL,
	HADAL_STOP_CPU,   /* this CPU leaves alone, to go offline or to sleep */
	HADAL_STOP_NEVER, /* returns 0: from now on the answer is -EPERM, until a reset */
};

#define HADAL_ROOT_CURRENT   (~0ull)
#define HADAL_TRANSFER_MAX   65536u
#define HADAL_MAX_CPUS       4096u
#define HADAL_MAX_CLIENTS    256u
#define HADAL_MAX_RAM_RANGES 1024u
/* About ten seconds. */
#define HADAL_PAUSE_TICKS_MAX (1ull << 35)

/* Flags of HADAL_CALL_READ and HADAL_CALL_WRITE. */
#define HADAL_MEM_PHYSICAL 0u
#define HADAL_MEM_VIRTUAL  1u /* the address is virtual, under the root in R9 */
#define HADAL_MEM_MMIO     2u /* do not refuse what is not RAM (physical only) */
#define HADAL_MEM_LA57     4u /* virtual: the root has 5 levels; else as the caller's CR4 says */
#define HADAL_MEM_LA48     8u /* virtual: the root has 4 levels; else as the caller's CR4 says */

/* Flags of HADAL_CALL_MAP. */
#define HADAL_MAP_WRITE 1u /* writes to the page reach the page shown; else they are refused */

/* Flags of HADAL_CALL_CLIENT_PAGE_REMOVE. */
#define HADAL_PAGE_IDLE 1u /* keep it unless it has shown another page and shows itself now */

/*
 * The pages of a client's door. What the hypervisor cannot do without the kernel it hands over as a
 * read fault of the program on one of them, at the hypercall instruction. The kernel either does
 * what is asked, so that the instruction succeeds when it is executed again, or completes the call
 * itself: RAX = 0 or 1 and RIP behind the instruction, HADAL_CLIENT_CALL_BYTES long.
 */
enum hadal_door {
	HADAL_DOOR_TRANSLATE, /* RDI: address of a page to add; or else RDI = its translation */
	HADAL_DOOR_MAP,       /* RDI: address of a page to add, RSI: physical page it shall show */
	HADAL_DOOR_BUFFER,    /* RDI: buffer to make present and writable, RSI: its bytes */
	HADAL_DOOR_SOURCE,    /* the same, present only */
	HADAL_DOOR_MAP_FRAME, /* as HADAL_DOOR_MAP, but RBX: number of the physical page */
	HADAL_DOOR_PAGES,
};
#define HADAL_CLIENT_CALL_BYTES 3u

/* What a client has. */
struct hadal_client {
	uint64_t pages;  /* known pages */
	uint64_t mapped; /* those that show another one now */
	uint64_t idle;   /* those that have, and show themselves now */
	uint64_t maps;   /* pages shown since it was admitted */
};

enum hadal_vendor {
	HADAL_VENDOR_INTEL = 1,
	HADAL_VENDOR_AMD = 2,
};

/* A range of guest-physical RAM: [start, end), bytes, page-aligned. */
struct hadal_range {
	uint64_t start;
	uint64_t end;
};

struct hadal_info {
	uint32_t abi_version;
	uint32_t vendor;      /* enum hadal_vendor */
	uint32_t cpu_count;   /* vCPU indices are below this */
	uint32_t cpu_running; /* vCPUs now under Hadal */
	uint64_t image_bytes; /* size of the image with its zeroed data */
	uint64_t pool_pages;  /* 4 KiB pages handed over by the loader */
	uint64_t pool_free;
	uint64_t bytes_per_cpu;
	uint64_t mapped_pages; /* pages that show another one now */
	uint32_t physical_bits;
	uint32_t ram_count;  /* ranges that HADAL_CALL_RAM tells */
	uint64_t boot_flags; /* HADAL_BOOT_* that it was started with */
	char version[32];
};

/* What became of the image's measurement by the firmware's TPM. */
enum hadal_measured {
	HADAL_MEASURED_NO_TPM = 1, /* the firmware offers none */
	HADAL_MEASURED_REFUSED,    /* by it, with the status of the firmware's */
	HADAL_MEASURED_EXTENDED,   /* the register has been extended by the SHA-256 */
};

#define HADAL_SHA256_BYTES 32u

/* Of a Hadal that the firmware's loader started. */
struct hadal_first {
	uint8_t image_sha256[HADAL_SHA256_BYTES]; /* of the image, before it ran */
	uint32_t measured;                        /* enum hadal_measured */
	uint32_t measured_register;               /* of the TPM */
	uint64_t measured_status;                 /* of the firmware; 0: success */
	/* Physical memory, page-aligned, that HADAL_CALL_STOP wants mapped in one piece. */
	uint64_t way_out, way_out_bytes;
	uint64_t log; /* physical address of the log, which can be read when all have left */
};

struct hadal_segment {
	uint64_t base;
	uint32_t limit;
	uint16_t selector;
	uint16_t attributes; /* as in a descriptor: bits 0-7 of its access byte, 8-11 its flags
				nibble */
};

/* One vCPU's registers: the members and their order are in registers.def. */
#define HADAL_MEMBER(NAME, member, type, text) type member;
struct hadal_regs {
	HADAL_REGISTERS(HADAL_MEMBER)
	uint32_t cpu; /* vCPU index */
	uint32_t apic_id;
};
#undef HADAL_MEMBER

/* The members of struct hadal_regs that can be set, HADAL_REG_RAX to HADAL_REG_XCR0. A segment is
 * set as a whole. */
#define HADAL_CONSTANT(NAME, member, type, text) HADAL_REG_##NAME,
enum hadal_reg {
	HADAL_REGISTERS(HADAL_CONSTANT) HADAL_REG_COUNT,
};
#undef HADAL_CONSTANT

/*
 * What HADAL_CALL_SET_REGS is given. A vCPU whose registers are set waits in HLT no longer. The
 * paging mode cannot be changed (CR0.PG and PE, CR4.PAE and LA57, EFER.LME and LMA).
 */
struct hadal_set_regs {
	uint64_t mask; /* bit n: enum hadal_reg n is to be set */
	struct hadal_regs values;
};

#define HADAL_STEP_READ    1u
#define HADAL_STEP_WRITE   2u
#define HADAL_STEP_EXECUTE 4u
#define HADAL_STEP_USER    8u

/* One step of a translation: the entry read at one level. */
struct hadal_step {
	uint64_t entry_address; /* guest-physical */
	uint64_t entry;
	uint32_t level;  /* 5 to 1 */
	uint32_t rights; /* HADAL_STEP_*: what this entry alone allows */
};

struct hadal_translation {
	int32_t result;  /* 0, -EFAULT (not present), -EINVAL (non-canonical or reserved bits),
			    -ENXIO (table not in RAM) */
	uint32_t rights; /* HADAL_STEP_*: what all entries together allow */
	uint64_t physical;
	uint64_t page_bytes; /* 4096, 2 MiB or 1 GiB */
	uint32_t levels;     /* 4 or 5 */
	uint32_t step_count;
	struct hadal_step step[5];
};

/* What made a vCPU exit; the same for both vendors. */
enum hadal_exit_kind {
	HADAL_EXIT_UNKNOWN,
	HADAL_EXIT_CPUID,
	HADAL_EXIT_HYPERCALL, /* VMCALL or VMMCALL */
	HADAL_EXIT_RDMSR,
	HADAL_EXIT_WRMSR,
	HADAL_EXIT_CR_READ,
	HADAL_EXIT_CR_WRITE,
	HADAL_EXIT_DR_ACCESS,
	HADAL_EXIT_XSETBV,
	HADAL_EXIT_INVD,
	HADAL_EXIT_WBINVD,
	HADAL_EXIT_VIRT_INSN, /* a VMX or SVM instruction other than the hypercalls */
	HADAL_EXIT_EXCEPTION,
	HADAL_EXIT_NMI,
	HADAL_EXIT_NMI_WINDOW,
	HADAL_EXIT_INTERRUPT,
	HADAL_EXIT_INTERRUPT_WINDOW,
	HADAL_EXIT_NESTED_FAULT, /* EPT violation, nested page fault */
	HADAL_EXIT_NESTED_MISCONFIG,
	HADAL_EXIT_IO,
	HADAL_EXIT_HLT,
	HADAL_EXIT_RDTSC,
	HADAL_EXIT_RDTSCP,
	HADAL_EXIT_RDPMC,
	HADAL_EXIT_PAUSE,
	HADAL_EXIT_MONITOR,
	HADAL_EXIT_MWAIT,
	HADAL_EXIT_INVLPG,
	HADAL_EXIT_DESCRIPTOR, /* LGDT, SGDT, LIDT, SIDT, LLDT, SLDT, LTR, STR */
	HADAL_EXIT_TASK_SWITCH,
	HADAL_EXIT_SINGLE_STEP,
	HADAL_EXIT_SHUTDOWN, /* triple fault */
	HADAL_EXIT_INIT,
	HADAL_EXIT_SIPI,
	HADAL_EXIT_SMI,
	HADAL_EXIT_IRET,
	HADAL_EXIT_TIMER, /* VMX preemption timer */
	HADAL_EXIT_KIND_COUNT,
};

struct hadal_stats {
	uint32_t cpu;
	uint32_t kind_count; /* HADAL_EXIT_KIND_COUNT of the image */
	uint64_t kicks;      /* NMIs taken for the hypervisor's own requests */
	uint64_t fixups;     /* faults inside the image that the fixup table turned into an error */
	uint64_t faults;     /* other faults inside the image */
	uint64_t flushes;    /* TLB flushes of nested translations */
	uint64_t machine_checks; /* that hit the image; the system got them */
	uint64_t exits[HADAL_EXIT_KIND_COUNT];
};

#endif
