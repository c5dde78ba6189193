/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_TYPES_BTF_H
#define HADAL_LIB_TYPES_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel's types, from its BTF blob. */
struct hadal_types;

/* Where a member lies in its outermost structure. */
struct hadal_field {
	uint32_t offset; /* bytes; of a bit-field, the byte its first bit is in */
	uint32_t size; /* bytes, of the whole array if it is one; 0: there is no such member, or it
			is an array at the end that has no length */
	uint8_t bit_first; /* of a bit-field, the first bit in the byte at offset */
	uint8_t bit_count; /* 0: not a bit-field */
	uint32_t count;    /* elements of an array, else 1 */
	uint32_t type;     /* BTF id, qualifiers and typedefs resolved */
};

/*
 * Finds a BTF blob in data: at is where it begins, and its length is returned through size. Only
 * the header is looked at. Returns false when there is none.
 */
bool hadal_btf_search(const uint8_t *data, size_t len, size_t *at, size_t *size);

/* Loads a copy of the blob. Returns 0, -EINVAL (not sound), -ENOMEM. */
int hadal_types_load(const uint8_t *blob, size_t len, struct hadal_types **types,
		     struct hadal_error *error);
/*
 * The same for a module's blob, whose ids and names go on behind those of base, the kernel's own:
 * what is loaded has both. base must outlive it.
 */
int hadal_types_load_module(const struct hadal_types *base, const uint8_t *blob, size_t len,
			    struct hadal_types **types, struct hadal_error *error);
void hadal_types_free(struct hadal_types *types);

/* The first id of its own: 1, or of a module's the first behind the kernel's. */
uint32_t hadal_types_first(const struct hadal_types *types);

/*
 * The id of the type of that kind (BTF_KIND_*) and name, one of a module's own before one of the
 * kernel's; 0 for none.
 */
uint32_t hadal_types_find(const struct hadal_types *types, const char *name, uint32_t kind);
/* The same, of its own types only. */
uint32_t hadal_types_find_own(const struct hadal_types *types, const char *name, uint32_t kind);

/* libbpf's handle, for what is not below. */
struct btf;
struct btf_type;
const struct btf *hadal_types_btf(const struct hadal_types *types);

/* A name in the blob; "" for offsets outside of it. */
const char *hadal_types_string(const struct hadal_types *types, uint32_t offset);

/*
 * Follows typedefs and qualifiers to the type itself, whose id replaces *id. NULL for void, and
 * when that leads nowhere.
 */
const struct btf_type *hadal_types_resolved(const struct hadal_types *types, uint32_t *id);

/* Size in bytes of any type; 0 for one that has none. */
uint32_t hadal_types_bytes(const struct hadal_types *types, uint32_t id);

/* Size in bytes of a struct or union, or -ENOENT. */
int64_t hadal_types_size(const struct hadal_types *types, const char *name);

/*
 * Finds a member of the struct or union called name by a path such as "uid.val" or
 * "mem[2].base"; members of anonymous structures are found as in C, and "." is all of it. Returns
 * 0, -ENOENT (no such type or member), -EINVAL (malformed path).
 */
int hadal_types_field(const struct hadal_types *types, const char *name, const char *path,
		      struct hadal_field *field);

/*
 * The same for one member, also in anonymous structures, of the struct or union with that id.
 * Returns 0 or -ENOENT.
 */
int hadal_types_member(const struct hadal_types *types, uint32_t id, const char *name,
		       struct hadal_field *field);

/*
 * Narrows field, which says where a struct or union lies, down to a member of that, by its number
 * below btf_vlen(type).
 */
void hadal_types_enter(const struct hadal_types *types, const struct btf_type *type, unsigned index,
		       struct hadal_field *field);

/* The value and name of an enum's enumerator, by its number below btf_vlen(type). */
int64_t hadal_types_enumerator(const struct hadal_types *types, const struct btf_type *type,
			       unsigned index, const char **name);

/* The value of an enumerator, of any enum. Returns 0 or -ENOENT. */
int hadal_types_enum(const struct hadal_types *types, const char *enumerator, int64_t *value);

/* The same, of its own types only. */
int hadal_types_enum_own(const struct hadal_types *types, const char *enumerator, int64_t *value);

/*
 * A member that a reader needs, under the names it has had over the versions: the first path that
 * exists is taken.
 */
struct hadal_field_request {
	const char *type;
	const char *paths[3];
	bool optional; /* a missing one gets size 0 instead of an error */
};

/* Resolves all requests into fields. Returns 0, or -ENOENT with the missing member named. */
int hadal_types_resolve(const struct hadal_types *types, const struct hadal_field_request *requests,
			size_t count, struct hadal_field *fields, struct hadal_error *error);

/* How many bytes from its offset on hold the member: of a bit-field, those its bits are in. */
size_t hadal_field_bytes(const struct hadal_field *field);

/*
 * Reads an integer member of 1 to 8 bytes, or a bit-field, from a copy of len bytes of its
 * structure that begins at byte start of it. Signed members are not extended. Returns 0 for a
 * member that is missing or outside the copy.
 */
uint64_t hadal_field_value(const struct hadal_field *field, const void *copy, size_t start,
			   size_t len);

#ifdef __cplusplus
}
#endif

#endif
