/* SPDX-License-Identifier: MIT */
/* What the processes of test_fuzz_events share: a workload that checks its own results. */
#ifndef TESTS_GUEST_SCENE_H
#define TESTS_GUEST_SCENE_H

#include <sys/types.h>

#include "support/victim.h"

#define SCENE_CPUS      2u
#define SCENE_PATTERNS  4u /* pages of words that workers fill and check */
#define SCENE_FUNCTIONS 32u

struct shared_scene {
	volatile bool stop;
	volatile uint64_t rounds[SCENE_CPUS]; /* of each worker */
	volatile uint64_t added;              /* by both, atomically */
	volatile uint64_t to_add[SCENE_CPUS]; /* what each has added */
	volatile uint64_t roots[SCENE_CPUS + 2];
};

struct scene {
	unsigned int cpus; /* 1 or SCENE_CPUS */
	struct victim victim;
	uint8_t *patterns; /* SCENE_PATTERNS pages for each CPU */
	uint64_t pattern_physical[SCENE_CPUS * SCENE_PATTERNS];
	uint64_t ram_end;
	uint64_t functions[SCENE_FUNCTIONS]; /* of the kernel, often called */
	unsigned int function_count;
	struct shared_scene *shared;
};

/* Before any process of the scene is forked. */
void scene_open(struct scene *scene);

/*
 * Does things of which the outcome is known until shared->stop, and compares. The exit status of
 * its process: 0, or 1 with a message. program: itself, which worker_child() answers for.
 */
int worker_run(const struct scene *scene, unsigned int cpu, uint64_t random, const char *program);
/* As started by a worker, with what it was given. */
int worker_child(uint64_t seed);

#endif
