/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KERNEL_FACTS_H
#define HADAL_LIB_KERNEL_FACTS_H

#include "types/btf.h"
#include "symbols/kallsyms.h"

#define HADAL_BUILD_ID_BYTES 20

/*
 * What was found out about one build of the kernel and is the same at every boot of it: where some
 * symbols lie in its image, and members in its structures. Can be kept in a file, so that the next
 * start does not search again.
 */
struct hadal_facts {
	uint8_t build_id[HADAL_BUILD_ID_BYTES];
	uint64_t build_id_at; /* offset in the image of these bytes; 0: the kernel has none */
	struct hadal_fact_symbol {
		char *name;
		uint64_t offset; /* from the kernel's base, or an address for itself */
		bool absolute;   /* the latter: where a per-CPU variable is in each CPU's data */
	} * symbols;
	size_t symbol_count;
	struct hadal_fact_field {
		char *type;
		char *path;
		struct hadal_field field;
	} * fields;
	size_t field_count;
	bool changed; /* since it was loaded */
};

void hadal_facts_clear(struct hadal_facts *facts);

/* NULL when it is not known. */
const struct hadal_fact_symbol *hadal_facts_symbol(const struct hadal_facts *facts,
						   const char *name);
const struct hadal_fact_field *hadal_facts_field(const struct hadal_facts *facts, const char *type,
						 const char *path);

/* Add what is not known yet. Return 0 or -ENOMEM. */
int hadal_facts_add_symbol(struct hadal_facts *facts, const char *name, uint64_t offset,
			   bool absolute);
int hadal_facts_add_field(struct hadal_facts *facts, const char *type, const char *path,
			  const struct hadal_field *field);

/*
 * Reads facts from a file. Returns 0; -ENOENT and the like; -EPERM when others than this user may
 * write the file; -EINVAL when it is damaged or of another version. Whether they are about the
 * kernel at hand is the caller's to check, by the build id in memory.
 */
int hadal_facts_load(struct hadal_facts *facts, const char *path);

/*
 * Writes them to a file of the build id's name in a directory, which is made if it is not there.
 * The file is there whole or not at all. Returns 0 or a negative errno.
 */
int hadal_facts_save(const struct hadal_facts *facts, const char *directory);

#endif
