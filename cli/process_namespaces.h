/* SPDX-License-Identifier: MIT */
/* The namespaces of processes, for hadal ps. */
#ifndef HADAL_CLI_PROCESS_NAMESPACES_H
#define HADAL_CLI_PROCESS_NAMESPACES_H

#include "cli.h"
#include "process/namespaces.h"

/* All kinds with eleven characters each, and the numbers. */
#define PROCESS_NAMESPACES_MAX (HADAL_NAMESPACE_KINDS * 24)

/*
 * "net:4026532120" and so on for each in which it differs from usual; all of them when usual is
 * NULL. "-" for none.
 */
void process_namespaces_text(const struct hadal_namespace found[HADAL_NAMESPACE_KINDS],
			     const struct hadal_namespace *usual,
			     char text[PROCESS_NAMESPACES_MAX]);

/* {"pid":4026531836,...} with those that it has. */
struct json_object *
process_namespaces_json(const struct hadal_namespace found[HADAL_NAMESPACE_KINDS]);

#endif
