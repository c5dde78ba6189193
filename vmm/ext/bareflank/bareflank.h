/* SPDX-License-Identifier: MIT */
/* The requests that LibVMI's Bareflank driver makes; see docs/libvmi.md. */
#ifndef HADAL_EXT_BAREFLANK_BAREFLANK_H
#define HADAL_EXT_BAREFLANK_BAREFLANK_H

#include "hypercall/client.h"

/* Request numbers in RAX. */
#define BAREFLANK_BASE 0xbf05000000000000ull
enum bareflank_call {
	BAREFLANK_ACK = 1,
	BAREFLANK_GET_REGISTERS,
	BAREFLANK_SET_REGISTERS,
	BAREFLANK_V2P,
	BAREFLANK_MAP,
	BAREFLANK_PROBE,
};

/* The leaf at which every register reads BAREFLANK_SIGN. */
#define BAREFLANK_CPUID 0x40001337u
#define BAREFLANK_SIGN  42

/* Status in RAX, of which LibVMI reads the low 8 bits. */
#define STATUS_SUCCESS 0
#define STATUS_FAILURE 1

#define DOMAIN_SELF 0

/* Lengths of VMCALL and VMMCALL. */
#define CALL_BYTES HADAL_CLIENT_CALL_BYTES

/* One request; handlers set the status or ask for the kernel. */
struct request {
	struct vcpu *vcpu;
	struct client *client;
	bool failed;
	bool rang;    /* the kernel does what is missing; executed again */
	bool jumped;  /* RIP is set */
	bool has_rax; /* RAX is set, and holds no status */
};

/* In dialect_2018.c: small numbers in RAX, up to this one. */
#define DIALECT_2018_LAST 5
void bareflank_dialect_2018(struct request *request);
/* In registers_call.c. */
void bareflank_get_registers(struct request *request);
void bareflank_set_registers(struct request *request);
/* In memory_call.c. */
void bareflank_v2p(struct request *request);
void bareflank_map(struct request *request);
/* Let the page at `gva` show a physical one; the kernel makes it known through `door`. */
void bareflank_show(struct request *request, uint64_t gva, uint64_t physical, enum hadal_door door);
/* Let it show itself again; one that shows nothing is left alone. */
void bareflank_hide(struct request *request, uint64_t gva);
void bareflank_probe(struct request *request);

#endif
