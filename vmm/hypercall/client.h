/* SPDX-License-Identifier: MIT */
/* Address spaces whose programs extensions answer, as hadal/abi.h says under HADAL_CALL_CLIENT_ADD.
 */
#ifndef HADAL_HYPERCALL_CLIENT_H
#define HADAL_HYPERCALL_CLIENT_H

#include "vcpu/vcpu.h"

struct client {
	uint64_t kernel_root; /* 0: free */
	uint64_t user_root;
	uint64_t door;
	struct hadal_client state; /* under nested_lock */
	/* While it ends: how far its pages have been taken out, and whether CPUs are to flush yet.
	 */
	uint32_t position;
	bool is_stale;
};

/* 1 to HADAL_MAX_CLIENTS. */
unsigned client_number(const struct client *client);

/* The client whose program has made this exit, in ring 3 of 64-bit mode; NULL when it is none. */
struct client *client_current(struct vcpu *vcpu);

/* Hand over to the kernel. Returns the verdict for the exit. */
enum verdict client_ring(struct vcpu *vcpu, const struct client *client, enum hadal_door door);

/* Forget all of them. */
void clients_wipe(void);

/* The hypercalls. */
int64_t hypercall_client_add(struct vcpu *vcpu);
int64_t hypercall_client_remove(struct vcpu *vcpu);
int64_t hypercall_client_page_add(struct vcpu *vcpu);
int64_t hypercall_client_page_remove(struct vcpu *vcpu);
int64_t hypercall_client_state(struct vcpu *vcpu);

#endif
