// SPDX-License-Identifier: MIT
/*
 * Memory that is watched: CPUs run on a view that lacks the right; the access is told, and made on
 * the map itself by a step.
 */
#include "events/watch.h"
#include "base/errno.h"
#include "base/insn.h"
#include "base/string.h"
#include "cpus/request.h"
#include "events/hidden.h"
#include "events/owned.h"
#include "events/step.h"
#include "events/views.h"
#include "extension/handlers.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define VALUE_BYTES 8u

static uint64_t watched_pages;

static uint64_t first_page(const struct hadal_subscription *asked)
{
	return asked->first & ~(PAGE_BYTES - 1);
}

static uint64_t page_count(const struct hadal_subscription *asked)
{
	return ((asked->first + asked->count - 1) >> PAGE_SHIFT) - (asked->first >> PAGE_SHIFT) + 1;
}

/* What all subscriptions together deny in a page. */
static uint32_t denied_by_all(uint64_t page)
{
	uint32_t rights = 0;

	for (unsigned i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++) {
		const struct subscription *s = events_table[i];

		if (s && !s->off && s->asked.kind == HADAL_EVENT_MEMORY &&
		    page + PAGE_BYTES > s->asked.first && page < s->asked.first + s->asked.count)
			rights |= rights_of(s->asked.access);
	}
	return rights;
}

int watch_check(const struct hadal_subscription *asked)
{
	if (!asked->count || asked->first + asked->count < asked->first ||
	    asked->count > HADAL_MAX_WATCHED_PAGES * PAGE_BYTES)
		return -EINVAL;
	for (uint64_t i = 0; i < page_count(asked); i++) {
		uint64_t page = first_page(asked) + i * PAGE_BYTES;

		if (memory_is_own(page))
			return -EACCES;
		if (!memory_is_ram(page))
			return -ENXIO;
	}
	return page_count(asked) > HADAL_MAX_WATCHED_PAGES ? -ENOSPC : 0;
}

static int deny_all(const struct hadal_subscription *asked)
{
	for (uint64_t i = 0; i < page_count(asked); i++) {
		uint64_t page = first_page(asked) + i * PAGE_BYTES;
		uint32_t before = view_denied(&machine.watched, page);
		int err = views_set(page, before | rights_of(asked->access));

		if (err) {
			while (i--) {
				page -= PAGE_BYTES;
				views_set(page, denied_by_all(page));
			}
			return err;
		}
	}
	return 0;
}

/* Called with events_lock held and before it is in the table. */
int watch_add(struct vcpu *vcpu, const struct hadal_subscription *asked)
{
	int err = 0;

	if (watched_pages + page_count(asked) > HADAL_MAX_WATCHED_PAGES)
		return -ENOSPC;
	lock_take(&nested_lock);
	err = views_take(false);
	if (!err) {
		err = deny_all(asked);
		if (err)
			views_give(false);
	}
	if (!err) {
		watched_pages += page_count(asked);
		request_flush_all(vcpu);
	}
	lock_give(&nested_lock);
	return err;
}

/* The same, after it has been taken out of the table, and no CPU runs on the view for it alone. */
void watch_remove(struct vcpu *vcpu, const struct hadal_subscription *asked)
{
	lock_take(&nested_lock);
	watched_pages -= page_count(asked);
	for (uint64_t i = 0; i < page_count(asked); i++) {
		uint64_t page = first_page(asked) + i * PAGE_BYTES;

		views_set(page, denied_by_all(page));
	}
	request_flush_all(vcpu);
	views_give(false);
	lock_give(&nested_lock);
}

/* Up to 8 bytes of memory from an address on, to the end of its page. */
static bool read_value(uint64_t gpa, uint64_t *value)
{
	uint64_t rest = PAGE_BYTES - (gpa & (PAGE_BYTES - 1));
	const void *from = memory_guest(gpa, MEMORY_READ);

	*value = 0;
	if (!from)
		return false;
	memcpy(value, from, rest < VALUE_BYTES ? rest : VALUE_BYTES);
	return true;
}

/* Bytes that an instruction accesses, as far as its encoding tells; else 0. */
static uint64_t access_bytes(struct vcpu *vcpu)
{
	struct insn insn;

	if (vcpu_decode(vcpu, &insn))
		return 0;
	switch (insn.id) {
	case INSN_MOV_STORE:
	case INSN_MOV_LOAD:
	case INSN_MOV_IMMEDIATE:
	case INSN_MOVS:
	case INSN_STOS:
	case INSN_PUSHF:
	case INSN_POPF:
		return insn.operand_bytes;
	case INSN_MOVZX:
	case INSN_MOVSX:
		return insn.source_bytes;
	default:
		return 0;
	}
}

/* The access has been made, or its instruction has faulted: then it may be made again. */
static void access_done(struct vcpu *vcpu, bool retired)
{
	struct watch *watch = &vcpu_events(vcpu)->watch;
	struct happening *what = &watch->what;
	uint64_t rip = vcpu->rip, mask = 0;
	bool changed;

	views_return(vcpu);
	hidden_stepped(vcpu);
	if (!(what->access & HADAL_ACCESS_EXECUTE))
		hidden_written(vcpu, what->physical);
	if (!retired) {
		events_charge_cause(vcpu, what, events_of(HADAL_EVENT_MEMORY));
		return;
	}
	if (!(what->flags & HADAL_RECORD_NO_VALUE) && !read_value(what->physical, &what->new_value))
		what->flags |= HADAL_RECORD_NO_VALUE;
	changed = what->new_value != what->old_value && !(what->flags & HADAL_RECORD_NO_VALUE);
	/* An atomic access of memory without rights is told as a read or as a write. */
	if (changed)
		what->access |= HADAL_ACCESS_WRITE;
	if ((what->flags & HADAL_RECORD_TABLE) && !changed) {
		events_charge_cause(vcpu, what, events_of(HADAL_EVENT_MEMORY));
		return;
	}
	vcpu->rip = watch->rip;
	mask = events_match(vcpu, what, events_of(HADAL_EVENT_MEMORY) & ~watch->told);
	events_record(vcpu, what, mask);
	vcpu->rip = rip;
}

static void describe(struct vcpu *vcpu, struct watch *watch)
{
	const struct exit *e = &vcpu->exit;
	struct happening *what = &watch->what;

	*what = (struct happening){
		.kind = HADAL_EVENT_MEMORY,
		.access = access_of(e),
		.address = vendor->fault_linear(vcpu),
		.physical = e->nested.gpa,
	};
	watch->rip = vcpu->rip;
	if (e->nested.table)
		what->flags |= HADAL_RECORD_TABLE;
	if (vcpu->inject.info & EVENT_VALID)
		what->flags |= HADAL_RECORD_DELIVERY;
	else if (!e->nested.table && !e->nested.execute)
		what->number = access_bytes(vcpu);
	if (e->nested.execute || !read_value(what->physical, &what->old_value))
		what->flags |= HADAL_RECORD_NO_VALUE;
}

/*
 * Those that hold are told before the access is made. True: it is not to be made, and *verdict is
 * the exit's.
 */
static bool is_held(struct vcpu *vcpu, struct watch *watch, enum verdict *verdict)
{
	uint64_t matched;

	watch->told = events_of(HADAL_EVENT_MEMORY) & events_holding();
	if (!watch->told)
		return false;
	matched = events_match(vcpu, &watch->what, watch->told);
	if (events_hold(vcpu, &watch->what, &matched, verdict))
		return true;
	events_record(vcpu, &watch->what, matched);
	return false;
}

/* Who may not read may do nothing. */
static bool is_watched(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	uint32_t denied;

	if (!vcpu_events(vcpu)->applied.watches)
		return false;
	denied = view_denied(&machine.watched, e->nested.gpa);
	return (denied & PT_READ ? PT_RIGHTS : denied) & rights_of(access_of(e));
}

enum verdict watch_fault(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	struct vcpu_events *events = vcpu_events(vcpu);
	enum verdict verdict;
	bool by_owner;

	if ((!events->applied.watches && !vcpu->view) ||
	    (vcpu->stepping && events->away == CPU_ON_MAP))
		return exits_ask_next(vcpu);
	by_owner = owned_denies(vcpu);
	if (by_owner && owned_tell(vcpu, &verdict))
		return verdict;
	if (!is_watched(vcpu))
		return by_owner || owned_lacks(vcpu) ? owned_pass(vcpu) : hidden_fault(vcpu);
	events_begin(vcpu);
	if (e->nested.execute && hidden_fetch(vcpu, &verdict))
		return verdict;
	describe(vcpu, &events->watch);
	if (is_held(vcpu, &events->watch, &verdict))
		return verdict;
	return step_away(vcpu, CPU_ON_MAP, access_done);
}
