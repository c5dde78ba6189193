// SPDX-License-Identifier: MIT
/* Calls about clients, the window, and pauses. */
#include <errno.h>

#include "support/model_parts.h"

#define SHORT_PAUSE (1ull << 22) /* TSC ticks */

static bool is_root(const struct model *model, uint64_t root)
{
	return root && !(root % PAGE) && world_place(model->world, root) != PLACE_OTHER;
}

struct expected predict_client_add(const struct model *model, const struct hadal_test_registers *r)
{
	struct expected e = {.least = 0, .most = 0};

	if (!is_root(model, r->rdi) || !is_root(model, r->rsi) || r->rdx % PAGE || r->rdx >> 47)
		e.errors = error_bit(EINVAL);
	if (client_of(model, r->rdi))
		e.errors |= error_bit(EEXIST);
	e.most = e.errors ? -1 : 0;
	e.harmless = is_in(model, r->rdi, DATA, DATA_END) &&
		     world_place(model->world, r->rdi) != PLACE_OWN &&
		     is_in(model, r->rsi, DATA, DATA_END);
	return e;
}

/* The calls whose RDI names a client; `errors` are those of the other arguments. */
struct expected predict_client(const struct model *model, const struct hadal_test_registers *r,
			       uint64_t errors)
{
	struct expected e = {.errors = errors, .least = 0, .most = 0};

	if (!client_of(model, r->rdi))
		e.errors |= error_bit(ENOENT);
	e.most = e.errors ? -1 : 0;
	e.harmless = is_in(model, r->rdi, TABLES, READ_ONLY);
	return e;
}

struct expected predict_page_add(const struct model *model, const struct hadal_test_registers *r)
{
	int page = mapped_page(model, r->rsi);
	uint64_t errors = page_errors(model, r->rsi);
	struct expected e;

	if (page && (model->shown[page] || model->owner[page]))
		errors |= error_bit(EEXIST);
	e = predict_client(model, r, errors);
	e.harmless &= is_in(model, r->rsi, MAPPED, MAPPED_END);
	return e;
}

/* Pages of clients show nothing else here: only their programs can ask for that. */
struct expected predict_page_remove(const struct model *model, const struct hadal_test_registers *r)
{
	int page = mapped_page(model, r->rsi);
	uint64_t errors = 0;

	if (r->rsi % PAGE || r->rdx & ~(uint64_t)HADAL_PAGE_IDLE)
		errors |= error_bit(EINVAL);
	if (!page || !model->owner[page] || model->owner[page] != client_of(model, r->rdi))
		errors |= error_bit(ENOENT);
	if (r->rdx & HADAL_PAGE_IDLE)
		errors |= error_bit(EBUSY);
	return predict_client(model, r, errors);
}

struct expected predict_client_state(const struct model *model,
				     const struct hadal_test_registers *r)
{
	struct expected e = predict_filler(model, r->rsi, r->rdx, sizeof(struct hadal_client), 0);
	bool harmless = e.harmless;

	e = predict_client(model, r, e.errors);
	e.harmless &= harmless;
	return e;
}

/* There is one window for all CPUs, so that only what fails is tried. */
struct expected predict_window(const struct hadal_test_registers *r)
{
	bool wrong = r->rdi % (1ull << 30) || r->rdi < 1ull << 32;

	return (struct expected){
		.errors = error_bit(r->rdi ? EINVAL : ENOENT),
		.most = -1,
		.harmless = !r->rdi || wrong,
	};
}

/* For the other CPU, which may be paused by now or not be any more; only for so long that it is
 * soon over.
 */
struct expected predict_pause(const struct model *model, const struct hadal_test_registers *r)
{
	struct expected e = {.errors = index_errors(r->rdi), .least = 0, .most = -1};

	if (r->rdi == model->cpu)
		e.errors |= error_bit(EDEADLK);
	if (!r->rsi || r->rsi > HADAL_PAUSE_TICKS_MAX)
		e.errors |= error_bit(EINVAL);
	e.harmless = e.errors || r->rsi <= SHORT_PAUSE;
	if (e.errors)
		return e;
	e.errors = error_bit(EEXIST) | error_bit(EAGAIN) | error_bit(ETIMEDOUT);
	e.most = 0;
	return e;
}

struct expected predict_resume(const struct hadal_test_registers *r)
{
	struct expected e = {.errors = index_errors(r->rdi), .least = 0, .harmless = true};

	e.most = e.errors ? -1 : 0;
	if (!e.errors)
		e.errors = error_bit(ENOENT);
	return e;
}

/* What would be set on the other CPU, if that is paused, is anything: only what fails is tried. */
struct expected predict_set_regs(const struct model *model, const struct hadal_test_registers *r)
{
	struct expected e = {.errors = index_errors(r->rdi), .least = 0, .most = -1};

	if (r->rdx != sizeof(struct hadal_set_regs))
		e.errors |= error_bit(EINVAL);
	if (!is_range_usable(model, r->rsi, sizeof(struct hadal_set_regs), false))
		e.errors |= error_bit(EFAULT);
	if (r->rdi == model->cpu)
		e.errors |= error_bit(EBUSY);
	e.harmless = e.errors;
	/* Looked at in its turn, not being paused may come first. */
	e.errors |= error_bit(EBUSY);
	return e;
}
