// SPDX-License-Identifier: MIT
/* The mappings of a process, from a list or a maple tree. */
#include "file/maps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "walk/plan.h"

/* vm.max_map_count can be raised to this; a list that is longer goes in circles. */
#define AREA_LIMIT (1u << 20)
#define LOST_LIMIT 1000u

/* Bits of vm_area_struct.vm_flags, include/linux/mm.h. */
#define VM_READ   0x1u
#define VM_WRITE  0x2u
#define VM_EXEC   0x4u
#define VM_SHARED 0x8u

/* Pointers to maple nodes have their type and marks in the low bits, lib/maple_tree.c. */
#define NODE_MASK        0xffull
#define NODE_TYPE_SHIFT  3
#define NODE_TYPE_MASK   0xfu
#define NODE_LEAF        1u
#define NODE_RANGE       2u
#define NODE_ALLOC_RANGE 3u
#define ROOT_MARK        2u
/* Smaller values are not pointers, but marks of the tree's own. */
#define SMALLEST_NODE 4096u
/* A tree of 16^8 areas is higher than any. */
#define MAX_HEIGHT 8
#define MAX_SLOTS  32u

enum need {
	SPECIAL_OPERATIONS,
	AREA,
	START,
	END,
	FLAGS,
	OFFSET,
	FILE_OF,
	OPERATIONS,
	PRIVATE,
	MM_ROOT, /* of a tree, from 6.1 on */
	RANGE_PIVOTS,
	RANGE_SLOTS,
	ALLOC_PIVOTS,
	ALLOC_SLOTS,
	MM_LIST, /* up to 6.0 */
	AREA_NEXT,
	MM_BRK_START,
	MM_BRK,
	MM_STACK,
	FILE_INODE,
	INODE_NUMBER,
	INODE_SUPER_BLOCK,
	SUPER_DEVICE,
	SPECIAL_NAME,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[SPECIAL_OPERATIONS] = {HADAL_SYMBOL("special_mapping_vmops"), HADAL_OPTIONAL},
	[AREA] = {HADAL_OBJECT("vm_area_struct")},
	[START] = {HADAL_MEMBER("vm_area_struct", "vm_start")},
	[END] = {HADAL_MEMBER("vm_area_struct", "vm_end")},
	[FLAGS] = {HADAL_MEMBER("vm_area_struct", "vm_flags")},
	[OFFSET] = {HADAL_MEMBER("vm_area_struct", "vm_pgoff")},
	[FILE_OF] = {HADAL_MEMBER("vm_area_struct", "vm_file")},
	[OPERATIONS] = {HADAL_MEMBER("vm_area_struct", "vm_ops")},
	[PRIVATE] = {HADAL_MEMBER("vm_area_struct", "vm_private_data")},
	[MM_ROOT] = {HADAL_MEMBER("mm_struct", "mm_mt.ma_root"), HADAL_OPTIONAL},
	[RANGE_PIVOTS] = {HADAL_MEMBER("maple_range_64", "pivot"), HADAL_WITH(MM_ROOT)},
	[RANGE_SLOTS] = {HADAL_MEMBER("maple_range_64", "slot"), HADAL_WITH(MM_ROOT)},
	[ALLOC_PIVOTS] = {HADAL_MEMBER("maple_arange_64", "pivot"), HADAL_WITH(MM_ROOT)},
	[ALLOC_SLOTS] = {HADAL_MEMBER("maple_arange_64", "slot"), HADAL_WITH(MM_ROOT)},
	[MM_LIST] = {HADAL_MEMBER("mm_struct", "mmap"), HADAL_WITHOUT(MM_ROOT)},
	[AREA_NEXT] = {HADAL_MEMBER("vm_area_struct", "vm_next"), HADAL_WITHOUT(MM_ROOT)},
	[MM_BRK_START] = {HADAL_MEMBER("mm_struct", "start_brk")},
	[MM_BRK] = {HADAL_MEMBER("mm_struct", "brk")},
	[MM_STACK] = {HADAL_MEMBER("mm_struct", "start_stack")},
	[FILE_INODE] = {HADAL_MEMBER("file", "f_inode")},
	[INODE_NUMBER] = {HADAL_MEMBER("inode", "i_ino")},
	[INODE_SUPER_BLOCK] = {HADAL_MEMBER("inode", "i_sb")},
	[SUPER_DEVICE] = {HADAL_MEMBER("super_block", "s_dev")},
	[SPECIAL_NAME] = {HADAL_MEMBER("vm_special_mapping", "name")},
};

struct map_walk {
	struct hadal_plan plan;
	struct hadal_paths *paths;
	struct hadal_object *area;
	uint64_t mm;
	uint64_t end; /* of the last mapping visited: the next begins there or later */
	size_t left;  /* areas and nodes that may still be looked at */
	hadal_mapping_visit visit;
	void *ctx;
	size_t *lost;
	char path[HADAL_PATH_MAX];
};

static void describe_file(struct map_walk *walk, uint64_t file, struct hadal_mapping *mapping)
{
	uint64_t inode = hadal_plan_read(&walk->plan, FILE_INODE, file);
	uint32_t device = hadal_plan_read(&walk->plan, SUPER_DEVICE,
					  hadal_plan_read(&walk->plan, INODE_SUPER_BLOCK, inode));

	mapping->offset = hadal_object_value(walk->area, OFFSET) * HADAL_PAGE_SIZE;
	mapping->inode = hadal_plan_read(&walk->plan, INODE_NUMBER, inode);
	mapping->major = device >> 20;
	mapping->minor = device & 0xfffff;
	if (hadal_path_of_file(walk->paths, file, walk->path) < 0)
		(*walk->lost)++;
}

/* The names that the kernel gives to memory without a file. */
static void name_memory(struct map_walk *walk, const struct hadal_mapping *mapping)
{
	uint64_t operations = hadal_object_value(walk->area, OPERATIONS);
	uint64_t name =
		hadal_plan_read(&walk->plan, SPECIAL_NAME, hadal_object_value(walk->area, PRIVATE));
	uint64_t stack = hadal_plan_read(&walk->plan, MM_STACK, walk->mm);

	if (operations && operations == walk->plan.symbols[SPECIAL_OPERATIONS])
		hadal_space_read_string(walk->plan.space, name, walk->path, 64);
	else if (mapping->start < hadal_plan_read(&walk->plan, MM_BRK, walk->mm) &&
		 mapping->end > hadal_plan_read(&walk->plan, MM_BRK_START, walk->mm))
		strcpy(walk->path, "[heap]");
	else if (mapping->start <= stack && mapping->end >= stack)
		strcpy(walk->path, "[stack]");
}

static int visit_area(struct map_walk *walk, uint64_t address)
{
	struct hadal_mapping mapping = {.area = address, .path = walk->path};
	uint64_t flags, file;

	if (!walk->left || hadal_object_read(walk->area, address))
		return -EFAULT;
	walk->left--;
	mapping.start = hadal_object_value(walk->area, START);
	mapping.end = hadal_object_value(walk->area, END);
	if (mapping.start < walk->end || mapping.end <= mapping.start)
		return -EINVAL;
	walk->end = mapping.end;
	flags = hadal_object_value(walk->area, FLAGS);
	mapping.readable = flags & VM_READ;
	mapping.writable = flags & VM_WRITE;
	mapping.executable = flags & VM_EXEC;
	mapping.shared = flags & VM_SHARED;
	walk->path[0] = '\0';
	file = hadal_object_value(walk->area, FILE_OF);
	if (file)
		describe_file(walk, file, &mapping);
	else
		name_memory(walk, &mapping);
	return walk->visit(walk->ctx, &mapping);
}

static int walk_list(struct map_walk *walk)
{
	uint64_t area = hadal_plan_read(&walk->plan, MM_LIST, walk->mm);

	while (area) {
		int result = visit_area(walk, area);

		if (result < 0)
			(*walk->lost)++;
		if (result)
			return result < 0 ? 0 : result;
		area = hadal_plan_read(&walk->plan, AREA_NEXT, area);
	}
	return 0;
}

/* A member that is an array of 64-bit values, up to MAX_SLOTS of them. Returns how many. */
static size_t read_array(const struct map_walk *walk, enum need field, uint64_t node,
			 uint64_t values[MAX_SLOTS])
{
	const struct hadal_field *member = &walk->plan.fields[field];
	size_t count = member->size / sizeof(*values);

	if (count > MAX_SLOTS ||
	    hadal_space_read_exact(walk->plan.space, node + member->offset, values, member->size))
		return 0;
	return count;
}

/* Visits what is below a node; max: the highest address that it is for. */
static int walk_node(struct map_walk *walk, uint64_t encoded, uint64_t max, int height)
{
	unsigned int type = encoded >> NODE_TYPE_SHIFT & NODE_TYPE_MASK;
	bool alloc = type == NODE_ALLOC_RANGE;
	uint64_t node = encoded & ~NODE_MASK, pivots[MAX_SLOTS], slots[MAX_SLOTS];
	size_t pivot_count, slot_count;

	if (type < NODE_LEAF || type > NODE_ALLOC_RANGE || height == MAX_HEIGHT || !walk->left)
		return -EINVAL;
	walk->left--;
	pivot_count = read_array(walk, alloc ? ALLOC_PIVOTS : RANGE_PIVOTS, node, pivots);
	slot_count = read_array(walk, alloc ? ALLOC_SLOTS : RANGE_SLOTS, node, slots);
	if (!pivot_count || slot_count != pivot_count + 1)
		return -EFAULT;
	for (size_t i = 0; i < slot_count && *walk->lost < LOST_LIMIT; i++) {
		/* The last slot in use ends where the node does, told or not. */
		bool last = i == pivot_count || pivots[i] >= max || (i && !pivots[i]);
		int result = 0;

		if (slots[i] >= SMALLEST_NODE)
			result = type == NODE_LEAF ? visit_area(walk, slots[i])
						   : walk_node(walk, slots[i],
							       last ? max : pivots[i], height + 1);
		if (result > 0)
			return result;
		if (result < 0)
			(*walk->lost)++;
		if (last)
			break;
	}
	return 0;
}

static int walk_tree(struct map_walk *walk)
{
	uint64_t root = hadal_plan_read(&walk->plan, MM_ROOT, walk->mm);
	int result;

	if ((root & 3) == ROOT_MARK && root > SMALLEST_NODE)
		result = walk_node(walk, root, UINT64_MAX, 0);
	else /* a tree of one area is that area */
		result = root ? visit_area(walk, root) : 0;
	if (result < 0)
		(*walk->lost)++;
	return result < 0 ? 0 : result;
}

static int prepare_walk(struct map_walk *walk, struct hadal_kernel *kernel,
			struct hadal_error *error)
{
	int result = hadal_plan_open(&walk->plan, kernel, needs, NEEDS, error);

	if (result)
		return result;
	walk->area = &walk->plan.objects[AREA];
	walk->paths = hadal_paths_open(kernel, error);
	return walk->paths ? 0 : -ENOENT;
}

int hadal_maps(struct hadal_kernel *kernel, const struct hadal_process *process,
	       hadal_mapping_visit visit, void *ctx, size_t *lost, struct hadal_error *error)
{
	struct map_walk walk = {
		.mm = process->mm,
		.left = AREA_LIMIT,
		.visit = visit,
		.ctx = ctx,
		.lost = lost,
	};
	int result;

	*lost = 0;
	result = prepare_walk(&walk, kernel, error);
	if (!result && walk.mm) {
		hadal_space_flush(walk.plan.space);
		result = hadal_plan_has(&walk.plan, MM_ROOT) ? walk_tree(&walk) : walk_list(&walk);
	}
	hadal_paths_close(walk.paths);
	hadal_plan_close(&walk.plan);
	return result;
}
