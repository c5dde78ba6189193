/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KVMI_MESSAGE_H
#define HADAL_LIB_KVMI_MESSAGE_H

#include <stdbool.h>

#include "error.h"
#include "kvmi/protocol.h"

#define KVMI_MAX_MSRS 64u

/* A message whose every field has been looked at. */
struct kvmi_request {
	uint16_t id;
	uint16_t vcpu;
	uint32_t seq;
	bool enable, now;
	uint16_t subject; /* the command, event or action that it is about */
	uint16_t event;   /* KVMI_EVENT_REPLY */
	uint64_t address, bytes;
	uint32_t msr_count;
	uint32_t msr[KVMI_MAX_MSRS];
	struct kvm_regs regs;
	const uint8_t *data; /* what is to be written: `bytes`, in the message */
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
