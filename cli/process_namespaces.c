// SPDX-License-Identifier: MIT
/* The namespaces of a process, printed. */
#include "process_namespaces.h"

#include <inttypes.h>
#include <string.h>

void process_namespaces_text(const struct hadal_namespace found[HADAL_NAMESPACE_KINDS],
			     const struct hadal_namespace *usual, char text[PROCESS_NAMESPACES_MAX])
{
	int len = 0;

	strcpy(text, "-");
	for (int kind = 0; kind < HADAL_NAMESPACE_KINDS; kind++)
		if (found[kind].number && !(usual && found[kind].number == usual[kind].number))
			len += sprintf(text + len, "%s%s:%" PRIu32, len ? " " : "",
				       hadal_namespace_names[kind], found[kind].number);
}

struct json_object *
process_namespaces_json(const struct hadal_namespace found[HADAL_NAMESPACE_KINDS])
{
	struct json_object *object = json_object_new_object();

	for (int kind = 0; kind < HADAL_NAMESPACE_KINDS; kind++)
		if (found[kind].number)
			json_object_object_add(object, hadal_namespace_names[kind],
					       json_object_new_int64(found[kind].number));
	return object;
}
