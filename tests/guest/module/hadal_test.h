/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * /dev/hadal_test, for tests in a guest only: root executes a hypercall in ring 0 with registers of
 * its choice, has physically contiguous memory to name in it, and can have NMIs sent to all CPUs.
 */
#ifndef HADAL_TEST_H
#define HADAL_TEST_H

#include <hadal/registers.def>

#ifdef __KERNEL__
#include <linux/ioctl.h>
#include <linux/types.h>
#else
#include <stdint.h>
#include <sys/ioctl.h>
#endif

/* Which instruction: that of the processor's vendor, or the other vendor's. */
enum hadal_test_instruction { HADAL_TEST_OWN, HADAL_TEST_OTHER };

/* All general registers but RSP: in as they are before the instruction, out as it leaves them. */
#define HADAL_TEST_MEMBER(NAME, member, type, text) type member;
#define HADAL_TEST_NONE(NAME, member, type, text)
struct hadal_test_registers {
	HADAL_GENERAL_REGISTERS(HADAL_TEST_MEMBER, HADAL_TEST_NONE)
};

struct hadal_test_call {
	struct hadal_test_registers registers;
	uint32_t instruction; /* enum hadal_test_instruction */
	uint32_t trapped;     /* out: 1 when the instruction faulted */
};

/* What the local APIC sends to another CPU: the low half of its ICR, such as INIT or a SIPI. */
#define HADAL_TEST_INIT          0x4500u
#define HADAL_TEST_SIPI(address) (0x4600u | (address) >> 12)
struct hadal_test_ipi {
	uint32_t cpu;
	uint32_t what;
};

/* The arena: mmap() offset 0, HADAL_TEST_ARENA_BYTES; each open file has its own. */
#define HADAL_TEST_ARENA_ORDER 7
#define HADAL_TEST_ARENA_BYTES (4096ul << HADAL_TEST_ARENA_ORDER)
struct hadal_test_arena {
	uint64_t physical;
	uint64_t kernel_virtual;
};

/*
 * What the module does in ring 0, `count` times in a row on the CPU that asks, with interrupts off
 * and RBX = HADAL_TEST_MARK. value: in and out, of the last time.
 */
enum hadal_test_action {
	HADAL_TEST_RDMSR, /* number: the MSR */
	HADAL_TEST_WRMSR,
	HADAL_TEST_CR0, /* the bits of value change to and fro: 2 * count writes */
	HADAL_TEST_CR4,
	HADAL_TEST_CR3, /* the same value again */
	HADAL_TEST_IN,  /* number: the port; 4 bytes */
	HADAL_TEST_OUT,
	HADAL_TEST_STORE_TABLE, /* number: enum hadal_descriptor */
	HADAL_TEST_LOAD_TABLE,  /* the same value again */
	/*
	 * The local APIC is moved to the physical page `number`, where the hypercall
	 * HADAL_CALL_REGS is made for CPU 1 with a page at `value`, and comes back. value: its
	 * result; -EIO: it did not move.
	 */
	HADAL_TEST_MOVE_APIC,
};
struct hadal_test_act {
	uint32_t action; /* enum hadal_test_action */
	uint32_t count;
	uint64_t number, value;
};
#define HADAL_TEST_MARK 0x6861646c6d61726bull

/* NMIs to all CPUs, `hz` a second, until the file is closed; hz 0 only asks how many came. */
struct hadal_test_storm {
	uint32_t hz; /* 0, or 20 to 100000 */
	uint32_t reserved;
	uint64_t came; /* out: NMIs that the kernel has seen in all storms, on all CPUs together */
};

/* A function of the module's that static keys, ftrace and kprobes change the code of. */
struct hadal_test_text {
	uint32_t calls;   /* of the function, whose results are checked */
	uint32_t toggles; /* how often each of the three is turned on and off, with a call in
			     between */
	uint64_t address; /* out: of the function */
	uint64_t sum;     /* out: of all words of its page, as the kernel reads them */
	uint64_t probed;  /* out: how often kprobes have seen it run, in all */
};

#define HADAL_TEST_CALL  _IOWR('h', 0, struct hadal_test_call)
#define HADAL_TEST_ARENA _IOR('h', 1, struct hadal_test_arena)
#define HADAL_TEST_ACT   _IOWR('h', 2, struct hadal_test_act)
#define HADAL_TEST_STORM _IOWR('h', 3, struct hadal_test_storm)
#define HADAL_TEST_IPI   _IOW('h', 4, struct hadal_test_ipi)
#define HADAL_TEST_TEXT  _IOWR('h', 5, struct hadal_test_text)

#endif
