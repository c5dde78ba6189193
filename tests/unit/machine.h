/* SPDX-License-Identifier: MIT */
#ifndef HADAL_TESTS_MACHINE_H
#define HADAL_TESTS_MACHINE_H

#include <stdbool.h>

#include "kernel/kernel.h"
#include "memory/memory.h"

/*
 * A made-up machine: RAM with page tables and a kernel whose symbols, types, tasks and modules are
 * laid out differently from every real one.
 */
#define MACHINE_RAM        (16u << 20)
#define MACHINE_PHYSICAL   (4ull << 20) /* where the kernel image is */
#define MACHINE_DIRECT_MAP 0xffff888000000000ull
#define MACHINE_IDT        0xfffffe0000000000ull
#define MACHINE_ENTRY      0x1080u /* offset of the system call entry in the text */

#define MACHINE_BANNER   "Linux version 6.1.99-test (a test) #1 SMP"
#define MACHINE_BUILD_ID "000102030405060708090a0b0c0d0e0f10111213"

struct machine_links {
	uint64_t next, prev;
};

struct machine_cred {
	uint64_t usage;
	uint32_t gid, egid, uid, euid;
};

struct machine_mm {
	uint64_t maps;
	uint64_t pgd;
};

struct machine_signal {
	uint32_t count;
	uint32_t nr_threads;
	struct machine_links thread_head;
};

struct machine_task {
	uint32_t flags;
	uint32_t state;
	uint64_t sp; /* thread.sp */
	uint64_t padding[199];
	struct machine_links thread_node;
	char comm[16];
	uint64_t cred, mm, signal, real_parent;
	int32_t exit_state;
	int32_t tgid, pid;
	uint64_t start_boottime;
	struct machine_links tasks;
	uint64_t group_leader;
	struct machine_links children, sibling;
	struct machine_pid_link {
		uint64_t next, pprev;
	} pid_links[4];
};

struct machine_pid {
	uint32_t count, level;
	uint64_t tasks[4];
	struct machine_upid {
		int32_t nr;
		uint64_t ns;
	} numbers[3]; /* one in the first namespace */
};

struct machine_pid_namespace {
	uint64_t kref;
	uint32_t lock, flags;
	uint64_t xa_head;
};

struct machine_node {
	uint8_t shift, offset;
	uint64_t parent;
	uint64_t slots[64];
};

/* The log: struct printk_ringbuffer and what it leads to. */
#define MACHINE_RECORDS 16

struct machine_ring {
	uint32_t count_bits;
	uint64_t descs, infos;
	uint64_t head, tail;
	uint32_t size_bits;
	uint64_t data;
};

struct machine_desc {
	uint64_t state;
	uint64_t begin, next;
};

struct machine_info {
	uint64_t seq, time;
	uint16_t text_len;
	uint8_t facility;
	uint8_t flags_level; /* 5 and 3 bits */
	uint32_t caller;
	char subsystem[16], device[48];
};

#define MACHINE_CPUS 2

struct machine_queue {
	uint64_t lock[3];
	uint64_t curr;
};

struct machine_tree_root {
	uint64_t cached;
	uint64_t rb_node;
};

struct machine_tree_node {
	uint64_t rb_left, rb_right;
	uint64_t parent;
};

struct machine_module_part {
	uint64_t base;
	uint32_t size;
	uint32_t flags;
};

struct machine_module {
	uint32_t state;
	char name[56];
	struct machine_links list;
	union {
		struct machine_module_part mem[3];
		struct {
			struct machine_module_part core_layout, init_layout;
		};
	};
	uint32_t refcnt;
	struct {
		uint32_t num_orcs;
		uint64_t orc_unwind_ip, orc_unwind;
	} arch;
};

struct machine_btf_module {
	struct machine_links list;
	uint64_t btf, module;
};

struct machine_btf_blob {
	uint64_t data;
	uint32_t data_size;
	char name[56];
};

/* How to unwind from a place in the code on; until 6.3, and from 6.4 on with a wider type. */
struct machine_orc {
	int16_t sp_offset, bp_offset;
	uint16_t sp_reg : 4;
	uint16_t bp_reg : 4;
	uint16_t type : 2;
	uint16_t end : 1;
};

/* What the scheduler leaves on the stack of a task that waits. */
struct machine_sleep {
	uint64_t flags, bp, ret_addr;
};

struct machine_regs {
	uint64_t r13, r10, bp, dx, di;
	uint64_t ip, cs, eflags, sp, ss;
};

#define MACHINE_ORCS 8

/* What is in physical memory; ends are of the last byte. */
struct machine_resource {
	uint64_t start, end;
	uint64_t name, flags, desc;
	uint64_t parent, sibling, child;
};

struct machine_options {
	unsigned levels;      /* 4 or 5; 0 means 4 */
	bool kpti;            /* CR3 is the user's root of a pair */
	bool odd_root;        /* without KPTI, CR3's page number is odd */
	bool no_rodata;       /* all of the image is mapped writable and executable */
	bool given_away;      /* pages behind the text are another's, one of them read-only */
	bool no_module_types; /* btf_modules is not among the symbols */
	bool no_orc;          /* no __start_orc_unwind_ip either */
	bool no_btf_symbols;  /* __start_BTF is not among the symbols */
	int kallsyms_order;   /* enum kallsyms_order */
	bool new_modules;     /* struct module has mem[] instead of core_layout */
	uint64_t base;        /* of the kernel; 0 takes one with a slide */
	int hole_at;          /* a page of the direct map's tasks that is not RAM; 0: none */
};

struct machine {
	struct hadal_memory memory;
	struct hadal_range range;
	struct hadal_traces traces;
	struct machine_options options;
	uint8_t *ram;
	uint64_t base; /* of the kernel */
	uint64_t next_table;
	uint64_t next_object;
	uint64_t init_task, modules;   /* virtual addresses */
	uint64_t pid_namespace;        /* the first one */
	uint64_t queues[MACHINE_CPUS]; /* struct machine_queue */
	uint64_t ring;                 /* struct machine_ring */
	uint64_t resources;            /* struct machine_resource, all of physical memory */
	unsigned orcs;                 /* of the kernel */
	struct hadal_kernel *kernel;   /* NULL until it is opened */
};

struct machine *machine_new(const struct machine_options *options);
/* Opens the kernel by the traces; it must be found. machine_free closes it. */
struct hadal_kernel *machine_open(struct machine *machine);
void machine_free(struct machine *machine);

/* Host pointer to a virtual address in the direct map or in the kernel image. */
void *machine_at(struct machine *machine, uint64_t va);

/* Makes a process (or with leader, a thread of that) and links it last. Returns its task. */
uint64_t machine_add_task(struct machine *machine, int pid, const char *comm, uint64_t leader);
/* The entry for a number in a PID namespace's tree, which is made as far as it is not there. */
uint64_t *machine_pid_slot(struct machine *machine, uint64_t namespace, unsigned number);
/* Makes another PID namespace, where the task has that number too. Returns its address. */
uint64_t machine_enter_namespace(struct machine *machine, uint64_t task, unsigned number);
/* Appends a record to the log, which has room for MACHINE_RECORDS and no more. */
void machine_log(struct machine *machine, const char *text);
/* Makes a module with text at base and links it last. Returns its address. */
uint64_t machine_add_module(struct machine *machine, const char *name, uint64_t base);

/*
 * Says how the kernel's code from that offset in its text on is unwound; in ascending order, at
 * most MACHINE_ORCS times. At the end of the code nothing is known.
 */
void machine_add_orc(struct machine *machine, uint64_t offset, const struct machine_orc *orc);
/* The same for a module's code, which has one such place. */
void machine_module_orc(struct machine *machine, uint64_t module, const struct machine_orc *orc);
/*
 * Gives a module types: a structure called so with a number and a pointer to task_struct, an
 * enumerator of the same name in capitals, and a typedef of it with _t. Returns where the blob is.
 */
uint64_t machine_module_types(struct machine *machine, uint64_t module, const char *structure);
/* Makes room for an object. Returns its address. */
uint64_t machine_new_object(struct machine *machine, size_t size);

/* Maps size bytes (4 KiB, 2 MiB or 1 GiB) at va to pa with the given rights under a root. */
void machine_map(struct machine *machine, uint64_t root, uint64_t va, uint64_t pa, uint64_t size,
		 uint64_t bits);

/* Makes a BTF blob of the types above; the caller frees it. */
void *machine_btf(bool new_modules, uint32_t *size);
/* The same of a module's types, on top of those. */
void *machine_split_btf(bool new_modules, const char *structure, uint32_t *size);

#endif
