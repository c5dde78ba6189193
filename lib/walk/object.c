// SPDX-License-Identifier: MIT
/* Objects of the kernel, read in one piece. */
#include "walk/object.h"

#include <errno.h>
#include <string.h>

int hadal_object_read(struct hadal_object *object, uint64_t address)
{
	object->address = address;
	return hadal_space_read_exact(object->space, address + object->start, object->copy,
				      object->len);
}

uint64_t hadal_object_value(const struct hadal_object *object, size_t field)
{
	return hadal_field_value(&object->fields[field], object->copy, object->start, object->len);
}

const void *hadal_object_member(const struct hadal_object *object, size_t field)
{
	const struct hadal_field *member = &object->fields[field];

	return member->size ? object->copy + member->offset - object->start : NULL;
}

uint64_t hadal_object_at(const struct hadal_object *object, size_t field)
{
	return object->address + object->fields[field].offset;
}

struct hadal_links hadal_object_links(const struct hadal_object *object, size_t field)
{
	struct hadal_links links = {0};

	if (object->fields[field].size == sizeof(links))
		memcpy(&links, hadal_object_member(object, field), sizeof(links));
	return links;
}

ssize_t hadal_object_string(const struct hadal_object *object, size_t field, char *text,
			    size_t size)
{
	const char *member = hadal_object_member(object, field);
	size_t len = member ? strnlen(member, object->fields[field].size) : 0;

	if (!member || len == object->fields[field].size)
		return -EINVAL;
	if (len > size - 1)
		len = size - 1;
	memcpy(text, member, len);
	text[len] = '\0';
	return len;
}

uint64_t hadal_field_read(struct hadal_space *space, const struct hadal_field *field,
			  uint64_t address)
{
	size_t len = hadal_field_bytes(field);
	uint64_t copy;

	if (!address || !field->size || len > sizeof(copy) ||
	    hadal_space_read_exact(space, address + field->offset, &copy, len))
		return 0;
	return hadal_field_value(field, &copy, field->offset, len);
}
