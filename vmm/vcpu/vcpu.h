/* SPDX-License-Identifier: MIT */
/* One virtual CPU: the state of a processor while its system runs on top of the image. */
#ifndef HADAL_VCPU_VCPU_H
#define HADAL_VCPU_VCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <hadal/abi.h>
#include "vcpu/exit.h"
#include "paging/guest_walk.h"
#include "base/layout.h"
#include "x86/descriptors.h"

#define EXTENSION_MAX 8

/* General registers in the processor's encoding order; RSP is kept elsewhere (REG_RSP). */
#define GPR(NAME, member, type, text)    type member;
#define UNUSED(NAME, member, type, text) type unused_##member;
struct gprs {
	HADAL_GENERAL_REGISTERS(GPR, UNUSED)
};
#undef GPR
#undef UNUSED

/* Guest registers that the vendor's control structure or the processor holds. */
enum vcpu_reg {
	REG_RSP,
	REG_CR0, /* as the guest sees it */
	REG_CR3,
	REG_CR4,  /* as the guest sees it */
	REG_EFER, /* as the guest sees it */
	REG_DR7,
	REG_GDTR_BASE,
	REG_GDTR_LIMIT,
	REG_IDTR_BASE,
	REG_IDTR_LIMIT,
	REG_PAT,
	REG_SYSENTER_CS,
	REG_SYSENTER_ESP,
	REG_SYSENTER_EIP,
	REG_DEBUGCTL,
	REG_CR2,
	REG_DR6,
	REG_STAR,
	REG_LSTAR,
	REG_CSTAR,
	REG_SFMASK,
	REG_KERNEL_GS_BASE,
	REG_RFLAGS, /* write only: vcpu->rflags tells it */
	REG_CPL,    /* 0 to 3, read only */
};

#define SEGMENT_LONG       0x200 /* CS.L in struct hadal_segment.attributes */
#define SEGMENT(NAME, ...) SEG_##NAME,
enum vcpu_segment { HADAL_SEGMENT_REGISTERS(SEGMENT) SEG_COUNT };
#undef SEGMENT

struct insn;
struct view;
struct crossing;
struct lock;

/* An event to deliver on the next entry, encoded as both vendors do (SDM 25.8.3, APM 15.20). */
#define EVENT_VALID     (1u << 31)
#define EVENT_ERROR     (1u << 11) /* deliver the error code */
#define EVENT_INTERRUPT (0u << 8)
#define EVENT_NMI       (2u << 8)
#define EVENT_EXCEPTION (3u << 8)
#define EVENT_SOFT_INT  (4u << 8)
#define EVENT_SOFT_EXC  (6u << 8) /* INT3, INTO; VT-x only, SVM takes EVENT_EXCEPTION */
#define EVENT_TYPE      (7u << 8)
#define EVENT_VECTOR    0xffu
struct event {
	uint32_t info; /* EVENT_*, 0 for none */
	uint32_t error;
	uint32_t length; /* of the instruction, for software events */
};

/* Requests that other CPUs post to a vCPU; served before the next entry. */
#define REQUEST_FLUSH  1u   /* drop cached nested translations */
#define REQUEST_REGS   2u   /* store the registers for the asker */
#define REQUEST_NMI    4u   /* its own: see to nmi_pending and held */
#define REQUEST_FOLLOW 8u   /* what is to be intercepted has changed */
#define REQUEST_PAUSE  16u  /* run nothing of the guest's while pause_ticks */
#define REQUEST_SET    32u  /* while paused: take the asker's registers */
#define REQUEST_WAKE   128u /* an NMI for the guest, which somebody waits for there */
#define REQUEST_START  256u /* an INIT has come */
/* Its own: see to subscriptions that are over their budget, or have lost their debug register. */
#define REQUEST_EVENTS 64u
#define REQUEST_TRACE  512u /* its own: see to the task that is stepped */

/* The state of the system that START is called from, or that a CPU is handed back to. */
struct entry_state {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t rip, rsp, rflags;
	struct hadal_segment segment[SEG_COUNT];
	struct descriptor_pointer gdtr, idtr;
	uint64_t dr7, debugctl, pat;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
};

/* How far a CPU has come: what a fault in the image leads to depends on it. */
enum vcpu_phase {
	PHASE_STARTING,    /* the system has called; its state is kept in vcpu->entry */
	PHASE_GUEST,       /* the system is the guest; the image runs during its exits only */
	PHASE_PARTING,     /* it is about to stop: other CPUs are told */
	PHASE_ENDING,      /* extensions are told */
	PHASE_TURNING_OFF, /* vendor->stop() */
	PHASE_LEAVING,     /* on the way back into the system */
};

/* What INIT and SIPI have made of a vCPU (cpus/startup.h). */
#define STARTUP_VECTOR 0xffu
#define STARTUP_SIPI   (1u << 8)  /* it starts at the vector */
#define STARTUP_WAITS  (1u << 9)  /* for a SIPI: it runs nothing of the guest's */
#define STARTUP_INIT   (1u << 10) /* it is to wait, as soon as it can */

/* The registers as they were before some were set. */
struct register_undo {
	bool armed;     /* some were set, and nothing of the guest's has run since */
	uint64_t exits; /* handled until then */
	struct hadal_regs regs;
};

/* How far a vCPU has come with requests of a kind, which are numbered. */
struct answer {
	uint64_t done;      /* the last one it has done */
	uint64_t abandoned; /* up to here others do not wait any more: it runs nothing of the
			       guest's */
};

struct vcpu {
	struct gprs regs; /* first: the entry stubs push the guest's registers here */
	uint64_t rip;
	uint64_t rflags;
	uint64_t arch_data[16]; /* the vendor's own small state */
	uint32_t index;
	/* A cache line that others write. */
	union {
		struct {
			uint32_t requests;  /* REQUEST_*, set by others with atomic operations */
			uint32_t host_nmis; /* counted by the NMI handler while the image ran */
		};
		uint64_t attention; /* not 0: call vcpu_attend() before entering */
	} __attribute__((aligned(64)));
	bool kick_sent;       /* an NMI on its way to this vCPU is a kick */
	bool kick_repeated;   /* and it was sent twice */
	uint64_t pause_ticks; /* for how long it is to pause; 0: not */
	/* A cache line that others wait for changes of, or read. */
	struct answer flushed __attribute__((aligned(64))); /* of its nested translations */
	struct answer followed;                             /* what is to be intercepted */
	bool running;                                       /* takes requests */
	bool paused; /* it has come to a halt, and answers requests there */
	uint32_t apic_id;
	uint32_t startup; /* STARTUP_*, with atomic operations */
	/*
	 * What is its own. By the TSC: until then an NMI may be the second one; 0: none is.
	 */
	uint64_t late_kick_until __attribute__((aligned(64)));
	struct exit exit;
	struct event inject;
	struct event held; /* an interrupt that an exception went before; info 0: none */
	union {
		struct {
			bool nmi_pending; /* an NMI waits until the guest can take one */
			bool mc_pending;  /* a #MC hit the image: it is the guest's */
		};
		uint16_t events_pending;
	};
	bool virtualized; /* vendor->start() has succeeded */
	uint8_t phase;    /* enum vcpu_phase */
	bool attending;   /* the exit has been handled; what others want is not its matter */
	struct {
		uint64_t address[4], dr7; /* the guest's */
		uint32_t taken; /* bit n: DRn is ours; else the registers are the guest's */
		uint32_t lacks; /* bit n: it would be ours, but the guest has enabled it */
	} debug;
	bool stepping;       /* over one instruction, with other flags than the guest's own */
	uint64_t step_flags; /* the guest's RFLAGS then */
	uint32_t logical_id, logical_format; /* of its APIC, while writes to that exit */
	bool serves_clients;                 /* what clients need is intercepted */
	const struct view *view; /* an owner's that it runs on at this moment; NULL: none */
	struct walk_cache fetch_cache[2]; /* of code in the lower and the upper half */
	struct walk_cache client_cache;   /* of what a client asks; its host address is the GPA's */
	bool for_good;                    /* it leaves, and what is kept of its guest is wiped */
	struct register_undo undo;        /* should the processor refuse what was set */
	struct lock *awaited;             /* a lock that it spins for */
	uint32_t ticket;                  /* of that lock */
	uint32_t faults;                  /* since its guest ran, as fault_exits tells */
	uint64_t fault_exits;             /* vcpu_exits() at the last fault */
	struct entry_state entry;
	struct hadal_stats stats;
	struct crossing *crossing; /* its memory between the system and the image */
	struct tss tss;
	void *arch; /* PERCPU_ARCH pages, one after the other */
	uint64_t arch_physical[PERCPU_ARCH_PAGES];
	struct {
		uint8_t kind[HADAL_EXIT_KIND_COUNT];
		uint8_t cr_write[9];
		uint8_t exception[32];
		uint32_t vectors; /* of which somebody wants it */
	} intercepts;             /* how many want each */
	void *extension_data[EXTENSION_MAX];
	uint8_t extension_pool[2048] __attribute__((aligned(16)));
};

_Static_assert(offsetof(struct vcpu, regs) == 0,
	       "the entry stubs push at the start of struct vcpu");
_Static_assert(sizeof(struct vcpu) <= PERCPU_VCPU_PAGES * 4096, "struct vcpu outgrew its pages");

static inline struct vcpu *vcpu_at(uint32_t index)
{
	return (struct vcpu *)(LAYOUT_PERCPU_BASE + ((uint64_t)index << PERCPU_SHIFT) +
			       PERCPU_VCPU);
}

/* The vCPU that INIT runs on, before there is memory for the real ones. */
extern struct vcpu init_vcpu;
/* Fill what stays the same of a fresh vCPU, once its memory is mapped. */
void vcpu_init(uint32_t index);
/* The vCPU whose memory the current stack lies in. */
struct vcpu *this_vcpu(void);

/* The general register with the given encoding; RSP goes through vcpu_get(). */
static inline uint64_t *vcpu_gpr(struct vcpu *vcpu, unsigned encoding)
{
	return &vcpu->regs.rax + (encoding & 15);
}

uint64_t vcpu_get(struct vcpu *vcpu, enum vcpu_reg reg);
void vcpu_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);

/*
 * Queue an exception for the next entry. An exception that meets one being delivered becomes a #DF,
 * and then a shutdown, as SDM 6.15 and APM 8.2.9 tell.
 */
void vcpu_inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error);
void vcpu_inject_ud(struct vcpu *vcpu);
void vcpu_inject_gp(struct vcpu *vcpu);
/* Deliver an NMI, or a machine check, as soon as the guest can take one. */
void vcpu_inject_nmi(struct vcpu *vcpu);
void vcpu_inject_machine_check(struct vcpu *vcpu);

/*
 * Decode the instruction at the guest's RIP. 0; -ENODATA: it cannot be read (any more); -EINVAL: it
 * is not one that the decoder knows.
 */
int vcpu_decode(struct vcpu *vcpu, struct insn *insn);
/* Copy the code at a linear address; the bytes that could be read. */
size_t vcpu_fetch(struct vcpu *vcpu, uint64_t linear, uint8_t *bytes, size_t count);
/* How the guest's processor reads addresses now, for guest_walk(). */
void vcpu_paging(struct vcpu *vcpu, struct guest_paging *paging);
/*
 * Host address of what a linear address leads to on the owner's view that the vCPU runs on,
 * whatever rights there are; NULL: nothing, or no RAM.
 */
void *vcpu_walk_view(const struct vcpu *vcpu, const struct guest_paging *paging, uint64_t linear);
/* True in 64-bit mode: EFER.LMA and CS.L. */
bool vcpu_long_mode(struct vcpu *vcpu);
void vcpu_registers(struct vcpu *vcpu, struct hadal_regs *out);

/*
 * Where the last fetch near a linear address is remembered. A client's request and the hypercalls
 * by which its kernel serves it take turns, so that each half has a place of its own.
 */
static inline struct walk_cache *vcpu_fetch_cache(struct vcpu *vcpu, uint64_t linear)
{
	return &vcpu->fetch_cache[linear >> 63];
}

/* Forget translations: the nested map or the guest's paging mode has changed. */
void vcpu_drop_caches(struct vcpu *vcpu);

/* Intercept what clients and subscriptions want now; in events/follow.c. */
void vcpu_follow(struct vcpu *vcpu);
/* What REQUEST_EVENTS asks for; in events/calls.c. */
void vcpu_attend_events(struct vcpu *vcpu);

/* Tasks that are stepped; in events/trace.c. What REQUEST_TRACE asks for. */
void vcpu_attend_trace(struct vcpu *vcpu);
/* No more, since this vCPU leaves or starts anew. */
void vcpu_trace_end(struct vcpu *vcpu);
/* The registers are the guest's own until the next entry; and in a copy of them. */
void vcpu_trace_pause(struct vcpu *vcpu);
void vcpu_trace_hide(struct vcpu *vcpu, struct hadal_regs *regs);

/* While vcpu->stepping, in events/step.c: a handler has done the instruction, or raises an
 * exception in its place. */
void vcpu_step_emulated(struct vcpu *vcpu);
void vcpu_step_cancelled(struct vcpu *vcpu);
/*
 * The same, an exception has exited. True: that was the end of the step, and *verdict is the
 * exit's. An NMI or its window ends the delivery of an event.
 */
bool vcpu_step_exception(struct vcpu *vcpu, enum verdict *verdict);
void vcpu_step_window(struct vcpu *vcpu);
/* The vCPU starts anew: steps, of tasks too, have never been begun. */
void vcpu_step_end(struct vcpu *vcpu);

/*
 * After a fault inside the image: the guest gets a #GP for what it did, if it has done anything
 * that led here.
 */
void vcpu_abandon_exit(struct vcpu *vcpu);

#endif
