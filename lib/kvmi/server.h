/* SPDX-License-Identifier: MIT */
/* Hadal as a hypervisor that speaks KVMI: docs/libvmi.md. Not for several threads at once. */
#ifndef HADAL_LIB_KVMI_SERVER_H
#define HADAL_LIB_KVMI_SERVER_H

#include "device/hypervisor.h"

/* A vCPU that the introspector pauses goes on by itself after so long. */
#define KVMI_PAUSE_MS 1000u
/* So does one that waits for an answer to an event, by default and at most. */
#define KVMI_HOLD_MS     200u
#define KVMI_HOLD_MS_MAX 1000u

struct kvmi_options {
	unsigned int hold_ms; /* 1 to KVMI_HOLD_MS_MAX; 0: KVMI_HOLD_MS */
};

/*
 * Connects to an introspector that listens at path, a Unix stream socket which root owns and root
 * listens on, not a symbolic link, and makes the handshake; name: of this machine, as the
 * introspector is to know it. Returns the socket, or a negative errno with a sentence.
 */
int kvmi_connect(const char *path, const char *name, struct hadal_error *error);

/*
 * Serves it until it hangs up, 0, or sends what nobody may send, -EPROTO with a sentence. All that
 * was held, paused or asked for by it is taken back then. What this program and the one that
 * listens do themselves is not told of; the CPU that this thread runs on is told of, but is not
 * held. -ENOMEM; -ENODEV: Hadal was stopped.
 */
int kvmi_serve(struct hadal *hadal, int socket, const struct kvmi_options *options,
	       struct hadal_error *error);

#endif
