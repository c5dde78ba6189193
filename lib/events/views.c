// SPDX-License-Identifier: MIT
/* Views of memory for some CPUs. */
#include "events/events.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <hadal/ioctl.h>

#define PAGE_BYTES 4096u

static int view_error(struct hadal_error *error, int code, const struct hadal_view_request *asked)
{
	switch (code) {
	case ENODEV:
		return hadal_fail_kind(error, code, HADAL_ERROR_NOT_RUNNING,
				       "Hadal is not running");
	case ENOENT:
		return hadal_fail(error, code, "There is no view %u of this program's",
				  asked->view);
	case ENOSPC:
		if (asked->action == HADAL_VIEW_SHOW)
			return hadal_fail(
				error, code,
				"Cannot show another page in view %u: %u pages do already",
				asked->view, HADAL_MAX_VIEW_SHOWS);
		return hadal_fail(error, code,
				  "Cannot make a view: there are as many as are possible");
	case EBUSY:
		if (asked->action == HADAL_VIEW_SWITCH)
			return hadal_fail(error, code, "CPU %u is on a view of another program's",
					  asked->cpu);
		return hadal_fail(error, code,
				  "Cannot make a view while there are breakpoints in copies of "
				  "pages: end those, or make them in debug registers");
	case ENXIO:
		if (asked->action == HADAL_VIEW_SWITCH)
			return hadal_fail(error, code, "There is no CPU %u, or it is offline",
					  asked->cpu);
		return hadal_fail(error, code, "Cannot change view %u: there is no RAM at %#llx",
				  asked->view, (unsigned long long)asked->first);
	case EACCES:
		return hadal_fail(error, code,
				  "Cannot change view %u: that is the hypervisor's own memory",
				  asked->view);
	default:
		return hadal_fail(error, code, "Cannot make or change a view: %s", strerror(code));
	}
}

/* 0, or the number of a new view. */
static int act(struct hadal_events *events, const struct hadal_view_request *asked,
	       struct hadal_error *error)
{
	struct hadal_ioc_view request = {
		.version = HADAL_ABI_VERSION, .buffer = (uintptr_t)asked, .size = sizeof(*asked)};

	if (ioctl(hadal_events_fd(events), HADAL_IOC_VIEW, &request))
		return view_error(error, errno, asked);
	return request.view;
}

int hadal_events_create_view(struct hadal_events *events, struct hadal_error *error)
{
	const struct hadal_view_request asked = {.action = HADAL_VIEW_CREATE};

	return act(events, &asked, error);
}

int hadal_events_destroy_view(struct hadal_events *events, uint32_t view, struct hadal_error *error)
{
	const struct hadal_view_request asked = {.action = HADAL_VIEW_DESTROY, .view = view};

	return act(events, &asked, error);
}

int hadal_events_set_view_access(struct hadal_events *events, uint32_t view, uint64_t first,
				 uint64_t pages, uint32_t access, struct hadal_error *error)
{
	struct hadal_view_request asked = {
		.action = HADAL_VIEW_ACCESS, .view = view, .access = access, .first = first};
	int result = 0;

	while (pages && !result) {
		asked.count = pages < HADAL_MAX_VIEW_RANGE ? pages : HADAL_MAX_VIEW_RANGE;
		result = act(events, &asked, error);
		asked.first += asked.count * PAGE_BYTES;
		pages -= asked.count;
	}
	return result;
}

int hadal_events_show_in_view(struct hadal_events *events, uint32_t view, uint64_t page,
			      uint64_t shows, struct hadal_error *error)
{
	const struct hadal_view_request asked = {
		.action = HADAL_VIEW_SHOW, .view = view, .first = page, .shows = shows};

	return act(events, &asked, error);
}

int hadal_events_switch_view(struct hadal_events *events, uint32_t view, uint32_t cpu,
			     struct hadal_error *error)
{
	const struct hadal_view_request asked = {
		.action = HADAL_VIEW_SWITCH, .view = view, .cpu = cpu};

	return act(events, &asked, error);
}
