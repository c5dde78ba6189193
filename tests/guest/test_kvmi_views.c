// SPDX-License-Identifier: MIT
/*
 * Views of an introspector's, by way of `hadal kvmi`, told and answered byte for byte. In a guest
 * as root with two CPUs, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <string.h>

#include "support/check.h"
#include "support/deeds.h"
#include "support/introspector.h"
#include "support/ring0.h"

static struct arena arena;

static uint16_t create(void)
{
	struct kvmi_view view;

	EQUAL(peer_ask(KVMI_CREATE_VIEW, NULL, 0), 0);
	EQUAL(peer.answer_bytes, sizeof(view));
	memcpy(&view, peer.answer, sizeof(view));
	CHECK(view.view);
	return view.view;
}

static int destroy(uint16_t number)
{
	const struct kvmi_view view = {.view = number};

	return peer_ask(KVMI_DESTROY_VIEW, &view, sizeof(view));
}

static int switch_to(uint16_t view, uint16_t cpu)
{
	const struct kvmi_switch_view request = {.vcpu.vcpu = cpu, .view.view = view};

	return peer_ask(KVMI_SWITCH_VIEW, &request, sizeof(request));
}

static uint16_t view_of(uint16_t cpu)
{
	const struct kvmi_vcpu request = {.vcpu = cpu};
	struct kvmi_view view;

	EQUAL(peer_ask(KVMI_GET_VIEW, &request, sizeof(request)), 0);
	memcpy(&view, peer.answer, sizeof(view));
	return view.view;
}

static int change(uint16_t view, uint64_t gfn, uint64_t shows)
{
	const struct kvmi_change_gfn request = {.view = view, .gfn = gfn, .shows = shows};

	return peer_ask(KVMI_CHANGE_GFN, &request, sizeof(request));
}

static int set_access(uint16_t view, uint64_t address, unsigned int access)
{
	const struct {
		struct kvmi_page_access header;
		struct kvmi_page page;
	} request = {{.view = view, .count = 1}, {.address = address, .access = (uint8_t)access}};

	return peer_ask(KVMI_SET_PAGE_ACCESS, &request, sizeof(request));
}

static unsigned int get_access(uint16_t view, uint64_t address)
{
	const struct {
		struct kvmi_page_access header;
		uint64_t address;
	} request = {{.view = view, .count = 1}, address};

	EQUAL(peer_ask(KVMI_GET_PAGE_ACCESS, &request, sizeof(request)), 0);
	return peer.answer[0];
}

static uint64_t page_of(unsigned int n)
{
	return arena.physical + n * PAGE;
}

static volatile uint64_t *word_of(unsigned int n)
{
	return (volatile uint64_t *)(arena.bytes + n * PAGE);
}

static int read_word(void)
{
	return (int)*word_of(1);
}

static int write_word(void)
{
	__asm__ volatile("movq $5, (%0)" ::"r"(word_of(1)) : "memory");
	return 0;
}

static void check_views(void)
{
	const struct kvmi_version *version = (const void *)peer.answer;
	uint16_t first = create(), second = create();

	CHECK(first != second);
	EQUAL(view_of(1), 0);
	EQUAL(switch_to(first, 1), 0);
	EQUAL(view_of(1), first);
	EQUAL(view_of(0), 0);
	EQUAL(switch_to(999, 1), -EINVAL);
	EQUAL(change(first, page_of(1) / PAGE, page_of(2) / PAGE), 0);
	EQUAL(change(0, page_of(1) / PAGE, page_of(2) / PAGE), -EINVAL);
	EQUAL(change(first, 1ull << 52, 1), -EINVAL);
	EQUAL(change(first, page_of(1) / PAGE, 1ull << 40), -EINVAL);
	EQUAL(status_of(start_on(1, read_word)), 2);
	EQUAL(*word_of(1), 1);
	EQUAL(switch_to(second, 1), 0);
	EQUAL(status_of(start_on(1, read_word)), 1);
	EQUAL(switch_to(first, 1), 0);
	EQUAL(change(first, page_of(1) / PAGE, KVMI_NO_GFN), 0);
	EQUAL(status_of(start_on(1, read_word)), 1);
	EQUAL(destroy(first), 0);
	EQUAL(destroy(first), -EINVAL);
	EQUAL(destroy(0), -EINVAL);
	EQUAL(view_of(1), 0);
	EQUAL(destroy(second), 0);
	EQUAL(peer_ask(KVMI_GET_VERSION, NULL, 0), 0);
	EQUAL(version->features[KVMI_FEATURE_VIEWS], 1);
}

static uint32_t access_event(uint16_t view)
{
	struct kvmi_event_pf pf;
	struct kvmi_event event;
	uint32_t seq = peer_event(&event, &pf, sizeof(pf));

	EQUAL(event.event, KVMI_EVENT_PF);
	EQUAL(event.view, view);
	EQUAL(pf.view, view);
	EQUAL(pf.physical, page_of(1));
	EQUAL(pf.access, KVMI_ACCESS_WRITE);
	return seq;
}

/* Rights are those of the view that the CPU is on; another one is where the access can be made. */
static void check_access(void)
{
	const struct kvmi_reply_pf nothing = {0};
	uint16_t view = create();
	uint32_t seq;
	pid_t child;

	EQUAL(set_access(view, page_of(1), KVMI_ACCESS_READ), 0);
	EQUAL(get_access(view, page_of(1)), KVMI_ACCESS_READ);
	EQUAL(get_access(0, page_of(1)), KVMI_ACCESS_ALL);
	EQUAL(set_access(view + 1, page_of(1), KVMI_ACCESS_READ), -EINVAL);
	EQUAL(set_access(view, 1ull << 45, KVMI_ACCESS_READ), -EINVAL);
	EQUAL(get_access(view, 1ull << 45), KVMI_ACCESS_ALL);
	EQUAL(peer_control_events(1, KVMI_EVENT_PF, true), 0);
	EQUAL(status_of(start_on(1, write_word)), 0);
	peer_is_silent();
	EQUAL(switch_to(view, 1), 0);
	*word_of(1) = 1;
	child = start_on(1, write_word);
	seq = access_event(view);
	EQUAL(*word_of(1), 1);
	EQUAL(switch_to(0, 1), 0);
	peer_reply(1, seq, KVMI_ACTION_RETRY, KVMI_EVENT_PF, &nothing, sizeof(nothing));
	EQUAL(status_of(child), 0);
	EQUAL(*word_of(1), 5);
	/* Those of the first one do not count on another. */
	EQUAL(set_access(view, page_of(1), KVMI_ACCESS_ALL), 0);
	EQUAL(set_access(0, page_of(1), KVMI_ACCESS_READ | KVMI_ACCESS_EXECUTE), 0);
	EQUAL(switch_to(view, 1), 0);
	EQUAL(status_of(start_on(1, write_word)), 0);
	peer_is_silent();
	EQUAL(switch_to(0, 1), 0);
	child = start_on(1, write_word);
	seq = access_event(0);
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_PF, &nothing, sizeof(nothing));
	EQUAL(status_of(child), 0);
	EQUAL(set_access(0, page_of(1), KVMI_ACCESS_ALL), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_PF, false), 0);
	EQUAL(destroy(view), 0);
}

int main(void)
{
	uint16_t view;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ring0_open(&arena);
	pin_to_cpu(0);
	for (unsigned int i = 1; i < 3; i++)
		*word_of(i) = i;
	peer_begin();
	check_views();
	check_access();
	/* It hangs up with a CPU on a view. */
	view = create();
	*word_of(1) = 1;
	EQUAL(change(view, page_of(1) / PAGE, page_of(2) / PAGE), 0);
	EQUAL(switch_to(view, 1), 0);
	EQUAL(status_of(start_on(1, read_word)), 2);
	peer_end();
	EQUAL(status_of(start_on(1, read_word)), 1);
	return 0;
}
