/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_WALK_OBJECT_H
#define HADAL_LIB_WALK_OBJECT_H

#include "types/btf.h"
#include "walk/list.h"
#include "memory/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reads the kernel's objects of one structure, each in one piece, so that the members of a copy
 * belong together. It is part of a plan (walk/plan.h); fields below are numbers of its needs, and
 * must be of this structure.
 */
struct hadal_object {
	struct hadal_space *space;
	const struct hadal_field *fields;
	size_t start; /* of the part read, in bytes from the object's address */
	size_t len;
	uint64_t address; /* of the object that copy is of */
	uint8_t *copy;
};

/* The part of a structure that holds its members is at most this long, in bytes. */
#define HADAL_OBJECT_MAX (64u << 10)

/* Reads the object at an address. Returns 0 or a negative errno; the copy is then not to be used.
 */
int hadal_object_read(struct hadal_object *object, uint64_t address);

/* An integer or pointer, as hadal_field_value; 0 when there is no such member. */
uint64_t hadal_object_value(const struct hadal_object *object, size_t field);

/* Where the member is in the copy, or NULL when there is none. */
const void *hadal_object_member(const struct hadal_object *object, size_t field);

/* A member's address in the machine's memory. */
uint64_t hadal_object_at(const struct hadal_object *object, size_t field);

/* A list_head; both links are 0 when the member is missing or no list_head. */
struct hadal_links hadal_object_links(const struct hadal_object *object, size_t field);

/*
 * Copies a character array, as much as fits, and terminates it. Returns its length, or -EINVAL
 * when it has no end or there is no such member: then it is not the object it was taken for.
 */
ssize_t hadal_object_string(const struct hadal_object *object, size_t field, char *text,
			    size_t size);

/* A member of another structure at address, read by itself; 0 when it cannot be. */
uint64_t hadal_field_read(struct hadal_space *space, const struct hadal_field *field,
			  uint64_t address);

/*
 * Appends to a list that has items and count. Evaluates to the new, uninitialised item, or to NULL
 * when there is no memory; the list is then as before. capacity: of the items, kept by the reader.
 */
#define HADAL_LIST_APPEND(list, capacity)                                                         \
	({                                                                                        \
		typeof((list)->items) grown_ =                                                    \
			hadal_list_grow((list)->items, (list)->count, capacity, sizeof(*grown_)); \
		if (grown_)                                                                       \
			(list)->items = grown_;                                                   \
		grown_ ? &(list)->items[(list)->count++] : NULL;                                  \
	})

#ifdef __cplusplus
}
#endif

#endif
