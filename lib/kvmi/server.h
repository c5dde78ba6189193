/* SPDX-License-Identifier: MIT */
/* Hadal as a hypervisor that speaks KVMI: docs/libvmi.md. Not for several threads at once. */
#ifndef HADAL_LIB_KVMI_SERVER_H
#define HADAL_LIB_KVMI_SERVER_H

#include "device/hypervisor.h"

/* A vCPU that the introspector pauses goes on by itself after so long. */
#define KVMI_PAUSE_MS 1000u

/*
 * Connects to an introspector that listens at path, a Unix stream socket which root owns and root
 * listens on, not a symbolic link, and makes the handshake; name: of this machine, as the
 * introspector is to know it. Returns the socket, or a negative errno with a sentence.
 */
int kvmi_connect(const char *path, const char *name, struct hadal_error *error);

/*
 * Serves it until it hangs up, 0, or sends what nobody may send, -EPROTO with a sentence. All that
 * was held for it goes on then. The CPU that this thread runs on is told of as paused, but is not
 * held. -ENOMEM.
 */
int kvmi_serve(struct hadal *hadal, int socket, struct hadal_error *error);

#endif
