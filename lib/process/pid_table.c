// SPDX-License-Identifier: MIT
/* The kernel's table of PIDs, of all PID namespaces. */
#include "process/pid_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/plan.h"

/* MAX_PID_NS_LEVEL, and more namespaces than are looked into. */
#define LEVEL_MAX      32u
#define NAMESPACES_MAX 65536u

/* enum pid_type since 4.19, include/linux/pid.h */
#define PIDTYPE_PID  0
#define PIDTYPE_TGID 1

/* Entries of an XArray, include/linux/xarray.h */
#define XA_INTERNAL   2u
#define XA_TYPE       3u
#define XA_FIRST_NODE 4096u
#define XA_MAX_SHIFT  60u
#define XA_SLOTS_MAX  64u

enum need {
	FIRST_NAMESPACE,
	PID,
	PID_LEVEL,
	PID_TASKS,
	PID_NUMBERS, /* an array, in some kernels without a length */
	NODE,
	NODE_SHIFT,
	NODE_SLOTS,
	NAMESPACE_HEAD,
	UPID,
	UPID_NAMESPACE,
	TASK_PID_LINKS,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[FIRST_NAMESPACE] = {HADAL_SYMBOL("init_pid_ns")},
	[PID] = {HADAL_OBJECT("pid")},
	[PID_LEVEL] = {HADAL_MEMBER("pid", "level")},
	[PID_TASKS] = {HADAL_MEMBER("pid", "tasks")},
	[PID_NUMBERS] = {HADAL_MEMBER("pid", "numbers")},
	[NODE] = {HADAL_OBJECT("xa_node")},
	[NODE_SHIFT] = {HADAL_MEMBER("xa_node", "shift")},
	[NODE_SLOTS] = {HADAL_MEMBER("xa_node", "slots")},
	[NAMESPACE_HEAD] = {HADAL_MEMBER("pid_namespace", "idr.idr_rt.xa_head")},
	[UPID] = {HADAL_MEMBER("upid", ".")},
	[UPID_NAMESPACE] = {HADAL_MEMBER("upid", "ns")},
	[TASK_PID_LINKS] = {HADAL_MEMBER("task_struct", "pid_links")},
};

struct hadal_pid_table {
	struct hadal_plan plan;
	uint64_t first; /* address of the first namespace */
	struct hadal_object *pid;
	struct hadal_object *node;
};

struct table_walk {
	struct hadal_pid_table *table;
	hadal_pid_visit visit;
	void *ctx;
	size_t *lost;
	struct hadal_address_map seen; /* nodes, struct pids and namespaces */
	struct {
		uint64_t *items;
		size_t count;
	} below; /* namespaces below the first one */
	size_t capacity;
};

static bool is_node(uint64_t entry)
{
	return (entry & XA_TYPE) == XA_INTERNAL && entry > XA_FIRST_NODE;
}

/* Reads a node and tells how many slots it has; each level's shift must be below the last one's. */
static int read_node(struct hadal_pid_table *table, uint64_t entry, uint64_t below,
		     uint64_t slots[XA_SLOTS_MAX], uint64_t *shift)
{
	size_t count = hadal_plan_size(&table->plan, NODE_SLOTS) / sizeof(*slots);
	int error = hadal_object_read(table->node, entry - XA_INTERNAL);

	if (error)
		return error;
	*shift = hadal_object_value(table->node, NODE_SHIFT);
	if (!count || count > XA_SLOTS_MAX || *shift >= below)
		return -EINVAL;
	memcpy(slots, hadal_object_member(table->node, NODE_SLOTS), count * sizeof(*slots));
	return count;
}

/* The task that a list of the pid begins with. */
static uint64_t task_of(const struct hadal_pid_table *table, unsigned type)
{
	const struct hadal_field *links = &table->plan.fields[TASK_PID_LINKS];
	uint64_t first;

	memcpy(&first,
	       (const uint8_t *)hadal_object_member(table->pid, PID_TASKS) + type * sizeof(first),
	       sizeof(first));
	return first ? first - links->offset - type * (links->size / links->count) : 0;
}

static int read_pid(struct hadal_pid_table *table, uint64_t address, struct hadal_pid *pid)
{
	int error = hadal_is_node(address) ? hadal_object_read(table->pid, address) : -EINVAL;

	if (error)
		return error;
	if (hadal_object_value(table->pid, PID_LEVEL) > LEVEL_MAX)
		return -EINVAL;
	*pid = (struct hadal_pid){address, task_of(table, PIDTYPE_PID),
				  task_of(table, PIDTYPE_TGID)};
	return 0;
}

/* Remembers the namespaces below the first one that a pid is in. */
static int add_namespaces(struct table_walk *walk, uint64_t pid)
{
	const struct hadal_plan *plan = &walk->table->plan;
	uint64_t level = hadal_object_value(walk->table->pid, PID_LEVEL);

	for (uint64_t i = 1; i <= level; i++) {
		uint64_t namespace = hadal_plan_read(plan, UPID_NAMESPACE,
						     pid + hadal_plan_offset(plan, PID_NUMBERS) +
							     i * hadal_plan_size(plan, UPID));
		uint64_t *place;

		if (!hadal_is_node(namespace) || !hadal_address_map_add(&walk->seen, namespace, 0))
			continue;
		if (walk->below.count == NAMESPACES_MAX) {
			(*walk->lost)++;
			return 0;
		}
		place = HADAL_LIST_APPEND(&walk->below, &walk->capacity);
		if (!place)
			return -ENOMEM;
		*place = namespace;
	}
	return 0;
}

static int visit_entry(struct table_walk *walk, uint64_t entry)
{
	int new = hadal_address_map_add(&walk->seen, entry, 0);
	struct hadal_pid pid;

	if (new <= 0)
		return new;
	if (walk->seen.count > HADAL_PID_LIMIT || read_pid(walk->table, entry, &pid)) {
		(*walk->lost)++;
		return 0;
	}
	return add_namespaces(walk, entry) ? -ENOMEM : walk->visit(walk->ctx, &pid);
}

/* Visits what is below an entry; the recursion ends since shifts become smaller. */
static int walk_entry(struct table_walk *walk, uint64_t entry, uint64_t below)
{
	uint64_t slots[XA_SLOTS_MAX], shift;
	int result = hadal_address_map_add(&walk->seen, entry, 0);
	int count = result > 0 ? read_node(walk->table, entry, below, slots, &shift) : -EINVAL;

	if (result < 0)
		return result;
	if (count < 0 || walk->seen.count > HADAL_PID_LIMIT) {
		(*walk->lost)++;
		return 0;
	}
	result = 0;
	for (int i = 0; i < count && !result; i++) {
		if (is_node(slots[i]))
			result = walk_entry(walk, slots[i], shift);
		else if (slots[i] && !(slots[i] & XA_TYPE))
			result = visit_entry(walk, slots[i]);
	}
	return result;
}

static int walk_namespace(struct table_walk *walk, uint64_t namespace)
{
	const struct hadal_pid_table *table = walk->table;
	uint64_t head = hadal_plan_read(&table->plan, NAMESPACE_HEAD, namespace);

	if (is_node(head))
		return walk_entry(walk, head, XA_MAX_SHIFT + 1);
	/* One that nobody is in any more may be empty, but not the first. */
	*walk->lost += namespace == table->first;
	return 0;
}

int hadal_pid_table_walk(struct hadal_pid_table *table, hadal_pid_visit visit, void *ctx,
			 size_t *lost)
{
	struct table_walk walk = {.table = table, .visit = visit, .ctx = ctx, .lost = lost};
	int result = walk_namespace(&walk, table->first);

	for (size_t i = 0; !result && i < walk.below.count; i++)
		result = walk_namespace(&walk, walk.below.items[i]);
	hadal_address_map_free(&walk.seen);
	free(walk.below.items);
	return result;
}

int hadal_pid_table_find(struct hadal_pid_table *table, uint64_t number, struct hadal_pid *pid)
{
	uint64_t entry = hadal_plan_read(&table->plan, NAMESPACE_HEAD, table->first);
	uint64_t slots[XA_SLOTS_MAX], shift = XA_MAX_SHIFT + 1;

	while (is_node(entry)) {
		int count = read_node(table, entry, shift, slots, &shift);

		if (count < 0)
			return count;
		if (number >> shift >= (uint64_t)count)
			return -ENOENT;
		entry = slots[number >> shift];
		number &= (1ull << shift) - 1;
	}
	return entry && !(entry & XA_TYPE) ? read_pid(table, entry, pid) : -ENOENT;
}

static int prepare(struct hadal_pid_table *table, struct hadal_kernel *kernel,
		   struct hadal_error *error)
{
	int result = hadal_plan_open(&table->plan, kernel, needs, NEEDS, error);
	const struct hadal_field *links;

	if (result)
		return result;
	links = &table->plan.fields[TASK_PID_LINKS];
	if (links->count <= PIDTYPE_TGID || links->size / links->count < sizeof(uint64_t) ||
	    hadal_plan_size(&table->plan, PID_TASKS) < 2 * sizeof(uint64_t))
		return hadal_fail(error, EINVAL,
				  "This kernel's type information describes no sound struct pid");
	table->first = table->plan.symbols[FIRST_NAMESPACE];
	table->pid = &table->plan.objects[PID];
	table->node = &table->plan.objects[NODE];
	return 0;
}

struct hadal_pid_table *hadal_pid_table_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_pid_table *table = calloc(1, sizeof(*table));

	if (!table) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (!prepare(table, kernel, error))
		return table;
	hadal_pid_table_close(table);
	return NULL;
}

void hadal_pid_table_close(struct hadal_pid_table *table)
{
	if (!table)
		return;
	hadal_plan_close(&table->plan);
	free(table);
}
