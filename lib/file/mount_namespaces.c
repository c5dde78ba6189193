// SPDX-License-Identifier: MIT
/* All mount namespaces, by the mounts of all file systems. */
#include "file/mount_namespaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/address_map.h"
#include "walk/plan.h"

/* More file systems, and more places where they are mounted, than a machine has. */
#define LIMIT (1u << 20)

enum need {
	SUPERS,
	SUPER_LINK,
	SUPER_MOUNTS,   /* a list_head up to 6.16, a pointer to the first mount from 6.17 on */
	MOUNT_NEXT,     /* points to the next */
	MOUNT_INSTANCE, /* links the list */
	MOUNT_NAMESPACE,
	NAMESPACE_NUMBER,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[SUPERS] = {HADAL_SYMBOL("super_blocks")},
	[SUPER_LINK] = {HADAL_MEMBER("super_block", "s_list")},
	[SUPER_MOUNTS] = {HADAL_MEMBER("super_block", "s_mounts")},
	[MOUNT_NEXT] = {HADAL_MEMBER("mount", "mnt_next_for_sb"), HADAL_OPTIONAL},
	[MOUNT_INSTANCE] = {HADAL_MEMBER("mount", "mnt_instance"), HADAL_WITHOUT(MOUNT_NEXT)},
	[MOUNT_NAMESPACE] = {HADAL_MEMBER("mount", "mnt_ns")},
	[NAMESPACE_NUMBER] = {HADAL_MEMBER("mnt_namespace", "ns.inum")},
};

struct namespace_walk {
	struct hadal_plan plan;
	struct hadal_address_map seen;
	struct hadal_namespace_list *list;
	size_t capacity;
	size_t left; /* mounts that may still be looked at */
};

/* Adds the namespace of a mount. Returns 0 or ENOMEM. */
static int add_mount(struct namespace_walk *walk, uint64_t mount)
{
	struct hadal_namespace namespace = {
		.address = hadal_plan_read(&walk->plan, MOUNT_NAMESPACE, mount)};
	struct hadal_namespace *added;
	int new;

	namespace.number = hadal_plan_read(&walk->plan, NAMESPACE_NUMBER, namespace.address);
	/* Mounts of the kernel's own have none, or an error code in its place. */
	if (!hadal_is_node(namespace.address) || !namespace.number)
		return 0;
	new = hadal_address_map_add(&walk->seen, namespace.address, 0);
	if (new <= 0)
		return -new;
	added = HADAL_LIST_APPEND(walk->list, &walk->capacity);
	if (!added)
		return ENOMEM;
	*added = namespace;
	return 0;
}

static int visit_instance(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct namespace_walk *walk = ctx;

	if (!walk->left || hadal_space_read_exact(walk->plan.space, node, links, sizeof(*links)))
		return -EFAULT;
	walk->left--;
	return add_mount(walk, node - hadal_plan_offset(&walk->plan, MOUNT_INSTANCE));
}

static int walk_pointers(struct namespace_walk *walk, uint64_t super)
{
	uint64_t mount = hadal_plan_read(&walk->plan, SUPER_MOUNTS, super);
	int result = 0;

	for (; mount && !result; mount = hadal_plan_read(&walk->plan, MOUNT_NEXT, mount)) {
		if (!hadal_is_node(mount) || !walk->left) {
			walk->list->lost++;
			break;
		}
		walk->left--;
		result = add_mount(walk, mount);
	}
	return result;
}

static int visit_super(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct namespace_walk *walk = ctx;
	uint64_t super = node - hadal_plan_offset(&walk->plan, SUPER_LINK);
	int result;

	if (hadal_space_read_exact(walk->plan.space, node, links, sizeof(*links)))
		return -EFAULT;
	if (hadal_plan_has(&walk->plan, MOUNT_NEXT))
		return walk_pointers(walk, super);
	result = hadal_list_walk(walk->plan.space,
				 super + hadal_plan_offset(&walk->plan, SUPER_MOUNTS), LIMIT,
				 visit_instance, walk, &walk->list->lost);
	return result == -ENOMEM ? ENOMEM : result;
}

int hadal_mount_namespaces(struct hadal_kernel *kernel, struct hadal_namespace_list *list,
			   struct hadal_error *error)
{
	struct namespace_walk walk = {.list = list, .left = LIMIT};
	int result = hadal_plan_open(&walk.plan, kernel, needs, NEEDS, error);

	*list = (struct hadal_namespace_list){0};
	if (!result) {
		result = hadal_list_walk(walk.plan.space, walk.plan.symbols[SUPERS], LIMIT,
					 visit_super, &walk, &list->lost);
		if (result)
			result = hadal_fail(error, abs(result),
					    "Cannot read the list of file systems: %s",
					    strerror(abs(result)));
	}
	hadal_address_map_free(&walk.seen);
	hadal_plan_close(&walk.plan);
	return result;
}

void hadal_mount_namespaces_free(struct hadal_namespace_list *list)
{
	free(list->items);
	*list = (struct hadal_namespace_list){0};
}
