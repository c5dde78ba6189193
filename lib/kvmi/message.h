/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KVMI_MESSAGE_H
#define HADAL_LIB_KVMI_MESSAGE_H

#include <stdbool.h>

#include "error.h"
#include "kvmi/protocol.h"

#define KVMI_MAX_MSRS 64u

/* MSRs that can be told of: two ranges of so many, from 0 and from KVMI_MSR_HIGH. */
#define KVMI_MSR_RANGE 0x2000u
#define KVMI_MSR_HIGH  0xc0000000u

/* A message whose every field has been looked at. */
struct kvmi_request {
	uint16_t id;
	uint16_t vcpu;
	uint32_t seq;
	bool enable, now;
	uint16_t subject; /* the command, event or action that it is about */
	uint16_t event;   /* KVMI_EVENT_REPLY */
	uint64_t address, bytes;
	uint64_t value;   /* what is to be written, of a reply to an event that writes a register */
	bool steps;       /* a reply to an access: do the instruction and go on */
	bool is_emulated; /* the same: with other data than those that are there */
	uint32_t number;  /* control register, MSR, leaf; error code of an exception */
	uint32_t index;   /* subleaf */
	uint16_t vector;
	uint16_t view, count; /* pages; KVMI_CHANGE_GFN: one, at address, shows the one at value */
	uint32_t msr_count;
	uint32_t msr[KVMI_MAX_MSRS];
	struct kvm_regs regs;
	/*
	 * What is to be written: `bytes`; or `count` addresses, or struct kvmi_page, perhaps not
	 * aligned. In the message.
	 */
	const uint8_t *data;
};

/* Whether there is such a command here. */
bool kvmi_command_known(uint16_t id);
/* Whether its answer is more than an error. */
bool kvmi_command_tells(uint16_t id);

/*
 * Takes a message apart; body: header->size bytes. Returns 0; a negative errno to answer
 * with; or 1 with a sentence in error: the connection is to be ended. request->id and seq are
 * always filled.
 */
int kvmi_parse(const struct kvmi_header *header, const void *body, unsigned int vcpu_count,
	       struct kvmi_request *request, struct hadal_error *error);

#endif
