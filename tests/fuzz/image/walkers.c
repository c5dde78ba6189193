// SPDX-License-Identifier: MIT
/* A new walker is a function here and a line in the table at the end. */
#include "walkers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/arguments.h"
#include "system/dmesg.h"
#include "file/files.h"
#include "kernel/layout.h"
#include "file/maps.h"
#include "system/module.h"
#include "file/mount_namespaces.h"
#include "file/mounts.h"
#include "process/process.h"
#include "net/sockets.h"
#include "profile/profile.h"
#include "show/walk.h"
#include "unwind/unwind.h"

static size_t mix(size_t found, size_t more)
{
	return (found ^ more) * 0x9e3779b97f4a7c15ull + 1;
}

static size_t mix_text(size_t found, const char *text)
{
	while (*text)
		found = found * 31 + *text++;
	return found + 1;
}

static size_t walk_processes(struct target *target)
{
	struct hadal_process_list list;
	size_t found = 0;

	for (int threads = 0; threads <= 1; threads++) {
		if (!hadal_processes(target->kernel, threads, &list, NULL))
			hadal_processes_check(target->kernel, threads, &list, NULL);
		for (size_t i = 0; i < list.count; i++) {
			const struct hadal_process *process = &list.items[i];

			found = mix(found, process->pid + process->uid + process->threads);
			found = mix(found, process->parent + process->page_table + process->in);
			found = mix_text(found, process->comm);
		}
		found = mix(found, list.lost);
		hadal_processes_free(&list);
	}
	return found;
}

/* Does something with every process. */
typedef void (*process_work)(struct target *target, const struct hadal_process *process, void *ctx);

static void for_processes(struct target *target, process_work work, void *ctx)
{
	struct hadal_process_list list;

	hadal_processes(target->kernel, false, &list, NULL);
	for (size_t i = 0; i < list.count; i++)
		work(target, &list.items[i], ctx);
	hadal_processes_free(&list);
}

struct arguments_walk {
	struct hadal_arguments arguments;
	size_t found;
};

static void read_arguments(struct target *target, const struct hadal_process *process, void *ctx)
{
	struct arguments_walk *walk = ctx;
	char text[4096];

	(void)target;
	if (hadal_arguments_of(&walk->arguments, process, text, sizeof(text)))
		walk->found = mix_text(walk->found, text);
}

static size_t walk_arguments(struct target *target)
{
	struct arguments_walk walk = {.found = 0};

	if (!hadal_arguments_open(&walk.arguments, target->kernel, NULL))
		for_processes(target, read_arguments, &walk);
	return walk.found;
}

struct stacks_walk {
	struct hadal_unwinder *unwinder;
	struct hadal_stack stack;
	size_t found;
};

static void read_stack(struct target *target, const struct hadal_process *process, void *ctx)
{
	struct stacks_walk *walk = ctx;

	(void)target;
	hadal_unwind_task(walk->unwinder, process->task, &walk->stack);
	for (size_t i = 0; i < walk->stack.count; i++)
		walk->found = mix(walk->found, walk->stack.frames[i].rip);
}

static size_t walk_stacks(struct target *target)
{
	struct stacks_walk walk = {.unwinder = hadal_unwinder_new(target->kernel, NULL)};

	if (walk.unwinder)
		for_processes(target, read_stack, &walk);
	hadal_unwinder_free(walk.unwinder);
	return walk.found;
}

struct files_walk {
	struct hadal_files *files;
	size_t found, lost;
};

static int see_file(void *ctx, const struct hadal_process *process, const struct hadal_file *file)
{
	size_t *found = ctx;

	*found = mix(*found, process->pid + file->fd + file->inode + file->position);
	*found = mix_text(*found, file->path);
	return 0;
}

static void read_files(struct target *target, const struct hadal_process *process, void *ctx)
{
	struct files_walk *walk = ctx;

	(void)target;
	hadal_files_of(walk->files, process, see_file, &walk->found, &walk->lost);
}

static size_t walk_files(struct target *target)
{
	struct files_walk walk = {.files = hadal_files_open(target->kernel, NULL)};

	if (walk.files)
		for_processes(target, read_files, &walk);
	hadal_files_close(walk.files);
	return walk.found;
}

static int see_mapping(void *ctx, const struct hadal_mapping *mapping)
{
	size_t *found = ctx;

	*found = mix(*found, mapping->start + mapping->end + mapping->offset + mapping->inode);
	*found = mix_text(*found, mapping->path);
	return 0;
}

static void read_maps(struct target *target, const struct hadal_process *process, void *ctx)
{
	size_t lost = 0;

	hadal_maps(target->kernel, process, see_mapping, ctx, &lost, NULL);
}

static size_t walk_maps(struct target *target)
{
	size_t found = 0;

	for_processes(target, read_maps, &found);
	return found;
}

static size_t walk_sockets(struct target *target)
{
	struct hadal_socket_list list;
	size_t found = 0;

	hadal_sockets(target->kernel, &list, NULL);
	for (size_t i = 0; i < list.count; i++) {
		const struct hadal_socket *socket = &list.items[i];

		found = mix(found, socket->sock + socket->inode + socket->net + socket->hidden);
		found = mix(found, socket->local_port + socket->received + socket->peer_inode);
		found = mix_text(found, socket->name);
		for (size_t j = socket->first_holder; j != HADAL_SOCKET_NO_HOLDER;
		     j = list.holders[j].next)
			found = mix(found, list.holders[j].pid + list.holders[j].fd);
	}
	hadal_sockets_free(&list);
	return found;
}

static int see_mount(void *ctx, const struct hadal_mount *mount)
{
	size_t *found = ctx;

	*found = mix(*found, mount->id + mount->parent + mount->minor + mount->shared);
	*found = mix_text(mix_text(*found, mount->path), mount->root);
	*found = mix_text(mix_text(*found, mount->type), mount->options);
	return 0;
}

static size_t walk_mounts(struct target *target)
{
	struct hadal_mounts *mounts = hadal_mounts_open(target->kernel, NULL);
	struct hadal_namespace_list list;
	size_t found = 0, lost = 0;

	hadal_space_flush(hadal_kernel_space(target->kernel));
	hadal_mount_namespaces(target->kernel, &list, NULL);
	for (size_t i = 0; mounts && i < list.count; i++)
		hadal_mounts_of(mounts, list.items[i].address, see_mount, &found, &lost, NULL);
	hadal_mount_namespaces_free(&list);
	hadal_mounts_close(mounts);
	return found;
}

struct namespaces_walk {
	struct hadal_namespaces *namespaces;
	size_t found;
};

static void read_namespaces(struct target *target, const struct hadal_process *process, void *ctx)
{
	struct namespaces_walk *walk = ctx;
	struct hadal_namespace found[HADAL_NAMESPACE_KINDS];

	(void)target;
	hadal_namespaces_of(walk->namespaces, process, found);
	for (int kind = 0; kind < HADAL_NAMESPACE_KINDS; kind++)
		walk->found = mix(walk->found, found[kind].number);
}

static size_t walk_namespaces(struct target *target)
{
	struct namespaces_walk walk = {.namespaces = hadal_namespaces_open(target->kernel, NULL)};

	if (walk.namespaces)
		for_processes(target, read_namespaces, &walk);
	hadal_namespaces_close(walk.namespaces);
	return walk.found;
}

static size_t walk_modules(struct target *target)
{
	struct hadal_module_list list;
	size_t found = 0;

	hadal_modules(target->kernel, &list, NULL);
	for (size_t i = 0; i < list.count; i++)
		found = mix_text(mix(found, list.items[i].base + list.items[i].size),
				 list.items[i].name);
	hadal_modules_free(&list);
	return found;
}

static void see_record(void *ctx, const struct hadal_dmesg_record *record)
{
	size_t *found = ctx;

	*found = mix_text(mix(*found, record->sequence + record->time), record->text);
}

static size_t walk_dmesg(struct target *target)
{
	size_t found = 0, lost;

	hadal_dmesg(target->kernel, see_record, &found, &lost, NULL);
	return found;
}

static void begin(void *ctx, const char *name, bool array)
{
	(void)ctx;
	(void)name;
	(void)array;
}

static void end(void *ctx, bool array)
{
	(void)ctx;
	(void)array;
}

static void see_leaf(void *ctx, const char *name, const struct hadal_leaf *leaf)
{
	size_t *found = ctx;

	(void)name;
	*found = mix_text(mix(*found, leaf->number), leaf->text);
}

static size_t walk_expressions(struct target *target)
{
	static const char *const expressions[] = {
		"init_task",
		"init_task.cred->user->uid",
		"*init_task.tasks.next",
		"*container_of(init_task.tasks.next, struct task_struct, tasks)",
		"*init_pid_ns.child_reaper->mm",
		"*init_pid_ns.child_reaper->fs",
		"*init_pid_ns.child_reaper->files->fdt->fd[0]",
	};
	const struct hadal_walk_options options = {.depth = 8, .elements = 100, .fold = true};
	size_t found = 0;
	const struct hadal_value_visitor visitor = {begin, end, see_leaf, &found};

	hadal_space_flush(hadal_kernel_space(target->kernel));
	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		struct hadal_value value;

		if (!hadal_value_evaluate(target->kernel, target->symbolizer, expressions[i],
					  &value, NULL))
			hadal_value_walk(target->kernel, target->symbolizer, &value, &options,
					 &visitor, NULL);
	}
	return found;
}

static size_t walk_layout(struct target *target)
{
	struct hadal_layout layout;

	hadal_space_flush(hadal_kernel_space(target->kernel));
	if (hadal_kernel_layout(target->kernel, &layout))
		return 0;
	return mix(layout.direct_map, layout.text + layout.text_physical + layout.text_size);
}

/* Finds the kernel anew, with its symbols, types and VMCOREINFO, and makes all profiles. */
static size_t walk_all(struct target *target)
{
	struct hadal_kernel *kernel = hadal_kernel_open(target->memory, NULL, NULL);
	FILE *out = fopen("/dev/null", "w");
	struct target again = {target->memory, kernel, NULL};
	size_t found = 0;

	if (kernel && out && strlen(hadal_kernel_vmcoreinfo(kernel)) &&
	    !hadal_profile_isf(kernel, true, out, NULL) &&
	    !hadal_profile_system_map(kernel, out, NULL) &&
	    !hadal_profile_libvmi(kernel, "name", NULL, out, NULL))
		found = walk_processes(&again) && walk_modules(&again);
	if (out)
		fclose(out);
	hadal_kernel_close(kernel);
	return found;
}

const struct walker walkers[] = {
	{"processes", walk_processes, 100},
	{"arguments", walk_arguments, 30},
	{"stacks", walk_stacks, 60},
	{"files", walk_files, 60},
	{"maps", walk_maps, 60},
	{"sockets", walk_sockets, 60},
	{"mounts", walk_mounts, 60},
	{"namespaces", walk_namespaces, 30},
	{"modules", walk_modules, 60},
	{"dmesg", walk_dmesg, 60},
	{"expressions", walk_expressions, 60},
	{"layout", walk_layout, 10},
	{"symbols, types and profiles", walk_all, 1},
};
const size_t walker_count = sizeof(walkers) / sizeof(walkers[0]);
