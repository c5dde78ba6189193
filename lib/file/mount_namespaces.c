// SPDX-License-Identifier: MIT
#include "file/mount_namespaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/address_map.h"
#include "walk/object.h"

/* More file systems, and more places where they are mounted, than a machine has. */
#define LIMIT (1u << 20)

enum field {
	SUPER_LINK,
	SUPER_MOUNTS,   /* a list_head up to 6.16, a pointer to the first mount from 6.17 on */
	MOUNT_INSTANCE, /* links the list */
	MOUNT_NEXT,     /* points to the next */
	MOUNT_NAMESPACE,
	NAMESPACE_NUMBER,
	FIELDS
};

static const struct hadal_field_request requests[FIELDS] = {
	[SUPER_LINK] = {"super_block", {"s_list"}, false},
	[SUPER_MOUNTS] = {"super_block", {"s_mounts"}, false},
	[MOUNT_INSTANCE] = {"mount", {"mnt_instance"}, true},
	[MOUNT_NEXT] = {"mount", {"mnt_next_for_sb"}, true},
	[MOUNT_NAMESPACE] = {"mount", {"mnt_ns"}, false},
	[NAMESPACE_NUMBER] = {"mnt_namespace", {"ns.inum"}, false},
};

struct namespace_walk {
	struct hadal_space *space;
	struct hadal_field fields[FIELDS];
	struct hadal_address_map seen;
	struct hadal_namespace_list *list;
	size_t capacity;
	size_t left; /* mounts that may still be looked at */
};

static uint64_t value(const struct namespace_walk *walk, enum field field, uint64_t address)
{
	return hadal_field_read(walk->space, &walk->fields[field], address);
}

/* Adds the namespace of a mount. Returns 0 or ENOMEM. */
static int add_mount(struct namespace_walk *walk, uint64_t mount)
{
	struct hadal_namespace namespace = {.address = value(walk, MOUNT_NAMESPACE, mount)};
	struct hadal_namespace *added;
	int new;

	namespace.number = value(walk, NAMESPACE_NUMBER, namespace.address);
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

	if (!walk->left || hadal_space_read_exact(walk->space, node, links, sizeof(*links)))
		return -EFAULT;
	walk->left--;
	return add_mount(walk, node - walk->fields[MOUNT_INSTANCE].offset);
}

static int walk_pointers(struct namespace_walk *walk, uint64_t super)
{
	uint64_t mount = value(walk, SUPER_MOUNTS, super);
	int result = 0;

	for (; mount && !result; mount = value(walk, MOUNT_NEXT, mount)) {
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
	uint64_t super = node - walk->fields[SUPER_LINK].offset;
	int result;

	if (hadal_space_read_exact(walk->space, node, links, sizeof(*links)))
		return -EFAULT;
	if (walk->fields[MOUNT_NEXT].size)
		return walk_pointers(walk, super);
	result = hadal_list_walk(walk->space, super + walk->fields[SUPER_MOUNTS].offset, LIMIT,
				 visit_instance, walk, &walk->list->lost);
	return result == -ENOMEM ? ENOMEM : result;
}

int hadal_mount_namespaces(struct hadal_kernel *kernel, struct hadal_namespace_list *list,
			   struct hadal_error *error)
{
	struct namespace_walk walk = {
		.space = hadal_kernel_space(kernel), .list = list, .left = LIMIT};
	struct hadal_lookup supers = {.name = "super_blocks"};
	int result;

	*list = (struct hadal_namespace_list){0};
	result = hadal_kernel_lookup(kernel, &supers, 1, error);
	if (!result)
		result = hadal_kernel_fields(kernel, requests, FIELDS, walk.fields, error);
	if (result)
		return result;
	result =
		hadal_list_walk(walk.space, supers.address, LIMIT, visit_super, &walk, &list->lost);
	hadal_address_map_free(&walk.seen);
	if (result)
		return hadal_fail(error, abs(result), "Cannot read the list of file systems: %s",
				  strerror(abs(result)));
	return 0;
}

void hadal_mount_namespaces_free(struct hadal_namespace_list *list)
{
	free(list->items);
	*list = (struct hadal_namespace_list){0};
}
