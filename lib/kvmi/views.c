// SPDX-License-Identifier: MIT
/* An introspector's views, which have the numbers that the hypervisor gives them. */
#include "kvmi/state.h"

#include <errno.h>
#include <stdlib.h>

struct pages *kvmi_pages_of(struct server *server, uint16_t view)
{
	if (!view)
		return &server->pages;
	return view <= HADAL_MAX_VIEWS ? server->view[view - 1] : NULL;
}

/* What the library says of a view, for an introspector. */
static int error_of(int result)
{
	switch (result) {
	case -EACCES:
		return -EPERM;
	case -ENXIO:
	case -ENOENT:
		return -EINVAL;
	default:
		return result;
	}
}

static void forget(struct server *server, uint16_t view)
{
	free(server->view[view - 1]);
	server->view[view - 1] = NULL;
	server->view_count--;
	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++)
		if (server->vcpu[cpu].view == view)
			server->vcpu[cpu].view = 0;
}

/* What it denies is told from the first one on. */
static int add(struct server *server, uint16_t view)
{
	int result = 0;

	server->view[view - 1] = calloc(1, sizeof(struct pages));
	if (!server->view[view - 1])
		return -ENOMEM;
	server->view_count++;
	result = kvmi_follow_views(server);
	if (result)
		forget(server, view);
	return result;
}

void kvmi_create_view(struct server *server, struct answer *answer)
{
	int result = kvmi_open_events(server);
	uint16_t view;

	if (!result)
		result = hadal_events_create_view(server->events, NULL);
	if (result > 0) {
		view = (uint16_t)result;
		result = add(server, view);
		if (result)
			hadal_events_destroy_view(server->events, view, NULL);
		server->reply.view.view = view;
	}
	answer->error = error_of(result);
	answer->bytes = sizeof(server->reply.view);
}

int kvmi_destroy_view(struct server *server)
{
	const uint16_t view = server->request.view;
	int result;

	if (!view || !kvmi_pages_of(server, view))
		return -EINVAL;
	result = hadal_events_destroy_view(server->events, view, NULL);
	if (result)
		return error_of(result);
	forget(server, view);
	return kvmi_follow_views(server);
}

int kvmi_switch_view(struct server *server)
{
	const struct kvmi_request *request = &server->request;
	struct vcpu_state *vcpu = &server->vcpu[request->vcpu];
	int result;

	if (!kvmi_pages_of(server, request->view))
		return -EINVAL;
	if (request->view == vcpu->view) /* it may be on another program's */
		return 0;
	result = hadal_events_switch_view(server->events, request->view, request->vcpu, NULL);
	if (!result)
		vcpu->view = request->view;
	return error_of(result);
}

int kvmi_change_gfn(struct server *server)
{
	const struct kvmi_request *request = &server->request;

	if (!request->view || !kvmi_pages_of(server, request->view))
		return -EINVAL;
	return error_of(hadal_events_show_in_view(server->events, request->view, request->address,
						  request->value, NULL));
}

int kvmi_allow_in_view(struct server *server, const struct kvmi_page *page)
{
	const uint16_t view = server->request.view;
	struct pages *pages = kvmi_pages_of(server, view);
	const uint64_t number = page->address / KVMI_PAGE;
	const unsigned int before = kvmi_denied(pages, number);
	int result = kvmi_deny(pages, number, ~page->access & KVMI_ACCESS_ALL);

	if (result)
		return result;
	result = hadal_events_set_view_access(server->events, view, number * KVMI_PAGE, 1,
					      page->access, NULL);
	if (result)
		kvmi_deny(pages, number, before);
	return error_of(result);
}

void kvmi_free_views(struct server *server)
{
	for (unsigned int i = 0; i < HADAL_MAX_VIEWS; i++)
		free(server->view[i]);
}
