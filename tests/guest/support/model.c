// SPDX-License-Identifier: MIT
/* A model of the hypercalls: what each must answer and change. */
#include <errno.h>

#include <hadal/events.h>

#include "support/model_parts.h"

#define ADDRESS_BITS 0x000ffffffffff000ull
#define LOG_MOST     16384

/* May the caller's own hands read or write this guest-physical page? */
static bool is_usable(const struct model *model, uint64_t gpa, bool write)
{
	int page = model_page(model, gpa);
	enum place place = world_place(model->world, gpa);

	if (page == READ_ONLY)
		return !write;
	if (page >= MAPPED && page < MAPPED_END && model->shown[page])
		return !write || model->writable[page];
	return write ? place == PLACE_RAM : place != PLACE_OTHER;
}

bool is_range_usable(const struct model *model, uint64_t gpa, uint64_t bytes, bool write)
{
	if (gpa + bytes < gpa)
		return false;
	for (uint64_t at = gpa & -PAGE; at < gpa + bytes; at += PAGE)
		if (!is_usable(model, at, write))
			return false;
	return true;
}

/* Memory that may be written, or that nobody can write. */
static bool is_harmless_to_write(const struct model *model, uint64_t physical)
{
	int page = model_page(model, physical);

	if (world_place(model->world, physical) != PLACE_RAM)
		return true;
	return (page >= MAPPED && page < DATA_END) || (page >= BUFFERS && page < BUFFERS_END);
}

static bool is_harmless_range(const struct model *model, uint64_t physical, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes + PAGE; at += PAGE)
		if (!is_harmless_to_write(model, physical + (at < bytes ? at : bytes)))
			return false;
	return true;
}

/* Where there is no device: registers have effects, and some want accesses of one size. */
static bool is_harmless_device(uint64_t address)
{
	return address >= 0x40000000 && address < 0x80000000;
}

struct piece {
	uint64_t errors;
	bool known;
	uint64_t physical;
};

/* The byte at address + done of a transfer. */
static struct piece piece_at(const struct model *model, const struct hadal_test_registers *r,
			     uint64_t done)
{
	struct piece piece = {.known = true, .physical = r->rdi + done};
	enum place place;

	if (r->r8 & HADAL_MEM_VIRTUAL) {
		uint64_t gpa;
		int error = model_walk(model, r->r9, r->r8, r->rdi + done, &gpa);

		if (error == WALK_UNKNOWN) {
			piece.known = false;
			piece.errors = error_bit(EFAULT) | error_bit(EACCES) | error_bit(ENXIO);
			return piece;
		}
		if (error) {
			piece.errors = error_bit(error == -ENXIO ? ENXIO : EFAULT);
			piece.physical = -1ull;
			return piece;
		}
		piece.physical = model_behind(model, gpa);
	}
	place = world_place(model->world, piece.physical);
	if (place == PLACE_OWN)
		piece.errors = error_bit(EACCES);
	else if (place == PLACE_OTHER &&
		 (!(r->r8 & HADAL_MEM_MMIO) || piece.physical >> model->world->info.physical_bits))
		piece.errors = error_bit(ENXIO);
	return piece;
}

static bool is_root_beyond(const struct model *model, uint64_t root)
{
	return root != HADAL_ROOT_CURRENT &&
	       (root & ADDRESS_BITS) >> model->world->info.physical_bits;
}

static bool are_arguments_wrong(const struct model *model, const struct hadal_test_registers *r)
{
	const uint64_t levels = HADAL_MEM_LA48 | HADAL_MEM_LA57;

	if (!r->rsi || r->rsi > HADAL_TRANSFER_MAX)
		return true;
	if (r->rdi + r->rsi < r->rdi || r->rdx + r->rsi < r->rdx)
		return true;
	if (r->r8 & ~(HADAL_MEM_VIRTUAL | HADAL_MEM_MMIO | levels) || (r->r8 & levels) == levels)
		return true;
	if (r->r8 & HADAL_MEM_VIRTUAL)
		return r->r8 & HADAL_MEM_MMIO || is_root_beyond(model, r->r9);
	return r->r8 & levels;
}

static bool is_transfer_harmless(const struct model *model, const struct hadal_test_registers *r,
				 bool write)
{
	uint64_t bytes = r->rsi < HADAL_TRANSFER_MAX ? r->rsi : HADAL_TRANSFER_MAX;

	if (!write && !is_harmless_range(model, r->rdx, bytes))
		return false;
	for (uint64_t at = 0; at <= bytes;
	     at += at + PAGE > bytes && at < bytes ? bytes - at : PAGE) {
		struct piece piece = piece_at(model, r, at);

		if (write && (!piece.known || !is_harmless_to_write(model, piece.physical)))
			return false;
		if (r->r8 & HADAL_MEM_MMIO && !piece.errors &&
		    world_place(model->world, piece.physical) == PLACE_OTHER &&
		    !is_harmless_device(piece.physical))
			return false;
	}
	return true;
}

static struct expected predict_transfer(const struct model *model,
					const struct hadal_test_registers *r, bool write)
{
	struct expected e = {.least = 1, .most = 0};
	uint64_t done = 0;

	e.harmless = is_transfer_harmless(model, r, write);
	if (are_arguments_wrong(model, r)) {
		e.errors = error_bit(EINVAL);
		return e;
	}
	while (done < r->rsi) {
		struct piece piece = piece_at(model, r, done);
		uint64_t buffer = r->rdx + done;
		/* A piece crosses no page on either side. */
		uint64_t target = PAGE - (r->rdi + done) % PAGE, source = PAGE - buffer % PAGE;

		if (!is_usable(model, buffer, !write))
			piece.errors |= error_bit(EFAULT);
		if (!piece.known) { /* may fail here, or go on to anywhere */
			e.errors = done ? 0 : piece.errors;
			e.least = done ? done : 1;
			e.most = r->rsi;
			return e;
		}
		if (piece.errors) {
			e.errors = done ? 0 : piece.errors;
			break;
		}
		done += target < source ? target : source;
	}
	if (done > r->rsi)
		done = r->rsi;
	e.least = e.errors ? 1 : (int64_t)done;
	e.most = e.errors ? 0 : (int64_t)done;
	return e;
}

/* A call that fills a struct at a buffer; `errors` are those of its other arguments. */
struct expected predict_filler(const struct model *model, uint64_t buffer, uint64_t size,
			       uint64_t needed, uint64_t errors)
{
	struct expected e = {.errors = errors, .least = 0, .most = 0};

	if (size < needed)
		e.errors |= error_bit(EINVAL);
	if (!is_range_usable(model, buffer, needed, true))
		e.errors |= error_bit(EFAULT);
	e.most = e.errors ? -1 : 0;
	e.harmless = is_harmless_range(model, buffer, needed);
	return e;
}

uint64_t index_errors(uint64_t index)
{
	return index < 2 ? 0 : error_bit(ENXIO);
}

uint64_t page_errors(const struct model *model, uint64_t page)
{
	enum place place = world_place(model->world, page);

	if (page % PAGE)
		return error_bit(EINVAL);
	if (place == PLACE_RAM)
		return 0;
	return error_bit(place == PLACE_OWN ? EACCES : ENXIO);
}

bool is_in(const struct model *model, uint64_t address, int first, int end)
{
	int page = model_page(model, address);

	return world_place(model->world, address) != PLACE_RAM || (page >= first && page < end);
}

/* The page of the arena that may be mapped, or 0. */
int mapped_page(const struct model *model, uint64_t address)
{
	int page = model_page(model, address);

	return page >= MAPPED && page < MAPPED_END ? page : 0;
}

/* The page of the arena that is the root of a client, or 0. */
int client_of(const struct model *model, uint64_t root)
{
	int page = model_page(model, root);

	return page >= DATA && page < DATA_END && !(root % PAGE) && model->client[page] ? page : 0;
}

static struct expected predict_map(const struct model *model, const struct hadal_test_registers *r)
{
	struct expected e = {.least = 0, .most = 0};
	int page = mapped_page(model, r->rdi);

	e.errors = page_errors(model, r->rdi) | page_errors(model, r->rsi);
	if (r->rdx & ~(uint64_t)HADAL_MAP_WRITE)
		e.errors |= error_bit(EINVAL);
	if (page && (model->shown[page] || model->owner[page]))
		e.errors |= error_bit(EEXIST);
	e.most = e.errors ? -1 : 0;
	e.harmless =
		is_in(model, r->rdi, MAPPED, MAPPED_END) && is_in(model, r->rsi, DATA, DATA_END);
	return e;
}

static struct expected predict_unmap(const struct model *model,
				     const struct hadal_test_registers *r)
{
	struct expected e = {.least = 0, .most = 0};
	int page = mapped_page(model, r->rdi);

	if (r->rdi % PAGE)
		e.errors = error_bit(EINVAL);
	else if (!page || !model->shown[page])
		e.errors = error_bit(ENOENT);
	e.most = e.errors ? -1 : 0;
	e.harmless = is_in(model, r->rdi, TABLES, READ_ONLY);
	return e;
}

static void forget_client(struct model *model, int client)
{
	model->client[client] = false;
	for (int page = MAPPED; page < MAPPED_END; page++)
		if (model->owner[page] == client)
			model->owner[page] = 0;
}

void model_done(struct model *model, const struct hadal_test_registers *r)
{
	switch (r->rax - HADAL_CALL_BASE) {
	case HADAL_CALL_MAP:
		model->shown[mapped_page(model, r->rdi)] = r->rsi;
		model->writable[mapped_page(model, r->rdi)] = r->rdx & HADAL_MAP_WRITE;
		break;
	case HADAL_CALL_UNMAP:
		model->shown[mapped_page(model, r->rdi)] = 0;
		break;
	case HADAL_CALL_CLIENT_ADD:
		model->client[model_page(model, r->rdi)] = true;
		break;
	case HADAL_CALL_CLIENT_REMOVE:
		forget_client(model, client_of(model, r->rdi));
		break;
	case HADAL_CALL_CLIENT_PAGE_ADD:
		model->owner[mapped_page(model, r->rsi)] = client_of(model, r->rdi);
		break;
	case HADAL_CALL_CLIENT_PAGE_REMOVE:
		model->owner[mapped_page(model, r->rsi)] = 0;
		break;
	}
}

static struct expected predict_translate(const struct model *model,
					 const struct hadal_test_registers *r)
{
	const uint64_t levels = HADAL_MEM_LA48 | HADAL_MEM_LA57;
	bool wrong = r->r9 & ~levels || r->r9 == levels || is_root_beyond(model, r->rsi);

	return predict_filler(model, r->rdx, r->r8, sizeof(struct hadal_translation),
			      wrong ? error_bit(EINVAL) : 0);
}

static struct expected predict_log(const struct model *model, const struct hadal_test_registers *r)
{
	/* How much it writes at once is its own business; one byte it must be able to. */
	struct expected e = predict_filler(model, r->rsi, r->rdx, 1, 0);
	uint64_t most = r->rdx < LOG_MOST ? r->rdx : LOG_MOST;

	if (!is_range_usable(model, r->rsi, most, true))
		e.errors |= error_bit(EFAULT);
	e.harmless = is_harmless_range(model, r->rsi, most);
	e.least = 0;
	e.most = e.most < 0 ? -1 : (int64_t)most;
	return e;
}

static struct expected predict_ram(const struct model *model, const struct hadal_test_registers *r)
{
	uint64_t count = model->world->info.ram_count, bytes = r->rsi;
	struct expected e;

	if (bytes > count * sizeof(struct hadal_range))
		bytes = count * sizeof(struct hadal_range);
	e = predict_filler(model, r->rdi, bytes, bytes,
			   r->rsi % sizeof(struct hadal_range) ? error_bit(EINVAL) : 0);
	if (!bytes)
		e = (struct expected){.harmless = true};
	e.least = e.most = e.errors ? -1 : (int64_t)count;
	return e;
}

/* While nobody reads events: no owner and no subscription has any number. */
static struct expected predict_events(const struct model *model,
				      const struct hadal_test_registers *r)
{
	struct expected none = {.errors = error_bit(ENOENT), .most = -1, .harmless = true};

	switch (r->rax - HADAL_CALL_BASE) {
	case HADAL_CALL_EVENTS_OPEN: /* would write to whatever pages the buffer names */
		return (struct expected){.harmless = false};
	case HADAL_CALL_SUBSCRIBE:
	case HADAL_CALL_EVENT_ANSWER:
	case HADAL_CALL_VIEW:
		none.errors |= error_bit(EINVAL) | error_bit(EFAULT);
		return none;
	case HADAL_CALL_SUBSCRIPTION_STATE:
		none.errors |= error_bit(EINVAL) | error_bit(EFAULT) | error_bit(ENXIO);
		none.harmless =
			is_harmless_range(model, r->rsi, sizeof(struct hadal_subscription_state));
		return none;
	case HADAL_CALL_EVENT_REQUEST:
		return (struct expected){.harmless = true};
	default:
		return none;
	}
}

static struct expected predict_own(const struct model *model, const struct hadal_test_registers *r)
{
	bool there = r->rdi < model->world->own_ranges;

	return (struct expected){
		.harmless = true, .errors = there ? 0 : error_bit(ENOENT), .most = there ? 0 : -1};
}

struct expected model_predict(const struct model *model, const struct hadal_test_registers *r)
{
	struct expected query = {.harmless = true, .least = 0, .most = 0};

	switch (r->rax - HADAL_CALL_BASE) {
	case HADAL_CALL_QUERY:
		query.errors = r->rdi == HADAL_ABI_VERSION ? 0 : error_bit(EPROTO);
		query.most = query.errors ? -1 : 0;
		return query;
	case HADAL_CALL_INFO:
		return predict_filler(model, r->rdi, r->rsi, sizeof(struct hadal_info), 0);
	case HADAL_CALL_STOP:
		return (struct expected){.harmless = false};
	case HADAL_CALL_REGS:
		return predict_filler(model, r->rsi, r->rdx, sizeof(struct hadal_regs),
				      index_errors(r->rdi));
	case HADAL_CALL_TRANSLATE:
		return predict_translate(model, r);
	case HADAL_CALL_READ:
		return predict_transfer(model, r, false);
	case HADAL_CALL_WRITE:
		return predict_transfer(model, r, true);
	case HADAL_CALL_MAP:
		return predict_map(model, r);
	case HADAL_CALL_UNMAP:
		return predict_unmap(model, r);
	case HADAL_CALL_LOG:
		return predict_log(model, r);
	case HADAL_CALL_STATS:
		return predict_filler(model, r->rsi, r->rdx, sizeof(struct hadal_stats),
				      index_errors(r->rdi));
	case HADAL_CALL_CLIENT_ADD:
		return predict_client_add(model, r);
	case HADAL_CALL_CLIENT_REMOVE:
		return predict_client(model, r, 0);
	case HADAL_CALL_CLIENT_PAGE_ADD:
		return predict_page_add(model, r);
	case HADAL_CALL_CLIENT_PAGE_REMOVE:
		return predict_page_remove(model, r);
	case HADAL_CALL_CLIENT_STATE:
		return predict_client_state(model, r);
	case HADAL_CALL_WINDOW:
		return predict_window(r);
	case HADAL_CALL_PAUSE:
		return predict_pause(model, r);
	case HADAL_CALL_RESUME:
		return predict_resume(r);
	case HADAL_CALL_SET_REGS:
		return predict_set_regs(model, r);
	case HADAL_CALL_EVENTS_OPEN:
	case HADAL_CALL_EVENTS_CLOSE:
	case HADAL_CALL_SUBSCRIBE:
	case HADAL_CALL_UNSUBSCRIBE:
	case HADAL_CALL_SUBSCRIPTION_STATE:
	case HADAL_CALL_EVENT_ANSWER:
	case HADAL_CALL_EVENT_REQUEST:
	case HADAL_CALL_VIEW:
		return predict_events(model, r);
	case HADAL_CALL_RAM:
		return predict_ram(model, r);
	case HADAL_CALL_OWN:
		return predict_own(model, r);
	case HADAL_CALL_FIRST: /* this system has started it */
		query.errors = error_bit(ENOENT);
		query.most = -1;
		return query;
	}
	return (struct expected){.trapped = true, .harmless = true};
}

bool model_agrees(const struct expected *e, bool trapped, int64_t result)
{
	if (trapped || e->trapped)
		return trapped && e->trapped;
	if (result < 0)
		return result > -4096 && e->errors & error_bit(-result);
	return result >= e->least && result <= e->most;
}
