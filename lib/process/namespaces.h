/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_PROCESS_NAMESPACES_H
#define HADAL_LIB_PROCESS_NAMESPACES_H

#include "process/process.h"

#ifdef __cplusplus
extern "C" {
#endif

enum hadal_namespace_kind {
	HADAL_NAMESPACE_PID, /* that it runs in, not the one for its children */
	HADAL_NAMESPACE_MNT,
	HADAL_NAMESPACE_NET,
	HADAL_NAMESPACE_USER,
	HADAL_NAMESPACE_UTS,
	HADAL_NAMESPACE_IPC,
	HADAL_NAMESPACE_CGROUP,
	HADAL_NAMESPACE_TIME,
	HADAL_NAMESPACE_KINDS
};

/* As in /proc/PID/ns: "pid", "mnt" and so on. */
extern const char *const hadal_namespace_names[HADAL_NAMESPACE_KINDS];

/* Both 0 when the process has none of a kind, as one that has ended, or this kernel. */
struct hadal_namespace {
	uint64_t address; /* of its struct pid_namespace, mnt_namespace, net and so on */
	uint32_t number;  /* the inode number of /proc/PID/ns/KIND */
};

/* Reads the namespaces of processes. */
struct hadal_namespaces;

/* The kernel must outlive the result. Returns NULL with a sentence in error. */
struct hadal_namespaces *hadal_namespaces_open(struct hadal_kernel *kernel,
					       struct hadal_error *error);
/* NULL is fine. */
void hadal_namespaces_close(struct hadal_namespaces *namespaces);

void hadal_namespaces_of(struct hadal_namespaces *namespaces, const struct hadal_process *process,
			 struct hadal_namespace found[HADAL_NAMESPACE_KINDS]);

/* PID namespaces inside each other, the first one among them: MAX_PID_NS_LEVEL + 1. */
#define HADAL_PID_LEVELS 33u

/*
 * The numbers that a process, or its thread, has in the PID namespaces it is in, as NSpid in
 * /proc/PID/status: the first namespace's first. Returns how many these are; 0 for one that has
 * ended.
 */
size_t hadal_namespace_pids(struct hadal_namespaces *namespaces,
			    const struct hadal_process *process, int32_t numbers[HADAL_PID_LEVELS]);

#ifdef __cplusplus
}
#endif

#endif
