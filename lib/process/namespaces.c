// SPDX-License-Identifier: MIT
#include "process/namespaces.h"

#include <errno.h>
#include <stdlib.h>

#include "walk/object.h"

/* MAX_PID_NS_LEVEL of include/linux/pid_namespace.h. */
#define PID_LEVEL_LIMIT 32u

const char *const hadal_namespace_names[HADAL_NAMESPACE_KINDS] = {
	[HADAL_NAMESPACE_PID] = "pid",       [HADAL_NAMESPACE_MNT] = "mnt",
	[HADAL_NAMESPACE_NET] = "net",       [HADAL_NAMESPACE_USER] = "user",
	[HADAL_NAMESPACE_UTS] = "uts",       [HADAL_NAMESPACE_IPC] = "ipc",
	[HADAL_NAMESPACE_CGROUP] = "cgroup", [HADAL_NAMESPACE_TIME] = "time",
};

/* The kinds that nsproxy has a pointer to. */
static const struct hadal_field_request pointer_requests[HADAL_NAMESPACE_KINDS] = {
	[HADAL_NAMESPACE_PID] = {"nsproxy", {"pid_ns_for_children"}, true},
	[HADAL_NAMESPACE_MNT] = {"nsproxy", {"mnt_ns"}, true},
	[HADAL_NAMESPACE_NET] = {"nsproxy", {"net_ns"}, true},
	[HADAL_NAMESPACE_USER] = {"cred", {"user_ns"}, true},
	[HADAL_NAMESPACE_UTS] = {"nsproxy", {"uts_ns"}, true},
	[HADAL_NAMESPACE_IPC] = {"nsproxy", {"ipc_ns"}, true},
	[HADAL_NAMESPACE_CGROUP] = {"nsproxy", {"cgroup_ns"}, true},
	[HADAL_NAMESPACE_TIME] = {"nsproxy", {"time_ns"}, true},
};

static const struct hadal_field_request number_requests[HADAL_NAMESPACE_KINDS] = {
	[HADAL_NAMESPACE_PID] = {"pid_namespace", {"ns.inum"}, true},
	[HADAL_NAMESPACE_MNT] = {"mnt_namespace", {"ns.inum"}, true},
	[HADAL_NAMESPACE_NET] = {"net", {"ns.inum"}, true},
	[HADAL_NAMESPACE_USER] = {"user_namespace", {"ns.inum"}, true},
	[HADAL_NAMESPACE_UTS] = {"uts_namespace", {"ns.inum"}, true},
	[HADAL_NAMESPACE_IPC] = {"ipc_namespace", {"ns.inum"}, true},
	[HADAL_NAMESPACE_CGROUP] = {"cgroup_namespace", {"ns.inum"}, true},
	[HADAL_NAMESPACE_TIME] = {"time_namespace", {"ns.inum"}, true},
};

enum other_field {
	TASK_PROXY,
	TASK_CRED,
	TASK_PID,
	PID_LEVEL,
	PID_NUMBERS, /* an array of one up to 6.0, and one without a length later */
	PID_END,     /* which is then behind the structure */
	UPID,
	UPID_NAMESPACE,
	OTHER_FIELDS
};

static const struct hadal_field_request other_requests[OTHER_FIELDS] = {
	[TASK_PROXY] = {"task_struct", {"nsproxy"}, false},
	[TASK_CRED] = {"task_struct", {"real_cred"}, false},
	[TASK_PID] = {"task_struct", {"thread_pid"}, false},
	[PID_LEVEL] = {"pid", {"level"}, false},
	[PID_NUMBERS] = {"pid", {"numbers[0]"}, true},
	[PID_END] = {"pid", {"."}, false},
	[UPID] = {"upid", {"."}, false},
	[UPID_NAMESPACE] = {"upid", {"ns"}, false},
};

struct hadal_namespaces {
	struct hadal_space *space;
	struct hadal_field pointers[HADAL_NAMESPACE_KINDS];
	struct hadal_field numbers[HADAL_NAMESPACE_KINDS];
	struct hadal_field other[OTHER_FIELDS];
};

static uint64_t other_value(const struct hadal_namespaces *namespaces, enum other_field field,
			    uint64_t address)
{
	return hadal_field_read(namespaces->space, &namespaces->other[field], address);
}

/* The innermost namespace that a task has a number in: struct pid has one for each level. */
static uint64_t pid_namespace(const struct hadal_namespaces *namespaces, uint64_t task)
{
	const struct hadal_field *numbers = &namespaces->other[PID_NUMBERS];
	uint64_t pid = other_value(namespaces, TASK_PID, task);
	uint64_t level = other_value(namespaces, PID_LEVEL, pid);
	uint64_t first = numbers->size ? numbers->offset : namespaces->other[PID_END].size;

	if (!pid || level > PID_LEVEL_LIMIT)
		return 0;
	return other_value(namespaces, UPID_NAMESPACE,
			   pid + first + level * namespaces->other[UPID].size);
}

void hadal_namespaces_of(struct hadal_namespaces *namespaces, const struct hadal_process *process,
			 struct hadal_namespace found[HADAL_NAMESPACE_KINDS])
{
	uint64_t proxy = other_value(namespaces, TASK_PROXY, process->task);
	uint64_t cred = other_value(namespaces, TASK_CRED, process->task);

	for (int kind = 0; kind < HADAL_NAMESPACE_KINDS; kind++) {
		uint64_t address;

		if (kind == HADAL_NAMESPACE_PID)
			address = pid_namespace(namespaces, process->task);
		else
			address = hadal_field_read(namespaces->space, &namespaces->pointers[kind],
						   kind == HADAL_NAMESPACE_USER ? cred : proxy);
		found[kind] = (struct hadal_namespace){
			.address = address,
			.number = hadal_field_read(namespaces->space, &namespaces->numbers[kind],
						   address),
		};
	}
}

struct hadal_namespaces *hadal_namespaces_open(struct hadal_kernel *kernel,
					       struct hadal_error *error)
{
	struct hadal_namespaces *namespaces = calloc(1, sizeof(*namespaces));
	int result;

	if (!namespaces) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	namespaces->space = hadal_kernel_space(kernel);
	result = hadal_kernel_fields(kernel, pointer_requests, HADAL_NAMESPACE_KINDS,
				     namespaces->pointers, error);
	if (!result)
		result = hadal_kernel_fields(kernel, number_requests, HADAL_NAMESPACE_KINDS,
					     namespaces->numbers, error);
	if (!result)
		result = hadal_kernel_fields(kernel, other_requests, OTHER_FIELDS,
					     namespaces->other, error);
	if (!result)
		return namespaces;
	hadal_namespaces_close(namespaces);
	return NULL;
}

void hadal_namespaces_close(struct hadal_namespaces *namespaces)
{
	free(namespaces);
}
