/* SPDX-License-Identifier: MIT */
/*
 * What a hypercall with given registers must come to, told by the words of <hadal/abi.h> alone, for
 * a caller whose arena is laid out as below.
 */
#ifndef TESTS_GUEST_MODEL_H
#define TESTS_GUEST_MODEL_H

#include "support/world.h"

/* The pages of the arena. */
enum {
	TABLES = 0, /* page tables, written by the test alone */
	TABLES_END = 8,
	MAPPED = 8, /* may be mapped to show a page of DATA */
	MAPPED_END = 16,
	DATA = 16, /* may be written by hypercalls */
	DATA_END = 32,
	BUFFERS = 33,   /* the same, and results go here; a guard lies on each side */
	READ_ONLY = 48, /* shown read-only all the time */
	BUFFERS_END = 63,
};

struct model {
	const struct world *world;
	uint64_t shown[MAPPED_END]; /* physical address that a page of MAPPED shows, or 0 */
	bool writable[MAPPED_END];
	bool client[DATA_END];   /* a page of DATA is a client's root */
	int owner[MAPPED_END];   /* the client that has the page, or 0 */
	uint64_t cpu;            /* the caller's own vCPU */
	uint64_t current_levels; /* of the kernel's own page tables */
};

/* What may come out: one of some errors, or a result within bounds. */
struct expected {
	uint64_t errors;     /* bit errno % 64 */
	int64_t least, most; /* no success when most < least */
	bool trapped;
	bool harmless; /* whatever it does, it does not hurt the guest */
};

/* The call in `registers`, number included, before it is made. */
struct expected model_predict(const struct model *model,
			      const struct hadal_test_registers *registers);
/* Takes notice of a call that has succeeded. */
void model_done(struct model *model, const struct hadal_test_registers *registers);
bool model_agrees(const struct expected *expected, bool trapped, int64_t result);

/* model_walk() cannot know: a table lies in memory that is not the test's. */
#define WALK_UNKNOWN 1
/* 0 and *gpa, a negative errno as in struct hadal_translation, or WALK_UNKNOWN. */
int model_walk(const struct model *model, uint64_t root, uint64_t flags, uint64_t address,
	       uint64_t *gpa);
/* The physical address behind a guest-physical one. */
uint64_t model_behind(const struct model *model, uint64_t gpa);
/* Page of the arena, or -1. */
int model_page(const struct model *model, uint64_t physical);

#endif
