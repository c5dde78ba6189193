// SPDX-License-Identifier: MIT
#include "walk/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hadal_object_init(struct hadal_object *object, struct hadal_space *space,
		      const struct hadal_field *fields, size_t field_count, const char *what,
		      struct hadal_error *error)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (size_t i = 0; i < field_count; i++) {
		uint64_t field_end = fields[i].offset + (uint64_t)hadal_field_bytes(&fields[i]);

		if (!fields[i].size)
			continue;
		if (fields[i].offset < start)
			start = fields[i].offset;
		if (field_end > end)
			end = field_end;
	}
	if (start >= end || end - start > HADAL_OBJECT_MAX)
		return hadal_fail(error, EINVAL,
				  "This kernel's type information describes no sound %s", what);
	*object = (struct hadal_object){
		.space = space,
		.fields = fields,
		.field_count = field_count,
		.start = start,
		.len = end - start,
		.copy = malloc(end - start),
	};
	return object->copy ? 0 : hadal_fail(error, ENOMEM, "Out of memory");
}

void hadal_object_free(struct hadal_object *object)
{
	free(object->copy);
	*object = (struct hadal_object){0};
}

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
