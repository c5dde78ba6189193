// SPDX-License-Identifier: MIT
/* The made-up kernel's types. */
#include <bpf/btf.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

struct basic_types {
	int u32, u64, list, name, part;
};

static int array_of(struct btf *btf, int index, int element, int count)
{
	return btf__add_array(btf, index, element, count);
}

static void field(struct btf *btf, const char *name, int type, size_t offset)
{
	if (btf__add_field(btf, name, type, offset * 8, 0))
		abort();
}

#define FIELD(btf, of, member, type) field(btf, #member, type, offsetof(struct of, member))

static struct basic_types add_basic(struct btf *btf)
{
	struct basic_types types;
	int character = btf__add_int(btf, "char", 1, BTF_INT_CHAR);

	types.u32 = btf__add_int(btf, "unsigned int", 4, 0);
	types.u64 = btf__add_int(btf, "long unsigned int", 8, 0);
	types.name = array_of(btf, types.u32, character, 16);
	types.list = btf__add_struct(btf, "list_head", sizeof(struct machine_links));
	FIELD(btf, machine_links, next, types.u64);
	FIELD(btf, machine_links, prev, types.u64);
	types.part = btf__add_struct(btf, "module_memory", sizeof(struct machine_module_part));
	FIELD(btf, machine_module_part, base, types.u64);
	FIELD(btf, machine_module_part, size, types.u32);
	return types;
}

static void add_task(struct btf *btf, const struct basic_types *types)
{
	int pid_links = array_of(btf, types->u32, types->list /* as long */, 4);
	int thread = btf__add_struct(btf, "thread_struct", 8), cred, task;

	field(btf, "sp", types->u64, 0);
	cred = btf__add_struct(btf, "cred", sizeof(struct machine_cred));

	FIELD(btf, machine_cred, uid, types->u32);
	FIELD(btf, machine_cred, euid, types->u32);
	FIELD(btf, machine_cred, gid, types->u32);
	cred = btf__add_ptr(btf, cred);
	task = btf__add_ptr(btf, cred + 2); /* the one that comes next */
	btf__add_struct(btf, "task_struct", sizeof(struct machine_task));
	FIELD(btf, machine_task, flags, types->u32);
	field(btf, "__state", types->u32, offsetof(struct machine_task, state));
	field(btf, "thread", thread, offsetof(struct machine_task, sp));
	FIELD(btf, machine_task, thread_node, types->list);
	FIELD(btf, machine_task, comm, types->name);
	FIELD(btf, machine_task, cred, cred);
	FIELD(btf, machine_task, mm, types->u64);
	FIELD(btf, machine_task, signal, types->u64);
	FIELD(btf, machine_task, real_parent, task);
	FIELD(btf, machine_task, exit_state, types->u32);
	FIELD(btf, machine_task, tgid, types->u32);
	FIELD(btf, machine_task, pid, types->u32);
	FIELD(btf, machine_task, start_boottime, types->u64);
	FIELD(btf, machine_task, tasks, types->list);
	FIELD(btf, machine_task, group_leader, task);
	FIELD(btf, machine_task, children, types->list);
	FIELD(btf, machine_task, sibling, types->list);
	FIELD(btf, machine_task, pid_links, pid_links);
	btf__add_struct(btf, "mm_struct", sizeof(struct machine_mm));
	FIELD(btf, machine_mm, pgd, types->u64);
	btf__add_struct(btf, "signal_struct", sizeof(struct machine_signal));
	FIELD(btf, machine_signal, nr_threads, types->u32);
	FIELD(btf, machine_signal, thread_head, types->list);
}

static void add_pid(struct btf *btf, const struct basic_types *types)
{
	int four = array_of(btf, types->u32, types->u64, 4);
	int slots = array_of(btf, types->u32, types->u64, 64);
	int byte = btf__find_by_name(btf, "char");
	int upid = btf__add_struct(btf, "upid", sizeof(struct machine_upid)), upids, tree;

	FIELD(btf, machine_upid, nr, types->u32);
	FIELD(btf, machine_upid, ns, types->u64);
	upids = array_of(btf, types->u32, upid, 0);
	btf__add_struct(btf, "pid", offsetof(struct machine_pid, numbers[1]));
	FIELD(btf, machine_pid, level, types->u32);
	FIELD(btf, machine_pid, tasks, four);
	FIELD(btf, machine_pid, numbers, upids);
	btf__add_struct(btf, "xa_node", sizeof(struct machine_node));
	FIELD(btf, machine_node, shift, byte);
	FIELD(btf, machine_node, slots, slots);
	/* The tree begins at lock. */
	tree = btf__add_struct(btf, "xarray", 16);
	field(btf, "xa_head", types->u64, 8);
	btf__add_struct(btf, "idr", 16);
	field(btf, "idr_rt", tree, 0);
	btf__add_struct(btf, "pid_namespace", sizeof(struct machine_pid_namespace));
	field(btf, "idr", tree + 1, offsetof(struct machine_pid_namespace, lock));
	btf__add_struct(btf, "rq", sizeof(struct machine_queue));
	FIELD(btf, machine_queue, curr, types->u64);
}

static void bits(struct btf *btf, const char *name, int type, size_t offset, int first, int count)
{
	if (btf__add_field(btf, name, type, offset * 8 + first, count))
		abort();
}

static void add_log(struct btf *btf, const struct basic_types *types)
{
	int byte = btf__find_by_name(btf, "char");
	int subsystem = array_of(btf, types->u32, byte, 16);
	int device = array_of(btf, types->u32, byte, 48);
	int names = btf__add_struct(btf, "dev_printk_info", 64), counter, place, descs, data;

	field(btf, "subsystem", subsystem, 0);
	field(btf, "device", device, 16);
	btf__add_struct(btf, "printk_info", sizeof(struct machine_info));
	FIELD(btf, machine_info, seq, types->u64);
	field(btf, "ts_nsec", types->u64, offsetof(struct machine_info, time));
	bits(btf, "text_len", types->u32, offsetof(struct machine_info, text_len), 0, 16);
	FIELD(btf, machine_info, facility, byte);
	bits(btf, "flags", byte, offsetof(struct machine_info, flags_level), 0, 5);
	bits(btf, "level", byte, offsetof(struct machine_info, flags_level), 5, 3);
	field(btf, "caller_id", types->u32, offsetof(struct machine_info, caller));
	field(btf, "dev_info", names, offsetof(struct machine_info, subsystem));
	counter = btf__add_struct(btf, "atomic_long", 8);
	field(btf, "counter", types->u64, 0);
	place = btf__add_struct(btf, "prb_data_blk_lpos", 16);
	field(btf, "begin", types->u64, 0);
	field(btf, "next", types->u64, 8);
	btf__add_struct(btf, "prb_desc", sizeof(struct machine_desc));
	field(btf, "state_var", counter, 0);
	field(btf, "text_blk_lpos", place, offsetof(struct machine_desc, begin));
	descs = btf__add_struct(btf, "prb_desc_ring", offsetof(struct machine_ring, size_bits));
	FIELD(btf, machine_ring, count_bits, types->u32);
	FIELD(btf, machine_ring, descs, types->u64);
	FIELD(btf, machine_ring, infos, types->u64);
	field(btf, "head_id", counter, offsetof(struct machine_ring, head));
	field(btf, "tail_id", counter, offsetof(struct machine_ring, tail));
	data = btf__add_struct(btf, "prb_data_ring", 16);
	field(btf, "size_bits", types->u32, 0);
	field(btf, "data", types->u64, 8);
	btf__add_struct(btf, "printk_ringbuffer", sizeof(struct machine_ring));
	field(btf, "desc_ring", descs, 0);
	field(btf, "text_data_ring", data, offsetof(struct machine_ring, size_bits));
}

static void add_module(struct btf *btf, const struct basic_types *types, bool new_modules)
{
	int name = array_of(btf, types->u32, btf__find_by_name(btf, "char"),
			    sizeof(((struct machine_module *)0)->name));
	int parts = array_of(btf, types->u32, types->part, 3);
	int arch = btf__add_struct(btf, "mod_arch_specific", 24);

	field(btf, "num_orcs", types->u32, 0);
	field(btf, "orc_unwind_ip", types->u64, 8);
	field(btf, "orc_unwind", types->u64, 16);

	btf__add_struct(btf, "module", sizeof(struct machine_module));
	FIELD(btf, machine_module, state, types->u32);
	FIELD(btf, machine_module, name, name);
	FIELD(btf, machine_module, list, types->list);
	FIELD(btf, machine_module, refcnt, types->u32);
	FIELD(btf, machine_module, arch, arch);
	if (new_modules) {
		FIELD(btf, machine_module, mem, parts);
	} else {
		FIELD(btf, machine_module, core_layout, types->part);
		FIELD(btf, machine_module, init_layout, types->part);
	}
}

static void add_stacks(struct btf *btf, const struct basic_types *types, bool new_modules)
{
	int byte = btf__find_by_name(btf, "char");
	int half = btf__add_int(btf, "short int", 2, BTF_INT_SIGNED);

	btf__add_struct(btf, "orc_entry", 6);
	FIELD(btf, machine_orc, sp_offset, half);
	FIELD(btf, machine_orc, bp_offset, half);
	bits(btf, "sp_reg", byte, 4, 0, 4);
	bits(btf, "bp_reg", byte, 4, 4, 4);
	bits(btf, "type", byte, 5, 0, new_modules ? 3 : 2);
	if (!new_modules)
		bits(btf, "end", byte, 5, 2, 1);
	btf__add_struct(btf, "inactive_task_frame", sizeof(struct machine_sleep));
	FIELD(btf, machine_sleep, bp, types->u64);
	FIELD(btf, machine_sleep, ret_addr, types->u64);
	btf__add_struct(btf, "pt_regs", sizeof(struct machine_regs));
	FIELD(btf, machine_regs, r13, types->u64);
	FIELD(btf, machine_regs, r10, types->u64);
	FIELD(btf, machine_regs, bp, types->u64);
	FIELD(btf, machine_regs, dx, types->u64);
	FIELD(btf, machine_regs, di, types->u64);
	FIELD(btf, machine_regs, ip, types->u64);
}

static void add_module_types(struct btf *btf, const struct basic_types *types)
{
	int name = array_of(btf, types->u32, btf__find_by_name(btf, "char"),
			    sizeof(((struct machine_btf_blob *)0)->name));

	btf__add_struct(btf, "btf_module", sizeof(struct machine_btf_module));
	FIELD(btf, machine_btf_module, list, types->list);
	FIELD(btf, machine_btf_module, btf, types->u64);
	FIELD(btf, machine_btf_module, module, types->u64);
	btf__add_struct(btf, "btf", sizeof(struct machine_btf_blob));
	FIELD(btf, machine_btf_blob, data, types->u64);
	FIELD(btf, machine_btf_blob, data_size, types->u32);
	FIELD(btf, machine_btf_blob, name, name);
}

static void add_tree(struct btf *btf, const struct basic_types *types)
{
	btf__add_struct(btf, "rb_root", sizeof(struct machine_tree_root));
	FIELD(btf, machine_tree_root, rb_node, types->u64);
	btf__add_struct(btf, "rb_node", sizeof(struct machine_tree_node));
	FIELD(btf, machine_tree_node, rb_left, types->u64);
	FIELD(btf, machine_tree_node, rb_right, types->u64);
}

static void add_resource(struct btf *btf, const struct basic_types *types)
{
	btf__add_struct(btf, "resource", sizeof(struct machine_resource));
	FIELD(btf, machine_resource, start, types->u64);
	FIELD(btf, machine_resource, end, types->u64);
	FIELD(btf, machine_resource, name, types->u64);
	FIELD(btf, machine_resource, flags, types->u64);
	FIELD(btf, machine_resource, desc, types->u64);
	FIELD(btf, machine_resource, sibling, types->u64);
	FIELD(btf, machine_resource, child, types->u64);
}

/* What the kernel's types have and those above do not. */
static void add_odd(struct btf *btf, const struct basic_types *types)
{
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED), either;

	btf__add_enum(btf, "sign", 4);
	btf__add_enum_value(btf, "MINUS", -1);
	btf__add_enum_value(btf, "PLUS", 1);
	either = btf__add_union(btf, NULL, 8);
	field(btf, "left", number, 0);
	field(btf, "right", types->u64, 0);
	btf__add_struct(btf, "odd \"\\\n", 4);
	field(btf, "number", number, 0);
	btf__add_struct(btf, "odd", 24);
	if (btf__add_field(btf, "first", types->u32, 0, 3) ||
	    btf__add_field(btf, "second", types->u32, 3, 5) ||
	    btf__add_field(btf, "across", types->u32, 30, 6) ||
	    btf__add_field(btf, "later", types->u32, 77, 4))
		abort();
	field(btf, NULL, either, 16);
}

/* A copy of the blob, which the caller frees; the types are gone. */
static void *take_blob(struct btf *btf, uint32_t *size)
{
	const void *raw = btf__raw_data(btf, size);
	void *copy = malloc(*size);

	if (!raw || !copy)
		abort();
	memcpy(copy, raw, *size);
	btf__free(btf);
	return copy;
}

void *machine_btf(bool new_modules, uint32_t *size)
{
	struct btf *btf = btf__new_empty();
	struct basic_types types = add_basic(btf);

	add_task(btf, &types);
	add_module(btf, &types, new_modules);
	add_tree(btf, &types);
	add_odd(btf, &types);
	add_pid(btf, &types);
	add_log(btf, &types);
	add_stacks(btf, &types, new_modules);
	add_module_types(btf, &types);
	add_resource(btf, &types);
	return take_blob(btf, size);
}

void *machine_split_btf(bool new_modules, const char *structure, uint32_t *size)
{
	uint32_t base_size;
	void *blob = machine_btf(new_modules, &base_size), *copy;
	struct btf *base = btf__new(blob, base_size), *btf = btf__new_empty_split(base);
	int number = btf__find_by_name(base, "unsigned int"), pointer, id;
	char name[64];

	pointer = btf__add_ptr(btf, btf__find_by_name_kind(base, "task_struct", BTF_KIND_STRUCT));
	id = btf__add_struct(btf, structure, 16);
	field(btf, "number", number, 0);
	field(btf, "task", pointer, 8);
	snprintf(name, sizeof(name), "%s_t", structure);
	btf__add_typedef(btf, name, id);
	for (size_t i = 0; i <= strlen(structure); i++)
		name[i] = toupper((unsigned char)structure[i]);
	btf__add_enum(btf, NULL, 4);
	btf__add_enum_value(btf, name, 42);
	copy = take_blob(btf, size);
	btf__free(base);
	free(blob);
	return copy;
}
