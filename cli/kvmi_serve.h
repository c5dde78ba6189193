/* SPDX-License-Identifier: MIT */
/* What the commands share that serve an introspector. */
#ifndef HADAL_CLI_KVMI_SERVE_H
#define HADAL_CLI_KVMI_SERVE_H

#include "kvmi/server.h"

/*
 * Keeps this program, and what it becomes, on the CPU that it is on: that of the server cannot be
 * held, so it has to be one and the same all the time.
 */
void kvmi_stay_here(void);

/*
 * Connects to the introspector at path and serves it until it hangs up; name: of this machine.
 * patient: one that is about to listen there is waited for. As kvmi_connect and kvmi_serve.
 */
int kvmi_serve_at(struct hadal *hadal, const char *path, const char *name, bool patient,
		  const struct kvmi_options *options, struct hadal_error *error);

#endif
