// SPDX-License-Identifier: MIT
/* The namespaces that a process is in. */
#include "process/namespaces.h"

#include <errno.h>
#include <stdlib.h>

#include "walk/plan.h"

const char *const hadal_namespace_names[HADAL_NAMESPACE_KINDS] = {
	[HADAL_NAMESPACE_PID] = "pid",       [HADAL_NAMESPACE_MNT] = "mnt",
	[HADAL_NAMESPACE_NET] = "net",       [HADAL_NAMESPACE_USER] = "user",
	[HADAL_NAMESPACE_UTS] = "uts",       [HADAL_NAMESPACE_IPC] = "ipc",
	[HADAL_NAMESPACE_CGROUP] = "cgroup", [HADAL_NAMESPACE_TIME] = "time",
};

enum need {
	TASK_PROXY,
	TASK_CRED,
	TASK_PID,
	PID_LEVEL,
	PID_NUMBERS, /* an array of one up to 6.0, and one without a length later */
	UPID,
	UPID_NAMESPACE,
	UPID_NUMBER,
	POINTERS, /* for each kind, that of its namespace in nsproxy or cred */
	NUMBERS = POINTERS + HADAL_NAMESPACE_KINDS,
	NEEDS = NUMBERS + HADAL_NAMESPACE_KINDS
};

/* A kernel may be built without some kinds. */
#define POINTER(kind, ...) \
	[POINTERS + HADAL_NAMESPACE_##kind] = {HADAL_MEMBER(__VA_ARGS__), HADAL_OPTIONAL}
#define NUMBER(kind, type) \
	[NUMBERS + HADAL_NAMESPACE_##kind] = {HADAL_MEMBER(type, "ns.inum"), HADAL_OPTIONAL}

static const struct hadal_need needs[NEEDS] = {
	[TASK_PROXY] = {HADAL_MEMBER("task_struct", "nsproxy")},
	[TASK_CRED] = {HADAL_MEMBER("task_struct", "real_cred")},
	[TASK_PID] = {HADAL_MEMBER("task_struct", "thread_pid")},
	[PID_LEVEL] = {HADAL_MEMBER("pid", "level")},
	[PID_NUMBERS] = {HADAL_MEMBER("pid", "numbers")},
	[UPID] = {HADAL_MEMBER("upid", ".")},
	[UPID_NAMESPACE] = {HADAL_MEMBER("upid", "ns")},
	[UPID_NUMBER] = {HADAL_MEMBER("upid", "nr")},
	POINTER(PID, "nsproxy", "pid_ns_for_children"),
	POINTER(MNT, "nsproxy", "mnt_ns"),
	POINTER(NET, "nsproxy", "net_ns"),
	POINTER(USER, "cred", "user_ns"),
	POINTER(UTS, "nsproxy", "uts_ns"),
	POINTER(IPC, "nsproxy", "ipc_ns"),
	POINTER(CGROUP, "nsproxy", "cgroup_ns"),
	POINTER(TIME, "nsproxy", "time_ns"),
	NUMBER(PID, "pid_namespace"),
	NUMBER(MNT, "mnt_namespace"),
	NUMBER(NET, "net"),
	NUMBER(USER, "user_namespace"),
	NUMBER(UTS, "uts_namespace"),
	NUMBER(IPC, "ipc_namespace"),
	NUMBER(CGROUP, "cgroup_namespace"),
	NUMBER(TIME, "time_namespace"),
};

struct hadal_namespaces {
	struct hadal_plan plan;
};

/* A task's struct pid and how deep the namespaces go that it has a number in; 0 without one. */
static uint64_t pid_of(const struct hadal_plan *plan, uint64_t task, uint64_t *level)
{
	uint64_t pid = hadal_plan_read(plan, TASK_PID, task);

	*level = hadal_plan_read(plan, PID_LEVEL, pid);
	return *level < HADAL_PID_LEVELS ? pid : 0;
}

/* The struct upid of a level. */
static uint64_t number_at(const struct hadal_plan *plan, uint64_t pid, uint64_t level)
{
	return pid + hadal_plan_offset(plan, PID_NUMBERS) + level * hadal_plan_size(plan, UPID);
}

/* The innermost namespace that a task has a number in. */
static uint64_t pid_namespace(const struct hadal_plan *plan, uint64_t task)
{
	uint64_t level, pid = pid_of(plan, task, &level);

	return pid ? hadal_plan_read(plan, UPID_NAMESPACE, number_at(plan, pid, level)) : 0;
}

size_t hadal_namespace_pids(struct hadal_namespaces *namespaces,
			    const struct hadal_process *process, int32_t numbers[HADAL_PID_LEVELS])
{
	const struct hadal_plan *plan = &namespaces->plan;
	uint64_t level, pid = pid_of(plan, process->task, &level);

	for (uint64_t i = 0; pid && i <= level; i++)
		numbers[i] = hadal_plan_read(plan, UPID_NUMBER, number_at(plan, pid, i));
	return pid ? level + 1 : 0;
}

void hadal_namespaces_of(struct hadal_namespaces *namespaces, const struct hadal_process *process,
			 struct hadal_namespace found[HADAL_NAMESPACE_KINDS])
{
	const struct hadal_plan *plan = &namespaces->plan;
	uint64_t proxy = hadal_plan_read(plan, TASK_PROXY, process->task);
	uint64_t cred = hadal_plan_read(plan, TASK_CRED, process->task);

	for (int kind = 0; kind < HADAL_NAMESPACE_KINDS; kind++) {
		uint64_t address;

		if (kind == HADAL_NAMESPACE_PID)
			address = pid_namespace(plan, process->task);
		else
			address = hadal_plan_read(plan, POINTERS + kind,
						  kind == HADAL_NAMESPACE_USER ? cred : proxy);
		found[kind] = (struct hadal_namespace){
			.address = address,
			.number = hadal_plan_read(plan, NUMBERS + kind, address),
		};
	}
}

struct hadal_namespaces *hadal_namespaces_open(struct hadal_kernel *kernel,
					       struct hadal_error *error)
{
	struct hadal_namespaces *namespaces = calloc(1, sizeof(*namespaces));

	if (!namespaces) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (!hadal_plan_open(&namespaces->plan, kernel, needs, NEEDS, error))
		return namespaces;
	hadal_namespaces_close(namespaces);
	return NULL;
}

void hadal_namespaces_close(struct hadal_namespaces *namespaces)
{
	if (!namespaces)
		return;
	hadal_plan_close(&namespaces->plan);
	free(namespaces);
}
