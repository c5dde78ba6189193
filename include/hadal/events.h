/* SPDX-License-Identifier: MIT */
/*
 * Events: the machine tells what happens in it.
 *
 * An owner, an open /dev/hadal, has a ring of records for each CPU, and subscriptions. A
 * subscription names a kind of event, where (numbers or addresses), a filter, and what a record is
 * to have beside its fixed part. The processor is told to exit only while somebody subscribes; all
 * that an owner has asked for goes when the file is closed, also when its program is killed.
 *
 * Order: HADAL_IOC_EVENTS_OPEN, mmap() of heads, tails and rings, HADAL_IOC_SUBSCRIBE, then poll()
 * and read the rings. Nothing here needs a system call for each record.
 */
#ifndef HADAL_EVENTS_H
#define HADAL_EVENTS_H

#include <hadal/abi.h>
#include <hadal/types.h>

#define HADAL_MAX_OWNERS        16u
#define HADAL_MAX_SUBSCRIPTIONS 64u /* of all owners together */
#define HADAL_MAX_CLAUSES       16u
#define HADAL_MAX_WATCHED_PAGES 4096u
#define HADAL_MAX_BREAKPOINTS   1024u
#define HADAL_MAX_VIEWS         8u    /* of all owners together */
#define HADAL_MAX_OWNER_VIEWS   4u    /* of one owner */
#define HADAL_MAX_VIEW_SHOWS    256u  /* pages of a view that show others */
#define HADAL_MAX_VIEW_RANGE    4096u /* pages that one call is about */

/* What happened. The comments tell what `number` is, and what `access` may have. */
enum hadal_event_kind {
	/* About a subscription, from the hypervisor: number is enum hadal_notice. Nobody asks for
	   it: it comes with the others. */
	HADAL_EVENT_NOTICE,
	/* RDMSR, WRMSR. number: the MSR; READ, WRITE. */
	HADAL_EVENT_MSR,
	/* MOV to a control register, CLTS, LMSW, XSETBV; on Intel not a write of CR0 or CR4 that
	   changes nothing. number: 0, 3, 4, or HADAL_CR_XCR0; WRITE.
	   A write of CR3 is a change of address spaces: new_value is the one it goes to. */
	HADAL_EVENT_CR,
	/* CPUID. number: the leaf, physical: the subleaf; EXECUTE. */
	HADAL_EVENT_CPUID,
	/* IN, OUT, INS, OUTS. number: the first port, physical: bytes; READ (in), WRITE (out). */
	HADAL_EVENT_IO,
	/* SGDT, SIDT, SLDT, STR; LGDT, LIDT, LLDT, LTR. number: enum hadal_descriptor; READ
	   (store), WRITE (load). */
	HADAL_EVENT_DESCRIPTOR,
	/* An exception is about to be delivered, INT3 and INTO among them; on AMD INT n of such a
	   vector too while 3 or 4 is asked for. number: the vector, 0 to 31 but 2; physical: the
	   error code; address: CR2 of a page fault; EXECUTE. */
	HADAL_EVENT_EXCEPTION,
	/* An access of memory. number: bytes of the access, 0 when they are not known; address:
	   linear address where the processor tells it, else 0; physical: guest-physical address of
	   the first byte; READ, WRITE, EXECUTE. */
	HADAL_EVENT_MEMORY,
	/* An instruction is about to be executed. number: enum hadal_break_method; address: its
	   linear address; EXECUTE. */
	HADAL_EVENT_BREAK,
	/*
	 * An instruction has been executed in ring 3, in the address space whose CR3 is root.
	 * address: RIP before it; all else is as it is afterwards, but for the bytes of
	 * HADAL_CAPTURE_CODE. One that enters the kernel is told there. With
	 * HADAL_RECORD_FAULTED it has raised an exception, and is told again if it is executed
	 * again. A repeated string instruction is one. EXECUTE.
	 *
	 * With root 0 and HADAL_ACTION_HOLD it is the next instruction of the vCPU `first`, in
	 * whatever it executes: it is held behind it, and with an answer that steps behind the one
	 * after, and so on; with another one that is all. Interrupts wait meanwhile, and address is
	 * RIP behind the instruction. What halts the vCPU ends it too.
	 */
	HADAL_EVENT_STEP,
	/* The guest's kernel has asked for a record by HADAL_CALL_EVENT_REQUEST. number, address,
	   physical: its arguments; EXECUTE. */
	HADAL_EVENT_REQUEST,
	/*
	 * An access that a view of the owner's denies is about to be made by a vCPU on that view.
	 * number: the view; address and physical: as of HADAL_EVENT_MEMORY; READ, WRITE, EXECUTE.
	 * On AMD a page walk is a write of its tables. What is captured is as it is without the
	 * view.
	 */
	HADAL_EVENT_VIEW,
	HADAL_EVENT_KINDS,
};

/* number of HADAL_EVENT_CR for XCR0. */
#define HADAL_CR_XCR0 16u

enum hadal_descriptor { HADAL_GDTR, HADAL_IDTR, HADAL_LDTR, HADAL_TR };

/* Accesses. */
#define HADAL_ACCESS_READ    1u
#define HADAL_ACCESS_WRITE   2u
#define HADAL_ACCESS_EXECUTE 4u
#define HADAL_ACCESS_ALL     7u

/* What a subscription is told about, by way of a record. */
enum hadal_notice {
	/* Over its budget on this CPU: from now on it records one hit in physical, of those that it
	   would have recorded. */
	HADAL_NOTICE_SAMPLED,
	HADAL_NOTICE_FULL,  /* within its budget again: no more so */
	HADAL_NOTICE_OFF,   /* over its budget for good: nothing is intercepted for it any more */
	HADAL_NOTICE_MOVED, /* physical: enum hadal_break_method that the breakpoint has now */
	HADAL_NOTICE_DEGRADED, /* too many answers have missed their deadline: it holds no more */
	/* The system uses its debug register on this CPU, perhaps not on it alone, and it cannot
	   move: it does not hit there meanwhile. Told once. */
	HADAL_NOTICE_DISPLACED,
};

/* How a breakpoint is made. */
enum hadal_break_method {
	HADAL_BREAK_ANY,   /* the cheapest one that is right */
	HADAL_BREAK_DEBUG, /* a debug register: no page is changed */
	/* INT3 in a copy of the page that only fetches see. It is at the guest-physical page that
	   is mapped when it is asked for, also when it moves there later. Not on INT n:
	   -EOPNOTSUPP. On AMD code in a page with such a breakpoint reads INT3 in pages with them.
	 */
	HADAL_BREAK_VIEW,
};

/*
 * A clause of a filter compares a value of the vCPU at the moment of the event:
 *   (value & mask) OPERATOR operand
 * as unsigned numbers. A value that cannot be read makes its clause false.
 */
enum hadal_filter_value {
	HADAL_FILTER_REGISTER, /* index: enum hadal_reg up to HADAL_REG_RFLAGS */
	HADAL_FILTER_CR3,
	HADAL_FILTER_CPU,
	HADAL_FILTER_CPL,
	HADAL_FILTER_ACCESS, /* HADAL_ACCESS_* of the event */
	HADAL_FILTER_NUMBER, /* the record's members */
	HADAL_FILTER_ADDRESS,
	HADAL_FILTER_PHYSICAL,
	HADAL_FILTER_OLD,
	HADAL_FILTER_NEW,    /* not of what is read, which is known only afterwards */
	HADAL_FILTER_MEMORY, /* `bytes` bytes at linear address register `index` + offset */
	HADAL_FILTER_VALUES,
};

enum hadal_filter_operator {
	HADAL_FILTER_EQUAL,
	HADAL_FILTER_NOT_EQUAL,
	HADAL_FILTER_LESS,
	HADAL_FILTER_LESS_EQUAL,
	HADAL_FILTER_GREATER,
	HADAL_FILTER_GREATER_EQUAL,
	HADAL_FILTER_OPERATORS,
};

struct hadal_clause {
	uint8_t value;       /* enum hadal_filter_value */
	uint8_t compare;     /* enum hadal_filter_operator */
	uint8_t index;       /* a register; 0 with other values */
	uint8_t bytes;       /* HADAL_FILTER_MEMORY: 1, 2, 4 or 8; else 0 */
	uint8_t alternative; /* 1: or; 0: and, which binds closer. Of the first clause: 0 */
	uint8_t reserved[3]; /* 0 */
	int64_t offset;      /* HADAL_FILTER_MEMORY; else 0 */
	uint64_t mask;
	uint64_t operand;
};

/* What a record has behind its fixed part, in this order. */
#define HADAL_CAPTURE_REGISTERS 1u /* struct hadal_event_registers */
#define HADAL_CAPTURE_CODE      2u /* 16 bytes at RIP (of a step, before it); unreadable ones: 0 */
#define HADAL_CAPTURE_STACK     4u /* stack_bytes from RSP on; the same */
/*
 * 8 bytes from the kernel's GS base + task_offset on, of whatever CPU it happens on: with the
 * offset of the kernel's own variable this is the task that the CPU executes. 0: they cannot be
 * read.
 */
#define HADAL_CAPTURE_TASK 8u
#define HADAL_CAPTURE_ALL  15u
#define HADAL_STACK_MAX    4096u /* a multiple of 8 */

enum hadal_event_action {
	HADAL_ACTION_RECORD, /* write a record */
	HADAL_ACTION_COUNT,  /* only count */
	/*
	 * Write a record with HADAL_RECORD_HELD before the instruction is done, and hold the vCPU
	 * until it is answered. Where the reader might starve for it the record is written without
	 * the flag, and nothing is held: events of the reader's own address space, on the CPU that
	 * it called on last, and on a machine with one CPU. The first subscription of an event
	 * holds. Not for HADAL_EVENT_REQUEST, nor for HADAL_EVENT_STEP of a task.
	 */
	HADAL_ACTION_HOLD,
};

/*
 * What is asked for. All that is not used by a kind is 0.
 *
 * first, count: MSRs, leaves, ports, vectors: [first, first + count); control registers and
 * descriptor tables: first is a mask, bit n for number n, count 0. Memory: guest-physical bytes
 * [first, first + count), all in RAM and none of them the hypervisor's. Views: any guest-physical
 * bytes, in which the address of the access is. Break: the linear address,
 * count 1, in the address space whose CR3 is root, or in all with root 0 (then it is looked up in
 * the caller's). Step: first and count 0, root: the CR3 of the task, PCID bits not counted; or of a
 * whole vCPU, which is not the caller's (-EDEADLK): root 0, first its index, count 1.
 */
struct hadal_subscription {
	uint32_t kind;   /* enum hadal_event_kind */
	uint32_t access; /* HADAL_ACCESS_*, some of what the kind may have */
	uint64_t first, count;
	uint64_t root;
	uint32_t action;      /* enum hadal_event_action */
	uint32_t method;      /* HADAL_EVENT_BREAK: enum hadal_break_method; else 0 */
	uint32_t capture;     /* HADAL_CAPTURE_* */
	uint32_t stack_bytes; /* with HADAL_CAPTURE_STACK: 8 to HADAL_STACK_MAX, else 0 */
	uint32_t sample; /* record one in so many of those that pass the filter; 0 and 1: each */
	uint32_t clause_count;
	/*
	 * The budget on each CPU: how many of the CPU's thousandths of time its exits may take (1
	 * to 1000, 0: no limit), and how many hits a second it may tell (0: no limit), both with
	 * a burst: 50 ms of the share, a second of the rate. Over it the subscription is sampled on
	 * that CPU, one in 4, 16 and so on to 65,536, and when that is not enough turned off on
	 * all. Within it for a second it is told more of again. Each change is a record.
	 */
	uint32_t share, rate;
	uint32_t deadline;    /* HADAL_ACTION_HOLD: microseconds, 0: 20,000, at most 1,000,000 */
	uint32_t reserved;    /* 0 */
	uint64_t cookie;      /* handed back with every record */
	uint64_t task_offset; /* with HADAL_CAPTURE_TASK, else 0; added modulo 2^64 */
	struct hadal_clause clause[HADAL_MAX_CLAUSES];
};

/* Flags of a record. */
#define HADAL_RECORD_FAULTED   1u  /* the instruction raised an exception instead of completing */
#define HADAL_RECORD_HELD      2u  /* the vCPU waits for an answer */
#define HADAL_RECORD_TABLE     4u  /* the access was made by the guest's page walk */
#define HADAL_RECORD_DELIVERY  8u  /* the access was made while an event was delivered */
#define HADAL_RECORD_NO_VALUE  16u /* old_value and new_value are not known */
#define HADAL_RECORD_RESUMED   64u /* a step: the first since the kernel was left */
#define HADAL_RECORD_NOT_RANGE 32u /* perhaps beside the bytes asked for: its size is not known */

/* One event. Bytes are a multiple of 8; records follow each other without a gap. */
struct hadal_event {
	uint32_t bytes;        /* of all the record */
	uint16_t kind;         /* enum hadal_event_kind */
	uint16_t flags;        /* HADAL_RECORD_* */
	uint32_t subscription; /* its number; HADAL_NO_SUBSCRIPTION: padding up to the ring's end */
	uint16_t cpu;
	uint8_t cpl;
	uint8_t access; /* HADAL_ACCESS_* */
	uint64_t time;  /* TSC */
	uint64_t cookie;
	uint64_t rip, cr3;
	uint64_t number;
	uint64_t address, physical;
	/*
	 * What was there before and is afterwards: an MSR or a control register as a whole (the old
	 * one of a write of an MSR is not read), memory as 8 bytes from `physical` on or as many as
	 * its page still has. What is read is in new_value. CPUID: EAX | EBX << 32 and
	 * ECX | EDX << 32.
	 */
	uint64_t old_value, new_value;
};

#define HADAL_NO_SUBSCRIPTION 0u

/* The general registers in the processor's encoding order. */
struct hadal_event_registers {
	uint64_t general[16];
	uint64_t rflags;
	uint64_t fs_base, gs_base;
};

/*
 * The rings. HADAL_EVENTS_OFFSET + the offsets below is what to mmap(), MAP_SHARED; a piece must
 * not reach beyond what its line tells.
 *  - HADAL_EVENTS_HEADS, HADAL_EVENTS_ENDS_BYTES(cpu_count): struct hadal_ring_head of each CPU,
 *    PROT_READ
 *  - HADAL_EVENTS_TAILS, HADAL_EVENTS_ENDS_BYTES(cpu_count): struct hadal_ring_tail of each CPU,
 * the reader's
 *  - HADAL_EVENTS_RINGS + cpu * HADAL_EVENTS_RING_STRIDE, ring_bytes: records, PROT_READ
 *
 * The hypervisor writes a record and then head. A reader reads head (acquire), the records in
 * [tail, head), each at its position modulo ring_bytes, and then sets tail (release). Positions
 * count bytes for ever. A record never wraps: where it would, a record of subscription
 * HADAL_NO_SUBSCRIPTION fills the rest, of which only `bytes`, `kind`, `flags` and `subscription`
 * are there (16 bytes; with 8 left only `bytes` is, and it is 8). A record that does not fit is
 * counted in `lost` and by its subscription; HADAL_RING_NOTICES bytes are kept free for notices. A
 * tail that lies is taken for a full ring.
 */
struct hadal_ring_head {
	uint64_t head; /* bytes written */
	uint64_t lost; /* records that there was no room for */
	/* Between the hypervisor and the loader, the first two in the first head alone: */
	uint32_t waits;  /* 1: the reader waits; the hypervisor takes it back and wakes */
	uint32_t reader; /* CPU that the reader called on last, + 1 */
	uint32_t wake;   /* 1: an NMI has come to this CPU to wake the reader */
	uint32_t reserved[9];
};

struct hadal_ring_tail {
	uint64_t tail; /* bytes read */
	uint64_t reserved[7];
};

#define HADAL_EVENTS_OFFSET      (1ull << 61)
#define HADAL_EVENTS_HEADS       0ull
#define HADAL_EVENTS_TAILS       (1ull << 20)
#define HADAL_EVENTS_RINGS       (1ull << 30)
#define HADAL_EVENTS_RING_STRIDE (1ull << 24)
/* Bytes of the heads, or of the tails, of so many CPUs; whole pages. */
#define HADAL_EVENTS_ENDS_BYTES(cpus) (((cpus)*64ull + 4095) & ~4095ull)
#define HADAL_RING_BYTES_MIN          4096u
#define HADAL_RING_BYTES_MAX          (1u << 22)
#define HADAL_RING_NOTICES            (8u * (unsigned int)sizeof(struct hadal_event))

/* What is to become of a vCPU that is held. */
enum hadal_answer {
	HADAL_ANSWER_GO_ON, /* do what the guest was about to do; or go to RIP, if that is set */
	/*
	 * Leave out the instruction, or the exception that was to be delivered. -EOPNOTSUPP: it is
	 * none, or its length is not known.
	 */
	HADAL_ANSWER_SKIP,
	HADAL_ANSWER_EXCEPTION, /* raise an exception instead */
	/*
	 * Go on, from now on on the view that `value` tells, 0: none; an access of HADAL_EVENT_VIEW
	 * is tried again there. -ENOENT: it is not the owner's.
	 */
	HADAL_ANSWER_VIEW,
	/*
	 * Write `value` instead, as though the guest had asked for that. -EOPNOTSUPP: it does not
	 * write an MSR or a control register.
	 */
	HADAL_ANSWER_VALUE,
	HADAL_ANSWERS,
};

/*
 * The answer to a record with HADAL_RECORD_HELD. A control register gets the value that it was to
 * get, whatever is set of the register that it came from: leave that out and set it itself.
 */
struct hadal_event_answer {
	uint32_t subscription, cpu; /* as in the record */
	uint64_t time;
	uint32_t answer; /* enum hadal_answer */
	uint32_t vector; /* HADAL_ANSWER_EXCEPTION: 0 to 31 but 2; else 0 */
	uint32_t error;  /* its error code where it has one; else 0 */
	/*
	 * 1: hold the vCPU once more behind its next instruction, without interrupts before it: a
	 * record of HADAL_EVENT_STEP of the same subscription, whatever that filters and samples.
	 */
	uint32_t step;
	uint32_t refused;          /* 0; out with -ERANGE: enum hadal_reg */
	uint32_t reserved2;        /* 0 */
	uint64_t value;            /* HADAL_ANSWER_VALUE, HADAL_ANSWER_VIEW; else 0 */
	struct hadal_set_regs set; /* before; mask 0: nothing */
};

/*
 * Views: the memory as some vCPUs find it, with fewer rights in some pages, and others that show
 * another page. All else is as without the view, and follows each change. What a view denies is
 * told by HADAL_EVENT_VIEW, whoever subscribes, and then done as without the view, by a single
 * step; a write there too. A vCPU runs on one view of one owner's, or on none. It leaves the view
 * when that is destroyed, as all are with their owner's file, and when it goes offline. What memory
 * is read, written or translated by calls is as without views.
 */
enum hadal_view_action {
	/* A view that denies nothing. Returns its number, 1 or more. -ENOSPC; -EBUSY: there are
	   breakpoints of HADAL_BREAK_VIEW, which cannot be beside it. */
	HADAL_VIEW_CREATE,
	HADAL_VIEW_DESTROY, /* -ENOENT: it is not the owner's, as with all that follow */
	/*
	 * The pages [first, first + count), by their addresses and number, have the rights in
	 * `access` and no others. Where the processor has no pages for fetches alone, who may not
	 * read may do nothing; who may not read may not write. -ENXIO (not RAM), -EACCES (the
	 * hypervisor's own), -ENOMEM: then nothing is changed.
	 */
	HADAL_VIEW_ACCESS,
	/* The page `first` shows what is else at the page `shows`; or itself. -ENOSPC, -ENXIO,
	   -EACCES, -ENOMEM. */
	HADAL_VIEW_SHOW,
	/* vCPU `cpu` runs on the view, or with view 0 on none. -ENXIO: it does not run at all;
	   -EBUSY: it is on another owner's view. */
	HADAL_VIEW_SWITCH,
	HADAL_VIEW_ACTIONS,
};

/* What an action does not use is 0. */
struct hadal_view_request {
	uint32_t action; /* enum hadal_view_action */
	uint32_t view;
	uint32_t cpu;
	uint32_t access; /* HADAL_ACCESS_* */
	uint64_t first;  /* page-aligned, as shows */
	uint64_t count;  /* to HADAL_MAX_VIEW_RANGE */
	uint64_t shows;
};

/* What became of a subscription, on one CPU or all together. */
struct hadal_subscription_state {
	uint32_t subscription;
	uint32_t kind;
	uint32_t owner;  /* number of the owner */
	uint32_t method; /* HADAL_EVENT_BREAK: enum hadal_break_method that it has; else 0 */
	uint32_t state;  /* enum hadal_notice: _FULL, _SAMPLED or _OFF */
	uint32_t reserved;
	uint64_t hits;     /* events of its kind and place */
	uint64_t filtered; /* of these, those that its filter or sampling left out */
	uint64_t lost;     /* of these, those that there was no room for */
	/*
	 * Of the TSC that its exits have cost, with those beside what it asked for, which cannot
	 * be told apart before. An exit of several subscriptions is divided among them.
	 */
	uint64_t ticks;
	uint64_t steps;    /* instructions stepped over for it */
	uint64_t held;     /* vCPUs held until an answer, the deadline, or somebody else's need */
	uint64_t timeouts; /* of these, those that the deadline has let go on */
	uint64_t late;     /* answers refused because they came after that */
	/* Of the TSC since it was asked for: ticks / elapsed is its share of a CPU's time. */
	uint64_t elapsed;
};

/* HADAL_CALL_EVENTS_OPEN: what a loader hands over for an owner. Pages that nobody else has. */
struct hadal_events_memory {
	uint32_t ring_bytes; /* a power of two */
	uint32_t cpu_count;  /* rings given */
	uint64_t heads;      /* physical address of HADAL_EVENTS_ENDS_BYTES, page-aligned */
	uint64_t tails;      /* the same */
	uint64_t ticks_per_ms;
	uint64_t exit_ticks; /* what an exit with little to do costs, for the account */
	uint64_t root;       /* the reader's CR3: it is never held */
	/* Where the physical address of each CPU's ring is, a uint64_t, of ring_bytes, page-aligned
	 */
	uint64_t rings;
};

#endif
