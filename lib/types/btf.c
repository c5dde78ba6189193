// SPDX-License-Identifier: MIT
/* The kernel's types: where members lie, by libbpf. */
#include "types/btf.h"

#include <bpf/btf.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Anonymous structures inside each other; the deepest in the kernel has 4. */
#define MAX_DEPTH 16
#define MAX_NAME  128
/* Members looked at to find one: a hostile blob can nest anonymous structures without end. */
#define MAX_MEMBERS 100000

struct hadal_types {
	struct btf *btf;
	uint32_t first; /* id of its own */
};

/*
 * Is this header sound and does what it describes fit in len? Then *size is all of it. split: the
 * blob is a module's, which may have no names of its own, and no empty one.
 */
static bool header_fits(const uint8_t *blob, size_t len, bool split, size_t *size)
{
	struct btf_header header;
	uint64_t types_end, strings_end, end;

	if (len < sizeof(header))
		return false;
	memcpy(&header, blob, sizeof(header));
	types_end = (uint64_t)header.type_off + header.type_len;
	strings_end = (uint64_t)header.str_off + header.str_len;
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION || header.flags ||
	    header.hdr_len < sizeof(header) || header.type_off % 4 || header.type_len % 4 ||
	    !header.type_len || (!split && !header.str_len) || types_end > header.str_off)
		return false;
	end = header.hdr_len + strings_end;
	if (end > len || end > UINT32_MAX)
		return false;
	*size = end;
	return (split || blob[header.hdr_len + header.str_off] == '\0') &&
	       (!header.str_len || blob[end - 1] == '\0');
}

bool hadal_btf_search(const uint8_t *data, size_t len, size_t *at, size_t *size)
{
	static const uint8_t start[] = {BTF_MAGIC & 0xff, BTF_MAGIC >> 8, BTF_VERSION, 0};
	size_t from = 0;

	while (from < len) {
		const uint8_t *hit = memmem(data + from, len - from, start, sizeof(start));

		if (!hit)
			return false;
		*at = hit - data;
		if (header_fits(hit, len - *at, false, size))
			return true;
		from = *at + 1;
	}
	return false;
}

/* The shared libbpf parses what goes on behind another blob from a file only: here one in memory.
 */
static struct btf *parse_split(const uint8_t *blob, size_t size, struct btf *base)
{
	int fd = memfd_create("btf", MFD_CLOEXEC);
	struct btf *btf = NULL;
	char path[32];
	int code;

	if (fd < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, blob, size) == (ssize_t)size)
		btf = btf__parse_raw_split(path, base);
	code = errno;
	close(fd);
	errno = code;
	return btf;
}

static int load(const struct hadal_types *base, const char *whose, const uint8_t *blob, size_t len,
		struct hadal_types **types, struct hadal_error *error)
{
	struct hadal_types *loaded;
	size_t size;

	if (!header_fits(blob, len, base, &size))
		return hadal_fail(error, EINVAL, "%s type information (BTF) has no sound header",
				  whose);
	loaded = calloc(1, sizeof(*loaded));
	if (!loaded)
		return hadal_fail(error, ENOMEM, "Out of memory");
	loaded->first = base ? btf__type_cnt(base->btf) : 1;
	loaded->btf = base ? parse_split(blob, size, base->btf) : btf__new(blob, size);
	if (!loaded->btf) {
		int code = errno == ENOMEM ? ENOMEM : EINVAL;

		free(loaded);
		return hadal_fail(error, code, "%s type information (BTF) is damaged: %s", whose,
				  strerror(code));
	}
	*types = loaded;
	return 0;
}

int hadal_types_load(const uint8_t *blob, size_t len, struct hadal_types **types,
		     struct hadal_error *error)
{
	return load(NULL, "The kernel's", blob, len, types, error);
}

int hadal_types_load_module(const struct hadal_types *base, const uint8_t *blob, size_t len,
			    struct hadal_types **types, struct hadal_error *error)
{
	return load(base, "A module's", blob, len, types, error);
}

void hadal_types_free(struct hadal_types *types)
{
	if (!types)
		return;
	btf__free(types->btf);
	free(types);
}

const struct btf *hadal_types_btf(const struct hadal_types *types)
{
	return types->btf;
}

uint32_t hadal_types_first(const struct hadal_types *types)
{
	return types->first;
}

uint32_t hadal_types_find_own(const struct hadal_types *types, const char *name, uint32_t kind)
{
	uint32_t count = btf__type_cnt(types->btf);

	for (uint32_t id = types->first; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(types->btf, id);

		if (btf_kind(type) == kind &&
		    !strcmp(hadal_types_string(types, type->name_off), name))
			return id;
	}
	return 0;
}

uint32_t hadal_types_find(const struct hadal_types *types, const char *name, uint32_t kind)
{
	uint32_t own = hadal_types_find_own(types, name, kind);
	int32_t any = own ? (int32_t)own : btf__find_by_name_kind(types->btf, name, kind);

	return any > 0 ? any : 0;
}

const char *hadal_types_string(const struct hadal_types *types, uint32_t offset)
{
	const char *string = btf__name_by_offset(types->btf, offset);

	return string ? string : "";
}

const struct btf_type *hadal_types_resolved(const struct hadal_types *types, uint32_t *id)
{
	for (int i = 0; i < MAX_DEPTH; i++) {
		const struct btf_type *type = btf__type_by_id(types->btf, *id);

		if (!type || !(btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type)))
			return type;
		*id = type->type;
	}
	return NULL;
}

static const struct btf_type *find_composite(const struct hadal_types *types, const char *name,
					     uint32_t *id)
{
	int found = btf__find_by_name_kind(types->btf, name, BTF_KIND_STRUCT);

	if (found < 0)
		found = btf__find_by_name_kind(types->btf, name, BTF_KIND_UNION);
	if (found < 0)
		return NULL;
	*id = found;
	return btf__type_by_id(types->btf, found);
}

int64_t hadal_types_size(const struct hadal_types *types, const char *name)
{
	uint32_t id;
	const struct btf_type *type = find_composite(types, name, &id);

	return type ? (int64_t)type->size : -ENOENT;
}

uint32_t hadal_types_bytes(const struct hadal_types *types, uint32_t id)
{
	int64_t size = btf__resolve_size(types->btf, id);

	return size > 0 && size <= UINT32_MAX ? size : 0;
}

void hadal_types_enter(const struct hadal_types *types, const struct btf_type *type, unsigned index,
		       struct hadal_field *field)
{
	uint32_t bits = btf_member_bit_offset(type, index);
	const struct btf_type *member;

	field->offset += bits / 8;
	field->bit_count = btf_member_bitfield_size(type, index);
	field->bit_first = field->bit_count ? bits % 8 : 0;
	field->type = btf_members(type)[index].type;
	field->size = hadal_types_bytes(types, field->type);
	field->count = 1;
	member = hadal_types_resolved(types, &field->type);
	if (member && btf_is_array(member))
		field->count = btf_array(member)->nelems;
}

struct member_search {
	const struct hadal_types *types;
	const char *name;
	unsigned budget; /* of members that may still be looked at */
};

/* Finds a member of a structure and of the anonymous ones inside it. */
static int find_member(struct member_search *search, const struct btf_type *type, int depth,
		       struct hadal_field *field)
{
	const struct btf *btf = search->types->btf;

	if (!type || !btf_is_composite(type) || depth > MAX_DEPTH)
		return -ENOENT;
	for (unsigned i = 0; i < btf_vlen(type) && search->budget; i++) {
		const char *member = btf__name_by_offset(btf, btf_members(type)[i].name_off);
		struct hadal_field inside = *field;

		search->budget--;
		if (!member)
			continue;
		if (!strcmp(member, search->name)) {
			hadal_types_enter(search->types, type, i, field);
			return 0;
		}
		if (*member)
			continue;
		hadal_types_enter(search->types, type, i, &inside);
		if (!find_member(search, btf__type_by_id(btf, inside.type), depth + 1, &inside)) {
			*field = inside;
			return 0;
		}
	}
	return -ENOENT;
}

/* Narrows an array down to one of its elements. */
static int enter_element(const struct hadal_types *types, unsigned long index,
			 struct hadal_field *field)
{
	const struct btf_type *array = btf__type_by_id(types->btf, field->type);
	uint32_t element;

	if (!array || !btf_is_array(array) || index >= btf_array(array)->nelems)
		return -ENOENT;
	element = btf_array(array)->type;
	field->size = hadal_types_bytes(types, element);
	field->offset += index * field->size;
	field->type = element;
	field->count = 1;
	array = hadal_types_resolved(types, &field->type);
	if (array && btf_is_array(array))
		field->count = btf_array(array)->nelems;
	return 0;
}

int hadal_types_member(const struct hadal_types *types, uint32_t id, const char *name,
		       struct hadal_field *field)
{
	*field = (struct hadal_field){.type = id};
	return find_member(&(struct member_search){types, name, MAX_MEMBERS},
			   btf__type_by_id(types->btf, id), 0, field);
}

int hadal_types_field(const struct hadal_types *types, const char *name, const char *path,
		      struct hadal_field *field)
{
	const struct btf_type *type;

	*field = (struct hadal_field){0};
	type = find_composite(types, name, &field->type);
	if (!type)
		return -ENOENT;
	if (!strcmp(path, ".")) {
		field->size = type->size;
		field->count = 1;
		return field->size ? 0 : -ENOENT;
	}
	for (;;) {
		char member[MAX_NAME];
		size_t len = strcspn(path, ".[");
		int error;

		if (!len || len >= sizeof(member))
			return -EINVAL;
		memcpy(member, path, len);
		member[len] = '\0';
		error = find_member(&(struct member_search){types, member, MAX_MEMBERS}, type, 0,
				    field);
		if (error)
			return error;
		path += len;
		while (*path == '[') {
			char *end;
			unsigned long index = strtoul(path + 1, &end, 10);

			if (!isdigit((unsigned char)path[1]) || *end != ']')
				return -EINVAL;
			error = enter_element(types, index, field);
			if (error)
				return error;
			path = end + 1;
		}
		/* An array of no length has a place, if no size. */
		if (!*path)
			return field->size || !field->count ? 0 : -ENOENT;
		if (*path++ != '.')
			return -EINVAL;
		type = btf__type_by_id(types->btf, field->type);
	}
}

int64_t hadal_types_enumerator(const struct hadal_types *types, const struct btf_type *type,
			       unsigned index, const char **name)
{
	const struct btf_enum64 *wide = btf_is_enum64(type) ? &btf_enum64(type)[index] : NULL;

	*name = hadal_types_string(types, wide ? wide->name_off : btf_enum(type)[index].name_off);
	return wide ? (int64_t)btf_enum64_value(wide) : btf_enum(type)[index].val;
}

static int find_enumerator(const struct hadal_types *types, uint32_t first, const char *enumerator,
			   int64_t *value)
{
	uint32_t count = btf__type_cnt(types->btf);

	for (uint32_t id = first; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(types->btf, id);

		if (!type || !btf_is_any_enum(type))
			continue;
		for (unsigned i = 0; i < btf_vlen(type); i++) {
			const char *name;

			*value = hadal_types_enumerator(types, type, i, &name);
			if (!strcmp(name, enumerator))
				return 0;
		}
	}
	return -ENOENT;
}

int hadal_types_enum(const struct hadal_types *types, const char *enumerator, int64_t *value)
{
	return find_enumerator(types, 1, enumerator, value);
}

int hadal_types_enum_own(const struct hadal_types *types, const char *enumerator, int64_t *value)
{
	return find_enumerator(types, types->first, enumerator, value);
}

int hadal_types_resolve(const struct hadal_types *types, const struct hadal_field_request *requests,
			size_t count, struct hadal_field *fields, struct hadal_error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct hadal_field_request *request = &requests[i];
		int missing = -ENOENT;

		for (size_t j = 0; missing && j < 3 && request->paths[j]; j++)
			missing = hadal_types_field(types, request->type, request->paths[j],
						    &fields[i]);
		if (!missing)
			continue;
		if (!request->optional)
			return hadal_fail(
				error, ENOENT,
				"This kernel's struct %s has no member %s; its version is "
				"not one that Hadal knows",
				request->type, request->paths[0]);
		fields[i] = (struct hadal_field){0};
	}
	return 0;
}

size_t hadal_field_bytes(const struct hadal_field *field)
{
	return field->bit_count ? (field->bit_first + field->bit_count + 7u) / 8u : field->size;
}

uint64_t hadal_field_value(const struct hadal_field *field, const void *copy, size_t start,
			   size_t len)
{
	uint64_t value = 0;
	size_t size = hadal_field_bytes(field);

	if (!size || size > sizeof(value) || field->offset < start ||
	    field->offset - start + size > len)
		return 0;
	memcpy(&value, (const char *)copy + field->offset - start, size);
	if (field->bit_count) {
		value >>= field->bit_first;
		if (field->bit_count < 64)
			value &= (1ull << field->bit_count) - 1;
	}
	return value;
}
