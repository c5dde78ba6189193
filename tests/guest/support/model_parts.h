/* SPDX-License-Identifier: MIT */
/* What the files of the model share. */
#ifndef TESTS_GUEST_MODEL_PARTS_H
#define TESTS_GUEST_MODEL_PARTS_H

#include "support/model.h"

static inline uint64_t error_bit(int error)
{
	return 1ull << error % 64;
}

/* May the caller's own hands read or write these guest-physical bytes? */
bool is_range_usable(const struct model *model, uint64_t gpa, uint64_t bytes, bool write);
/* A call that fills a struct at a buffer; `errors` are those of its other arguments. */
struct expected predict_filler(const struct model *model, uint64_t buffer, uint64_t size,
			       uint64_t needed, uint64_t errors);
/* Errors of a vCPU's index, and of a page. */
uint64_t index_errors(uint64_t index);
uint64_t page_errors(const struct model *model, uint64_t page);
/* In these pages of the arena, or no RAM that could be used. */
bool is_in(const struct model *model, uint64_t address, int first, int end);
/* The page of the arena that may be mapped, or 0. */
int mapped_page(const struct model *model, uint64_t address);
/* The page of the arena that is the root of a client, or 0. */
int client_of(const struct model *model, uint64_t root);

/* model_calls.c */
struct expected predict_client_add(const struct model *model, const struct hadal_test_registers *r);
struct expected predict_client(const struct model *model, const struct hadal_test_registers *r,
			       uint64_t errors);
struct expected predict_page_add(const struct model *model, const struct hadal_test_registers *r);
struct expected predict_page_remove(const struct model *model,
				    const struct hadal_test_registers *r);
struct expected predict_client_state(const struct model *model,
				     const struct hadal_test_registers *r);
struct expected predict_window(const struct hadal_test_registers *r);
struct expected predict_pause(const struct model *model, const struct hadal_test_registers *r);
struct expected predict_resume(const struct hadal_test_registers *r);
struct expected predict_set_regs(const struct model *model, const struct hadal_test_registers *r);

#endif
