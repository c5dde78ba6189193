// SPDX-License-Identifier: MIT
/* What an introspector leaves to be done with pages. */
#include "kvmi/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a page is, or would be. */
static unsigned int find(const struct pages *pages, uint64_t page)
{
	unsigned int low = 0, high = pages->count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (pages->page[middle].page < page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

unsigned int kvmi_denied(const struct pages *pages, uint64_t page)
{
	const unsigned int at = find(pages, page);

	return at < pages->count && pages->page[at].page == page ? pages->page[at].denied : 0;
}

int kvmi_deny(struct pages *pages, uint64_t page, unsigned int denied)
{
	const unsigned int at = find(pages, page);
	struct restricted *place = &pages->page[at];
	const bool is_there = at < pages->count && place->page == page;
	const size_t behind = (pages->count - at) * sizeof(*place);

	if (!denied) {
		if (is_there) {
			memmove(place, place + 1, behind - sizeof(*place));
			pages->count--;
		}
		return 0;
	}
	if (!is_there) {
		if (pages->count == HADAL_MAX_WATCHED_PAGES)
			return -ENOMEM;
		memmove(place + 1, place, behind);
		pages->count++;
	}
	*place = (struct restricted){page, (uint8_t)denied};
	return 0;
}

/* -ENOMEM: too many of them. */
static int make_runs(struct pages *pages)
{
	struct run *last = NULL;

	pages->run_count = 0;
	for (unsigned int i = 0; i < pages->count; i++) {
		const struct restricted *page = &pages->page[i];

		if (last && last->denied == page->denied &&
		    last->first + last->count == page->page) {
			last->count++;
			continue;
		}
		if (pages->run_count == HADAL_MAX_SUBSCRIPTIONS)
			return -ENOMEM;
		last = &pages->run[pages->run_count++];
		*last = (struct run){page->page, 1, page->denied, 0};
	}
	return 0;
}

static struct run *find_run(struct pages *pages, const struct run *run)
{
	for (unsigned int i = 0; i < pages->run_count; i++)
		if (pages->run[i].first == run->first && pages->run[i].count == run->count &&
		    pages->run[i].denied == run->denied)
			return &pages->run[i];
	return NULL;
}

static int watch(struct server *server, struct run *run)
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_MEMORY,
					   .access = run->denied,
					   .first = run->first * KVMI_PAGE,
					   .count = run->count * KVMI_PAGE};
	int result = kvmi_subscribe(server, &asked);

	if (result > 0)
		run->subscription = result;
	return result < 0 ? result : 0;
}

/*
 * Puts others in the place of server->pages, all of them or none. What is new is watched before
 * what is old is not any more, so that nothing is missed in between.
 */
static int replace(struct server *server, struct pages *next)
{
	struct pages *now = &server->pages;
	int result = 0;

	for (unsigned int i = 0; i < next->run_count && !result; i++) {
		struct run *same = find_run(now, &next->run[i]);

		if (!same)
			result = watch(server, &next->run[i]);
	}
	for (unsigned int i = 0; result && i < next->run_count; i++)
		kvmi_unsubscribe(server, &next->run[i].subscription);
	if (result)
		return result;
	for (unsigned int i = 0; i < now->run_count; i++) {
		struct run *same = find_run(next, &now->run[i]);

		if (same)
			same->subscription = now->run[i].subscription;
		else
			kvmi_unsubscribe(server, &now->run[i].subscription);
	}
	*now = *next;
	return 0;
}

int kvmi_watch_pages(struct server *server)
{
	struct pages *next = malloc(sizeof(*next));
	int result;

	if (!next)
		return -ENOMEM;
	*next = server->pages;
	next->run_count = 0;
	result = kvmi_is_asked(server, KVMI_EVENT_PF) ? make_runs(next) : 0;
	if (!result)
		result = replace(server, next);
	free(next);
	return result;
}

/* One of those that a request has. */
static struct kvmi_page page_at(const struct kvmi_request *request, unsigned int index)
{
	struct kvmi_page page;

	memcpy(&page, request->data + index * sizeof(page), sizeof(page));
	return page;
}

static int set_all(const struct kvmi_request *request, struct pages *pages)
{
	int result = 0;

	for (unsigned int i = 0; i < request->count && !result; i++) {
		const struct kvmi_page page = page_at(request, i);

		result = kvmi_deny(pages, page.address / KVMI_PAGE, ~page.access & KVMI_ACCESS_ALL);
	}
	return result;
}

/* Of the pages before one that cannot be set, they are set. */
static int set_in_view(struct server *server)
{
	const struct kvmi_request *request = &server->request;
	int result = kvmi_pages_of(server, request->view) ? 0 : -EINVAL;

	for (unsigned int i = 0; i < request->count && !result; i++) {
		const struct kvmi_page page = page_at(request, i);

		result = kvmi_allow_in_view(server, &page);
	}
	return result;
}

int kvmi_set_page_access(struct server *server)
{
	struct pages *next;
	int result;

	if (server->request.view)
		return set_in_view(server);
	next = malloc(sizeof(*next));
	result = next ? 0 : -ENOMEM;
	if (!result) {
		*next = server->pages;
		result = set_all(&server->request, next);
	}
	if (!result)
		next->run_count = 0;
	if (!result && kvmi_is_asked(server, KVMI_EVENT_PF))
		result = make_runs(next);
	if (!result)
		result = replace(server, next);
	free(next);
	return result;
}

void kvmi_get_page_access(struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	const struct pages *pages = kvmi_pages_of(server, request->view);

	answer->error = pages ? 0 : -EINVAL;
	if (request->count > sizeof(server->reply.page))
		answer->error = -EINVAL;
	for (unsigned int i = 0; i < request->count && !answer->error; i++) {
		uint64_t address;

		memcpy(&address, request->data + i * sizeof(address), sizeof(address));
		server->reply.page[i] =
			(uint8_t)(~kvmi_denied(pages, address / KVMI_PAGE) & KVMI_ACCESS_ALL);
	}
	answer->bytes = request->count;
}
