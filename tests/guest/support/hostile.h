/* SPDX-License-Identifier: MIT */
/* Arguments for hypercalls: good ones, bad ones, and good ones a little changed. */
#ifndef TESTS_GUEST_HOSTILE_H
#define TESTS_GUEST_HOSTILE_H

#include "support/model.h"

/* Roots in TABLES: one that all entries lead back to, and one of random entries. */
enum { LOOPING_TABLE = TABLES, RANDOM_TABLE, RANDOM_TABLE_END = RANDOM_TABLE + 3 };

/* Fills the page tables of the arena. */
void hostile_tables(const struct model *model, uint64_t *random);
/* Any address: in the arena, of the hypervisor, of devices, of nothing. */
uint64_t hostile_address(const struct model *model, uint64_t *random);
uint64_t hostile_length(uint64_t *random);
/* Registers of a call that model_predict() says is harmless. */
void hostile_call(const struct model *model, uint64_t *random,
		  struct hadal_test_registers *registers);

#endif
