// SPDX-License-Identifier: MIT
/* Which view a CPU runs on, and how long there are any. */
#include "events/views.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"

static uint32_t users, copy_users, owned_count;

/* Those that there are only while there are copies. */
static struct view *const with_copies[] = {&machine.code, &machine.stepped};
static const enum view_kind kinds[] = {VIEW_CODE, VIEW_OPEN};

static bool is_needed(unsigned i)
{
	return kinds[i] != VIEW_CODE || !vendor->nested_has_fetch_only();
}

static int open_like(struct view *view, enum view_kind kind)
{
	int err = view_open(view, kind, &machine.nested, &machine.copies);

	if (err)
		return err;
	err = view_set_like(view, &machine.watched);
	if (err)
		view_close(view);
	return err;
}

static void close_for_copies(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		if (with_copies[i]->root)
			view_close(with_copies[i]);
}

static int open_for_copies(void)
{
	int err = 0;

	for (unsigned i = 0; !err && i < ARRAY_LEN(kinds); i++)
		if (is_needed(i))
			err = open_like(with_copies[i], kinds[i]);
	if (err)
		close_for_copies();
	return err;
}

int views_take(bool copies)
{
	int err = 0;

	if (copies && owned_count)
		return -EBUSY;
	if (!users)
		err = view_open(&machine.watched,
				vendor->nested_has_fetch_only() ? VIEW_ONE : VIEW_DATA,
				&machine.nested, &machine.copies);
	if (!err && copies && !copy_users) {
		err = open_for_copies();
		if (err && !users)
			view_close(&machine.watched);
	}
	if (err)
		return err;
	users++;
	machine.view_users++;
	copy_users += copies;
	return 0;
}

void views_give(bool copies)
{
	copy_users -= copies;
	if (!copy_users)
		close_for_copies();
	machine.view_users--;
	if (!--users)
		view_close(&machine.watched);
}

int views_open_owned(struct view *view)
{
	int err;

	if (copy_users)
		return -EBUSY;
	err = view_open_owned(view, &machine.nested, &machine.watched,
			      vendor->nested_has_fetch_only());
	if (err)
		return err;
	err = view_look_under_all(view);
	if (err) {
		view_close(view);
		return err;
	}
	owned_count++;
	machine.view_users++;
	return 0;
}

void views_close_owned(struct view *view)
{
	owned_count--;
	machine.view_users--;
	view_close(view);
}

bool views_any_owned(void)
{
	return owned_count;
}

/* Each owner's view looks anew at what is denied in a page of machine.watched. */
static int look_under(uint64_t gpa, bool anything)
{
	int err = 0;

	for (unsigned i = 0; !err && i < HADAL_MAX_VIEWS; i++)
		if (machine.owned[i].root)
			err = view_look_under(&machine.owned[i], gpa, anything);
	return err;
}

/* Tables that are there already are enough for what was there before. */
int views_set(uint64_t gpa, uint32_t denied)
{
	bool has_copy = copy_find(&machine.copies, gpa);
	uint32_t before = view_denied(&machine.watched, gpa);
	bool had_copy = view_has_copy(&machine.watched, gpa);
	int err = view_set(&machine.watched, gpa, denied, has_copy);
	unsigned done = 0;

	for (; !err && done < ARRAY_LEN(kinds); done++)
		if (with_copies[done]->root)
			err = view_set(with_copies[done], gpa, denied, has_copy);
	if (!err)
		err = look_under(gpa, denied);
	if (!err)
		return 0;
	view_set(&machine.watched, gpa, before, had_copy);
	look_under(gpa, before);
	while (done--)
		if (with_copies[done]->root)
			view_set(with_copies[done], gpa, before, had_copy);
	return err;
}

static uint64_t root_of(enum cpu_view view)
{
	switch (view) {
	case CPU_ON_VIEW:
		return view_root(&machine.watched);
	case CPU_ON_CODE:
		return view_root(&machine.code);
	case CPU_ON_STEP:
		return view_root(&machine.stepped);
	default:
		return nested_root(&machine.nested);
	}
}

static void use(struct vcpu *vcpu, const struct view *owned, uint64_t root)
{
	if (vcpu->view != owned) { /* what it has fetched may be another page's */
		vcpu->view = owned;
		vcpu_drop_caches(vcpu);
	}
	vendor->use_root(vcpu, root);
}

void views_enter(struct vcpu *vcpu, enum cpu_view view)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	const struct view *owned = events->owned ? &machine.owned[events->owned - 1] : NULL;

	events->view = view;
	if (events->away == CPU_ON_VIEW)
		use(vcpu, owned, owned ? view_root(owned) : root_of(view));
	else if (events->away == CPU_ON_STEP) /* it may go */
		views_leave(vcpu, CPU_ON_MAP);
}

void views_switch(struct vcpu *vcpu, uint32_t owned)
{
	vcpu_events(vcpu)->owned = owned;
	views_enter(vcpu, vcpu_events(vcpu)->view);
}

void views_leave(struct vcpu *vcpu, enum cpu_view away)
{
	vcpu_events(vcpu)->away = away;
	use(vcpu, NULL, root_of(away));
}

void views_return(struct vcpu *vcpu)
{
	vcpu_events(vcpu)->away = CPU_ON_VIEW;
	views_enter(vcpu, vcpu_events(vcpu)->view);
}
