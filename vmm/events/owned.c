// SPDX-License-Identifier: MIT
/*
 * Views of owners. They are made, changed and destroyed under events_lock, their tables under
 * nested_lock too; an exit's handler looks at the one its own vCPU runs on, which stays until that
 * vCPU has served a request.
 */
#include "events/owned.h"
#include "base/errno.h"
#include "cpus/request.h"
#include "events/step.h"
#include "events/views.h"
#include "events/watch.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"

/* By number - 1: whose it is; 0: there is none. */
static uint32_t owner_of[HADAL_MAX_VIEWS];

bool owned_is_of(uint64_t view, uint32_t owner)
{
	return view - 1 < HADAL_MAX_VIEWS &&
	       __atomic_load_n(&owner_of[view - 1], __ATOMIC_ACQUIRE) == owner;
}

static int64_t create(struct vcpu *vcpu, uint32_t owner)
{
	unsigned index = HADAL_MAX_VIEWS, has = 0;
	int err;

	for (unsigned i = HADAL_MAX_VIEWS; i--;) {
		has += owner_of[i] == owner;
		if (!owner_of[i])
			index = i;
	}
	if (has == HADAL_MAX_OWNER_VIEWS || index == HADAL_MAX_VIEWS)
		return -ENOSPC;
	lock_take(&nested_lock);
	err = views_open_owned(&machine.owned[index]);
	lock_give(&nested_lock);
	if (err)
		return err;
	__atomic_store_n(&owner_of[index], owner, __ATOMIC_RELEASE);
	events_route(vcpu);
	return index + 1;
}

static void destroy(struct vcpu *vcpu, uint32_t view)
{
	for (uint32_t i = 0; i < machine.cpu_count; i++) {
		uint8_t *wanted = &vcpu_events(vcpu_at(i))->owned_wanted;

		if (*wanted == view)
			__atomic_store_n(wanted, 0, __ATOMIC_SEQ_CST);
	}
	request_follow(vcpu);
	__atomic_store_n(&owner_of[view - 1], 0, __ATOMIC_RELEASE);
	lock_take(&nested_lock);
	views_close_owned(&machine.owned[view - 1]);
	lock_give(&nested_lock);
	if (!views_any_owned())
		events_route(vcpu);
}

void owned_close_all(struct vcpu *vcpu, uint32_t owner)
{
	for (uint32_t i = 0; i < HADAL_MAX_VIEWS; i++)
		if (owner_of[i] == owner)
			destroy(vcpu, i + 1);
}

/* Whether pages are the guest's RAM. */
static int check_pages(uint64_t first, uint64_t count)
{
	if ((first & (PAGE_BYTES - 1)) || !count || count > HADAL_MAX_VIEW_RANGE ||
	    first + count * PAGE_BYTES < first)
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++) {
		if (memory_is_own(first + i * PAGE_BYTES))
			return -EACCES;
		if (!memory_is_ram(first + i * PAGE_BYTES))
			return -ENXIO;
	}
	return 0;
}

/* Tables first, for which memory may be short; the rest cannot fail. */
static int deny(struct view *view, uint64_t first, uint64_t count, uint32_t denied)
{
	for (uint64_t i = 0; i < count; i++)
		if (view_prepare(view, first + i * PAGE_BYTES))
			return -ENOMEM;
	for (uint64_t i = 0; i < count; i++)
		view_set(view, first + i * PAGE_BYTES, denied, false);
	return 0;
}

static int change(struct vcpu *vcpu, const struct hadal_view_request *asked)
{
	struct view *view = &machine.owned[asked->view - 1];
	bool shows = asked->action == HADAL_VIEW_SHOW;
	int err = check_pages(asked->first, shows ? 1 : asked->count);

	if (!err && shows)
		err = asked->shows < machine.nested.end ? check_pages(asked->shows, 1) : -ENXIO;
	if (err)
		return err;
	lock_take(&nested_lock);
	if (shows)
		err = view_show(view, asked->first, asked->shows);
	else
		err = deny(view, asked->first, asked->count, PT_RIGHTS & ~rights_of(asked->access));
	if (!err)
		request_flush_all(vcpu);
	lock_give(&nested_lock);
	return err;
}

int owned_check_switch(uint32_t owner, uint64_t cpu, uint64_t view)
{
	uint8_t now;

	if (view && !owned_is_of(view, owner))
		return -ENOENT;
	if (cpu >= machine.cpu_count || !vcpu_at(cpu)->running)
		return -ENXIO;
	now = vcpu_events(vcpu_at(cpu))->owned_wanted;
	return now && !owned_is_of(now, owner) ? -EBUSY : 0;
}

static int switch_other(struct vcpu *vcpu, uint32_t owner, const struct hadal_view_request *asked)
{
	int err = owned_check_switch(owner, asked->cpu, asked->view);

	if (err)
		return err;
	__atomic_store_n(&vcpu_events(vcpu_at(asked->cpu))->owned_wanted, asked->view,
			 __ATOMIC_SEQ_CST);
	request_follow_on(vcpu, vcpu_at(asked->cpu));
	return 0;
}

void owned_switch(struct vcpu *vcpu, uint64_t view)
{
	__atomic_store_n(&vcpu_events(vcpu)->owned_wanted, view, __ATOMIC_SEQ_CST);
	views_switch(vcpu, view);
}

/* What an action does not use is 0. */
static bool is_valid(const struct hadal_view_request *asked)
{
	bool is_access = asked->action == HADAL_VIEW_ACCESS;

	return asked->action < HADAL_VIEW_ACTIONS &&
	       (asked->view ? asked->action != HADAL_VIEW_CREATE
			    : asked->action == HADAL_VIEW_CREATE ||
				      asked->action == HADAL_VIEW_SWITCH) &&
	       (!asked->cpu || asked->action == HADAL_VIEW_SWITCH) &&
	       !(asked->access & (is_access ? ~HADAL_ACCESS_ALL : ~0u)) &&
	       (!asked->count || is_access) &&
	       (!asked->first || is_access || asked->action == HADAL_VIEW_SHOW) &&
	       (!asked->shows || asked->action == HADAL_VIEW_SHOW);
}

static int64_t act(struct vcpu *vcpu, uint32_t owner, const struct hadal_view_request *asked)
{
	if (asked->view && !owned_is_of(asked->view, owner))
		return -ENOENT;
	switch (asked->action) {
	case HADAL_VIEW_CREATE:
		return create(vcpu, owner);
	case HADAL_VIEW_DESTROY:
		destroy(vcpu, asked->view);
		return 0;
	case HADAL_VIEW_SWITCH:
		return switch_other(vcpu, owner, asked);
	default:
		return change(vcpu, asked);
	}
}

int64_t hypercall_view(struct vcpu *vcpu)
{
	struct hadal_view_request asked;
	int64_t result = events_take_struct(vcpu->regs.rsi, vcpu->regs.rdx, &asked, sizeof(asked));
	const struct event_owner *owner;

	if (!result && !is_valid(&asked))
		result = -EINVAL;
	if (result)
		return result;
	lock_take(&events_lock);
	owner = events_owner(vcpu->regs.rdi);
	result = owner ? act(vcpu, owner->number, &asked) : -ENOENT;
	lock_give(&events_lock);
	return result;
}

/* Who may not read may write neither, and execute only where the processor can tell. */
bool owned_denies(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	uint32_t denied;

	if (!vcpu->view)
		return false;
	denied = view_denied(vcpu->view, e->nested.gpa);
	if (denied & PT_READ)
		denied |= vcpu->view->fetch_only ? PT_WRITE : PT_RIGHTS;
	return denied & rights_of(access_of(e));
}

bool owned_lacks(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;

	return vcpu->view && view_shown_lacks(vcpu->view, e->nested.gpa, rights_of(access_of(e)));
}

bool owned_tell(struct vcpu *vcpu, enum verdict *verdict)
{
	const struct exit *e = &vcpu->exit;
	uint8_t view = vcpu_events(vcpu)->owned;
	struct happening what = {
		.kind = HADAL_EVENT_VIEW,
		.access = access_of(e),
		.flags = HADAL_RECORD_NO_VALUE,
		.number = view,
		.address = vendor->fault_linear(vcpu),
		.physical = e->nested.gpa,
	};
	uint64_t matched;

	events_begin(vcpu);
	if (e->nested.table)
		what.flags |= HADAL_RECORD_TABLE;
	if (vcpu->inject.info & EVENT_VALID)
		what.flags |= HADAL_RECORD_DELIVERY;
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_VIEW));
	if (events_hold(vcpu, &what, &matched, verdict))
		return true;
	events_record(vcpu, &what, matched);
	/* It has been switched, by somebody else, while it was held. */
	*verdict = VERDICT_RETRY;
	return vcpu_events(vcpu)->owned != view;
}

static void passed(struct vcpu *vcpu, bool retired)
{
	(void)retired;
	views_return(vcpu);
}

enum verdict owned_pass(struct vcpu *vcpu)
{
	return step_away(vcpu, CPU_ON_MAP, passed);
}
