// SPDX-License-Identifier: MIT
/* The made-up machine: memory, page tables, and the objects of its kernel. */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kallsyms_builder.h"
#include "memory/space.h"

#define LARGE   (2ull << 20)
#define TABLES  0x100000u /* page tables are from here on in RAM, objects from OBJECTS */
#define OBJECTS 0xc00000u

/* Offsets in the kernel image: text, read-only data and writable data of 2 MiB each. */
#define RODATA    LARGE
#define BANNER    (RODATA + 0x140)
#define NOTES     (RODATA + 0x400)
#define KALLSYMS  (RODATA + 0x8000)
#define BTF       (RODATA + 0x100000)
#define DATA      (2 * LARGE + 0x3000)
#define TOP_PGT   (2 * LARGE + 0x10000)
#define CRASHINFO (2 * LARGE + 0x20000)
#define PID_SPACE (DATA + 0x2000)
#define QUEUES    (DATA + 0x2100) /* the first CPU's; the others' follow */
#define OFFSETS   (DATA + 0x2200)
#define CPU_COUNT (DATA + 0x2300)
#define RING      (DATA + 0x2400) /* a pointer to it */
#define RING_BITS 10
#define BTF_LIST  (DATA + 0x2500)
#define RESOURCES (DATA + 0x2600)
#define ORC_IPS   (2 * LARGE + 0x30000)
#define ORCS      (2 * LARGE + 0x31000)
#define TEXT_END  (LARGE / 4)
#define FILLERS   600

static uint64_t *entry(struct machine *machine, uint64_t table, uint64_t va, unsigned level)
{
	return (uint64_t *)(machine->ram + table) + (va >> (12 + 9 * (level - 1))) % 512;
}

static uint64_t new_table(struct machine *machine)
{
	machine->next_table += HADAL_PAGE_SIZE;
	return machine->next_table - HADAL_PAGE_SIZE;
}

void machine_map(struct machine *machine, uint64_t root, uint64_t va, uint64_t pa, uint64_t size,
		 uint64_t bits)
{
	unsigned last = size == 1ull << 30 ? 3 : size == LARGE ? 2 : 1;
	uint64_t table = root;

	for (unsigned level = machine->options.levels; level > last; level--) {
		uint64_t *next = entry(machine, table, va, level);

		if (!*next)
			*next = new_table(machine) | HADAL_PTE_PRESENT | HADAL_PTE_WRITE |
				HADAL_PTE_USER;
		table = *next & HADAL_PTE_ADDRESS;
	}
	*entry(machine, table, va, last) =
		pa | bits | HADAL_PTE_PRESENT | (last > 1 ? HADAL_PTE_LARGE : 0);
}

void *machine_at(struct machine *machine, uint64_t va)
{
	uint64_t pa = va >= machine->base ? va - machine->base + MACHINE_PHYSICAL
					  : va - MACHINE_DIRECT_MAP;

	if (pa >= MACHINE_RAM)
		abort();
	return machine->ram + pa;
}

static ssize_t ram_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct machine *machine = ctx;
	uint64_t hole = (uint64_t)machine->options.hole_at * HADAL_PAGE_SIZE;

	if (pa >= MACHINE_RAM || (hole && pa / HADAL_PAGE_SIZE == hole / HADAL_PAGE_SIZE))
		return -EFAULT;
	if (len > MACHINE_RAM - pa)
		len = MACHINE_RAM - pa;
	if (hole && pa < hole && pa + len > hole)
		len = hole - pa;
	memcpy(buf, machine->ram + pa, len);
	return len;
}

static void write_symbols(struct machine *machine, uint32_t btf_size)
{
	struct builder_symbol *symbols = calloc(FILLERS + 32, sizeof(*symbols));
	struct kallsyms_plan plan = {.symbols = symbols,
				     .relative_base = machine->base,
				     .order = machine->options.kallsyms_order,
				     .va = machine->base + KALLSYMS};
	struct kallsyms_places places;
	const struct {
		uint64_t offset;
		const char *name;
	} known[] = {
		{TEXT_END, "_einittext"},
		{BANNER, "linux_banner"},
		{NOTES, "__start_notes"},
		{NOTES + 36, "__stop_notes"},
		{BTF, machine->options.no_btf_symbols ? "one" : "__start_BTF"},
		{BTF + btf_size, machine->options.no_btf_symbols ? "two" : "__stop_BTF"},
		{DATA, "init_task"},
		{machine->modules - machine->base, "modules"},
		{PID_SPACE, "init_pid_ns"},
		{QUEUES, "runqueues"},
		{OFFSETS, "__per_cpu_offset"},
		{CPU_COUNT, "nr_cpu_ids"},
		{RING, "prb"},
		{BTF_LIST, machine->options.no_module_types ? "four" : "btf_modules"},
		{RESOURCES, "iomem_resource"},
		{TOP_PGT, "init_top_pgt"},
		{CRASHINFO, "vmcoreinfo_data"},
		{CRASHINFO + 8, "vmcoreinfo_size"},
		{ORC_IPS, machine->options.no_orc ? "three" : "__start_orc_unwind_ip"},
		{ORC_IPS + 4 * MACHINE_ORCS, "__stop_orc_unwind_ip"},
		{ORCS, "__start_orc_unwind"},
	};

	for (; plan.count < FILLERS; plan.count++) {
		symbols[plan.count].address = machine->base + plan.count * 64;
		snprintf(symbols[plan.count].name, sizeof(symbols->name), "filler_%zu",
			 plan.count * 7);
	}
	strcpy(symbols[0].name, "_text");
	strcpy(symbols[1].name, "_stext");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		symbols[plan.count].address = machine->base + known[i].offset;
		strcpy(symbols[plan.count++].name, known[i].name);
	}
	for (size_t i = 0; i < plan.count; i++)
		symbols[i].type = 'T';
	kallsyms_build(&plan, machine_at(machine, machine->base + KALLSYMS), BTF - KALLSYMS,
		       &places);
	free(symbols);
}

static void write_rodata(struct machine *machine)
{
	uint32_t note[3] = {4, 20, 3}, btf_size;
	void *btf = machine_btf(machine->options.new_modules, &btf_size);
	uint8_t *notes = machine_at(machine, machine->base + NOTES);

	strcpy(machine_at(machine, machine->base + BANNER), MACHINE_BANNER "\n");
	memcpy(notes, note, sizeof(note));
	memcpy(notes + 12, "GNU", 4);
	for (int i = 0; i < 20; i++)
		notes[16 + i] = i;
	memcpy(machine_at(machine, machine->base + BTF), btf, btf_size);
	free(btf);
	write_symbols(machine, btf_size);
}

static void write_crash_info(struct machine *machine)
{
	uint64_t *pointers = machine_at(machine, machine->base + CRASHINFO);
	char *text = machine_at(machine, machine->base + CRASHINFO + 64);

	sprintf(text, "OSRELEASE=6.1.99-test\nPAGESIZE=4096\nKERNELOFFSET=%lx\n",
		(unsigned long)(machine->base - 0xffffffff81000000ull));
	pointers[0] = machine->base + CRASHINFO + 64;
	pointers[1] = strlen(text);
}

static void map_text(struct machine *machine, uint64_t root)
{
	uint64_t va = machine->base, pa = MACHINE_PHYSICAL, end = LARGE / 2, odd = 3 * LARGE / 4;

	if (!machine->options.given_away) {
		machine_map(machine, root, va, pa, LARGE,
			    machine->options.no_rodata ? HADAL_PTE_WRITE : 0);
		return;
	}
	for (uint64_t at = 0; at < LARGE; at += HADAL_PAGE_SIZE)
		machine_map(machine, root, va + at, pa + at, HADAL_PAGE_SIZE,
			    at < end    ? 0
			    : at == odd ? HADAL_PTE_NX
					: HADAL_PTE_WRITE | HADAL_PTE_NX);
}

/* Fills the kernel's half of a root. */
static void map_kernel(struct machine *machine, uint64_t root)
{
	uint64_t va = machine->base, pa = MACHINE_PHYSICAL;
	bool flat = machine->options.no_rodata;

	map_text(machine, root);
	machine_map(machine, root, va + RODATA, pa + RODATA, LARGE,
		    flat ? HADAL_PTE_WRITE : HADAL_PTE_NX);
	machine_map(machine, root, va + 2 * LARGE, pa + 2 * LARGE, LARGE,
		    HADAL_PTE_WRITE | HADAL_PTE_NX);
	for (uint64_t at = 0; at < MACHINE_RAM; at += LARGE)
		machine_map(machine, root, MACHINE_DIRECT_MAP + at, at, LARGE,
			    HADAL_PTE_WRITE | HADAL_PTE_NX);
}

static void map_idt(struct machine *machine, uint64_t root)
{
	uint64_t handler = machine->base + MACHINE_ENTRY + 0x400;
	uint64_t *gate = (uint64_t *)(machine->ram + OBJECTS) + 2 * 14;

	gate[0] = (handler & 0xffff) | 0x8e0000100000ull | (handler & 0xffff0000) << 32;
	gate[1] = handler >> 32;
	machine_map(machine, root, MACHINE_IDT, OBJECTS, HADAL_PAGE_SIZE, HADAL_PTE_NX);
}

/* The roots: the kernel's own, and the one that CR3 holds. */
static void make_roots(struct machine *machine)
{
	uint64_t own = MACHINE_PHYSICAL + TOP_PGT;
	uint64_t pair = TABLES; /* an even page, and the one after it */

	machine->next_table = pair + 2 * HADAL_PAGE_SIZE;
	map_kernel(machine, own);
	map_idt(machine, own);
	memcpy(machine->ram + pair, machine->ram + own, HADAL_PAGE_SIZE);
	machine->traces.cr3 = pair;
	if (machine->options.kpti) {
		memset(machine->ram + pair + HADAL_PAGE_SIZE, 0, HADAL_PAGE_SIZE);
		machine_map(machine, pair + HADAL_PAGE_SIZE, machine->base, MACHINE_PHYSICAL, LARGE,
			    0);
		map_idt(machine, pair + HADAL_PAGE_SIZE);
		machine->traces.cr3 = (pair + HADAL_PAGE_SIZE) | 0x83;
	} else if (machine->options.odd_root) {
		memcpy(machine->ram + pair + HADAL_PAGE_SIZE, machine->ram + own, HADAL_PAGE_SIZE);
		memset(machine->ram + pair, 0x5a, HADAL_PAGE_SIZE);
		machine->traces.cr3 = pair + HADAL_PAGE_SIZE;
	}
	machine->traces.cr4 = machine->options.levels == 5 ? HADAL_CR4_LA57 : 0;
	machine->traces.lstar = machine->base + MACHINE_ENTRY;
	machine->traces.idt_base = MACHINE_IDT;
}

uint64_t machine_new_object(struct machine *machine, size_t size)
{
	uint64_t va = MACHINE_DIRECT_MAP + machine->next_object;

	machine->next_object += (size + 63) & ~63ull;
	return va;
}

static void link_last(struct machine *machine, uint64_t head, uint64_t node)
{
	struct machine_links *first = machine_at(machine, head);
	struct machine_links *last = machine_at(machine, first->prev);
	struct machine_links *new = machine_at(machine, node);

	*new = (struct machine_links){.next = head, .prev = first->prev};
	last->next = node;
	first->prev = node;
}

static void init_list(struct machine *machine, uint64_t head)
{
	*(struct machine_links *)machine_at(machine, head) = (struct machine_links){head, head};
}

uint64_t *machine_pid_slot(struct machine *machine, uint64_t namespace, unsigned number)
{
	uint64_t *entry =
		&((struct machine_pid_namespace *)machine_at(machine, namespace))->xa_head;

	for (int shift = 6; shift >= 0; shift -= 6) {
		struct machine_node *node;

		if (!*entry)
			*entry = machine_new_object(machine, sizeof(*node)) | 2;
		node = machine_at(machine, *entry - 2);
		node->shift = shift;
		entry = &node->slots[number >> shift & 63];
	}
	return entry;
}

static void attach_pid(struct machine *machine, uint64_t pid, uint64_t task, int type)
{
	((struct machine_pid *)machine_at(machine, pid))->tasks[type] =
		task + offsetof(struct machine_task, pid_links) +
		type * sizeof(struct machine_pid_link);
}

/* Gives a task its number. */
static void add_pid(struct machine *machine, uint64_t address)
{
	const struct machine_task *task = machine_at(machine, address);
	uint64_t pid = machine_new_object(machine, sizeof(struct machine_pid));

	attach_pid(machine, pid, address, 0);
	if (task->pid == task->tgid)
		attach_pid(machine, pid, address, 1);
	*machine_pid_slot(machine, machine->pid_namespace, task->pid) = pid;
}

uint64_t machine_enter_namespace(struct machine *machine, uint64_t task, unsigned number)
{
	uint64_t namespace = machine_new_object(machine, sizeof(struct machine_pid_namespace));
	uint64_t address =
		*machine_pid_slot(machine, machine->pid_namespace,
				  ((struct machine_task *)machine_at(machine, task))->pid);
	struct machine_pid *pid = machine_at(machine, address);

	pid->level = 1;
	pid->numbers[1] = (struct machine_upid){.nr = number, .ns = namespace};
	*machine_pid_slot(machine, namespace, number) = address;
	return namespace;
}

uint64_t machine_add_task(struct machine *machine, int pid, const char *comm, uint64_t leader)
{
	uint64_t address = machine_new_object(machine, sizeof(struct machine_task));
	struct machine_task *task = machine_at(machine, address);
	struct machine_signal *signal;
	struct machine_cred *cred;

	task->pid = pid;
	task->tgid = leader ? ((struct machine_task *)machine_at(machine, leader))->tgid : pid;
	task->state = 1;
	task->real_parent = machine->init_task;
	task->group_leader = leader ? leader : address;
	init_list(machine, address + offsetof(struct machine_task, children));
	task->start_boottime = pid * 1000;
	strncpy(task->comm, comm, sizeof(task->comm) - 1);
	task->cred = machine_new_object(machine, sizeof(*cred));
	cred = machine_at(machine, task->cred);
	*cred = (struct machine_cred){.uid = 1000 + pid, .euid = 2000 + pid, .gid = 3000 + pid};
	if (leader) {
		task->signal = ((struct machine_task *)machine_at(machine, leader))->signal;
	} else {
		task->signal = machine_new_object(machine, sizeof(*signal));
		init_list(machine, task->signal + offsetof(struct machine_signal, thread_head));
		link_last(machine, machine->init_task + offsetof(struct machine_task, tasks),
			  address + offsetof(struct machine_task, tasks));
		link_last(machine, machine->init_task + offsetof(struct machine_task, children),
			  address + offsetof(struct machine_task, sibling));
	}
	signal = machine_at(machine, task->signal);
	signal->nr_threads++;
	link_last(machine, task->signal + offsetof(struct machine_signal, thread_head),
		  address + offsetof(struct machine_task, thread_node));
	if (comm[0] == '[') { /* as ps shows a kernel thread */
		task->flags = 0x00200000;
	} else {
		struct machine_mm *mm =
			machine_at(machine, task->mm = machine_new_object(machine, sizeof(*mm)));

		mm->pgd = MACHINE_DIRECT_MAP + TABLES;
	}
	add_pid(machine, address);
	return address;
}

uint64_t machine_add_module(struct machine *machine, const char *name, uint64_t base)
{
	uint64_t address = machine_new_object(machine, sizeof(struct machine_module));
	struct machine_module *module = machine_at(machine, address);

	strcpy(module->name, name);
	module->refcnt = 3;
	module->mem[0] = (struct machine_module_part){.base = base, .size = 0x3000};
	module->mem[1] = (struct machine_module_part){.size = 0x1000};
	link_last(machine, machine->modules, address + offsetof(struct machine_module, list));
	return address;
}

uint64_t machine_module_types(struct machine *machine, uint64_t module, const char *structure)
{
	uint64_t entry = machine_new_object(machine, sizeof(struct machine_btf_module));
	uint64_t btf = machine_new_object(machine, sizeof(struct machine_btf_blob));
	struct machine_btf_blob *blob = machine_at(machine, btf);
	void *data = machine_split_btf(machine->options.new_modules, structure, &blob->data_size);

	blob->data = machine_new_object(machine, blob->data_size);
	memcpy(machine_at(machine, blob->data), data, blob->data_size);
	free(data);
	strcpy(blob->name, ((struct machine_module *)machine_at(machine, module))->name);
	*(struct machine_btf_module *)machine_at(machine, entry) =
		(struct machine_btf_module){.btf = btf, .module = module};
	link_last(machine, machine->base + BTF_LIST, entry);
	return blob->data;
}

static void write_orc(struct machine *machine, uint64_t ips, uint64_t orcs, unsigned index,
		      uint64_t ip, const struct machine_orc *orc)
{
	uint64_t at = ips + 4 * index;

	*(int32_t *)machine_at(machine, at) = ip - at;
	memcpy((uint8_t *)machine_at(machine, orcs) + 6 * index, orc, 6);
}

void machine_add_orc(struct machine *machine, uint64_t offset, const struct machine_orc *orc)
{
	const struct machine_orc nothing = {0};

	for (unsigned i = machine->orcs++; i < MACHINE_ORCS; i++) {
		write_orc(machine, machine->base + ORC_IPS, machine->base + ORCS, i,
			  machine->base + offset, orc);
		offset = TEXT_END;
		orc = &nothing;
	}
}

void machine_module_orc(struct machine *machine, uint64_t module, const struct machine_orc *orc)
{
	struct machine_module *at = machine_at(machine, module);
	/* Within reach of the code, as a module's table is. */
	uint64_t table = machine->base + ORCS + 0x100;

	at->arch.num_orcs = 1;
	at->arch.orc_unwind_ip = table;
	at->arch.orc_unwind = table + 8;
	write_orc(machine, table, table + 8, 0,
		  machine->options.new_modules ? at->mem[0].base : at->core_layout.base, orc);
}

/* An empty log: its head is the record before the first, whose id is -MACHINE_RECORDS. */
static void make_ring(struct machine *machine)
{
	struct machine_ring *ring;

	machine->ring = machine_new_object(machine, sizeof(*ring));
	*(uint64_t *)machine_at(machine, machine->base + RING) = machine->ring;
	ring = machine_at(machine, machine->ring);
	ring->count_bits = __builtin_ctz(MACHINE_RECORDS);
	ring->size_bits = RING_BITS;
	ring->descs = machine_new_object(machine, MACHINE_RECORDS * sizeof(struct machine_desc));
	ring->infos = machine_new_object(machine, MACHINE_RECORDS * sizeof(struct machine_info));
	ring->data = machine_new_object(machine, 1u << RING_BITS);
	ring->head = (uint32_t) - (MACHINE_RECORDS + 1);
	ring->tail = ring->head + 1;
}

void machine_log(struct machine *machine, const char *text)
{
	struct machine_ring *ring = machine_at(machine, machine->ring);
	uint64_t id = ++ring->head, index = id % MACHINE_RECORDS;
	struct machine_desc *desc = (struct machine_desc *)machine_at(machine, ring->descs) + index;
	struct machine_desc *before = desc - 1;
	struct machine_info *info = (struct machine_info *)machine_at(machine, ring->infos) + index;
	uint8_t *block;

	desc->state = id | 2ull << 62; /* finalized */
	desc->begin = index ? before->next : 0;
	desc->next = desc->begin + 8 + (strlen(text) + 7) / 8 * 8;
	if (index != id - ring->tail || desc->next >> RING_BITS)
		abort();
	block = machine_at(machine, ring->data + desc->begin);
	memcpy(block, &id, sizeof(id));
	memcpy(block + sizeof(id), text, strlen(text));
	*info = (struct machine_info){
		.seq = index,
		.time = index * 1000000,
		.text_len = strlen(text),
		.flags_level = 6 << 5,
	};
	strcpy(info->subsystem, "pci");
	strcpy(info->device, "+pci:0000:00:01.0");
}

/* CPUs that execute the idle task. */
static void write_queues(struct machine *machine)
{
	uint64_t *offsets = machine_at(machine, machine->base + OFFSETS);

	*(uint32_t *)machine_at(machine, machine->base + CPU_COUNT) = MACHINE_CPUS;
	for (int i = 0; i < MACHINE_CPUS; i++) {
		offsets[i] = i * sizeof(struct machine_queue);
		machine->queues[i] = machine->base + QUEUES + offsets[i];
		((struct machine_queue *)machine_at(machine, machine->queues[i]))->curr =
			machine->init_task;
	}
}

struct machine *machine_new(const struct machine_options *options)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine || !(machine->ram = calloc(1, MACHINE_RAM)))
		abort();
	machine->options = *options;
	if (!machine->options.levels)
		machine->options.levels = 4;
	machine->base = options->base ? options->base : 0xffffffff9a200000ull;
	machine->init_task = machine->base + DATA;
	machine->modules = machine->init_task + sizeof(struct machine_task) + 64;
	machine->pid_namespace = machine->base + PID_SPACE;
	machine->next_object = OBJECTS + HADAL_PAGE_SIZE;
	machine->range.end = MACHINE_RAM;
	machine->memory = (struct hadal_memory){
		.read = ram_read, .ctx = machine, .ranges = &machine->range, .range_count = 1};
	make_roots(machine);
	write_rodata(machine);
	write_crash_info(machine);
	write_queues(machine);
	make_ring(machine);
	init_list(machine, machine->init_task + offsetof(struct machine_task, tasks));
	init_list(machine, machine->init_task + offsetof(struct machine_task, children));
	init_list(machine, machine->modules);
	init_list(machine, machine->base + BTF_LIST);
	machine->resources = machine->base + RESOURCES;
	return machine;
}

struct hadal_kernel *machine_open(struct machine *machine)
{
	struct hadal_error error;

	machine->kernel = hadal_kernel_open(&machine->memory, &machine->traces, &error);
	if (machine->kernel)
		return machine->kernel;
	fprintf(stderr, "The made-up kernel does not open: %s\n", error.text);
	abort();
}

void machine_free(struct machine *machine)
{
	hadal_kernel_close(machine->kernel);
	free(machine->ram);
	free(machine);
}
