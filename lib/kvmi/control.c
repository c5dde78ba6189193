// SPDX-License-Identifier: MIT
/* What an introspector wants to be told of, as subscriptions. */
#include "kvmi/state.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Records with registers and code; what is not held may come in crowds. */
#define RING_BYTES (1u << 18)
/* Bits of CR3 that tell address spaces apart, whose kernel may have two of them. */
#define CR3_SPACE 0x000fffffffffe000ull

/* What each whole is, and by which events and control registers it is asked for. */
static const struct {
	uint8_t event; /* enum kvmi_event_id */
	uint8_t crs;   /* a bit; 0: the event alone does */
	struct hadal_subscription what;
} wholes[WHOLES] = {
	[WHOLE_CR0] = {KVMI_EVENT_CR,
		       1 << 0,
		       {.kind = HADAL_EVENT_CR, .access = HADAL_ACCESS_WRITE, .first = 1 << 0}},
	[WHOLE_CR3] = {KVMI_EVENT_CR,
		       1 << 3,
		       {.kind = HADAL_EVENT_CR, .access = HADAL_ACCESS_WRITE, .first = 1 << 3}},
	[WHOLE_CR4] = {KVMI_EVENT_CR,
		       1 << 4,
		       {.kind = HADAL_EVENT_CR, .access = HADAL_ACCESS_WRITE, .first = 1 << 4}},
	[WHOLE_XCR0] = {KVMI_EVENT_XSETBV,
			0,
			{.kind = HADAL_EVENT_CR,
			 .access = HADAL_ACCESS_WRITE,
			 .first = 1 << HADAL_CR_XCR0}},
	[WHOLE_INT3] = {KVMI_EVENT_BREAKPOINT,
			0,
			{.kind = HADAL_EVENT_EXCEPTION,
			 .access = HADAL_ACCESS_EXECUTE,
			 .first = 3,
			 .count = 1}},
	[WHOLE_DESCRIPTOR] = {KVMI_EVENT_DESCRIPTOR,
			      0,
			      {.kind = HADAL_EVENT_DESCRIPTOR,
			       .access = HADAL_ACCESS_READ | HADAL_ACCESS_WRITE,
			       .first = 0xf}},
	[WHOLE_CPUID] = {KVMI_EVENT_CPUID,
			 0,
			 {.kind = HADAL_EVENT_CPUID,
			  .access = HADAL_ACCESS_EXECUTE,
			  .count = 1ull << 32}},
	[WHOLE_VIEWS] = {KVMI_EVENT_PF,
			 0,
			 {.kind = HADAL_EVENT_VIEW,
			  .access = HADAL_ACCESS_READ | HADAL_ACCESS_WRITE | HADAL_ACCESS_EXECUTE,
			  .count = UINT64_MAX}},
};

/* 0: it has ended. */
static uint64_t root_of(const struct server *server, pid_t pid)
{
	uint64_t root;

	return hadal_process_root(server->hadal, pid, &root, NULL) ? 0 : root;
}

/* Who listens; 0: not known. */
static pid_t peer_of(const struct server *server)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	getsockopt(server->socket, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	return peer.pid;
}

int kvmi_open_events(struct server *server)
{
	if (server->events)
		return 0;
	server->own_root = root_of(server, getpid());
	server->peer_root = root_of(server, peer_of(server));
	return hadal_events_open(&server->events, RING_BYTES, NULL) ? -ENOMEM : 0;
}

static void leave_out(struct hadal_subscription *asked, unsigned int value, uint64_t root)
{
	asked->clause[asked->clause_count++] =
		(struct hadal_clause){.value = (uint8_t)value,
				      .compare = HADAL_FILTER_NOT_EQUAL,
				      .mask = CR3_SPACE,
				      .operand = root & CR3_SPACE};
}

/* Events of these would tell of their own telling. */
static void leave_out_own(const struct server *server, struct hadal_subscription *asked)
{
	const uint64_t roots[] = {server->own_root, server->peer_root};

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		if (!roots[i])
			continue;
		leave_out(asked, HADAL_FILTER_CR3, roots[i]);
		if (asked->kind == HADAL_EVENT_CR && asked->first == 1 << 3)
			leave_out(asked, HADAL_FILTER_NEW, roots[i]);
	}
}

int kvmi_subscribe(struct server *server, struct hadal_subscription *asked)
{
	int result = kvmi_open_events(server);

	if (result)
		return result;
	asked->action = HADAL_ACTION_HOLD;
	asked->deadline = server->options.hold_ms * 1000;
	asked->capture = HADAL_CAPTURE_REGISTERS;
	leave_out_own(server, asked);
	result = hadal_events_subscribe(server->events, asked, NULL);
	switch (result) {
	case -ENXIO:
	case -EINVAL:
		return -EINVAL;
	case -EACCES:
		return -EPERM;
	case -EOPNOTSUPP:
	case -EDEADLK:
		return result;
	default:
		return result > 0 ? result : -ENOMEM;
	}
}

/* Whether a vCPU would go on without its answer, were there no such subscription. */
static bool is_in_use(const struct server *server, int subscription)
{
	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++) {
		const struct waiting *held = kvmi_held_for(server, cpu);

		if (server->vcpu[cpu].step_for == subscription ||
		    (held && held->subscription == (uint32_t)subscription))
			return true;
	}
	return false;
}

void kvmi_unsubscribe(struct server *server, int *subscription)
{
	const int number = *subscription;

	*subscription = 0;
	for (size_t i = 0; number && is_in_use(server, number) && i < HADAL_MAX_SUBSCRIPTIONS; i++)
		if (!server->leaving[i]) {
			server->leaving[i] = number;
			return;
		}
	if (number)
		hadal_events_unsubscribe(server->events, (uint32_t)number, NULL);
}

bool kvmi_has(const struct server *server, int subscription)
{
	for (size_t i = 0; i < WHOLES; i++)
		if (server->whole[i] == subscription)
			return true;
	for (size_t i = 0; i < KVMI_WINDOWS; i++)
		if (server->window[i] == subscription)
			return true;
	for (size_t i = 0; i < server->pages.run_count; i++)
		if (server->pages.run[i].subscription == subscription)
			return true;
	for (size_t i = 0; i < server->cpu_count; i++)
		if (server->vcpu[i].whole_step == subscription)
			return true;
	return false;
}

bool kvmi_is_leaving(const struct server *server, uint32_t subscription)
{
	for (size_t i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		if (server->leaving[i] && (uint32_t)server->leaving[i] == subscription)
			return true;
	return false;
}

void kvmi_end_leaving(struct server *server)
{
	for (size_t i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++) {
		int number = server->leaving[i];

		if (!number || is_in_use(server, number))
			continue;
		server->leaving[i] = 0;
		kvmi_unsubscribe(server, &number);
	}
}

bool kvmi_is_asked(const struct server *server, unsigned int event)
{
	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++)
		if (server->vcpu[cpu].events >> event & 1)
			return true;
	return false;
}

static bool wants_whole(const struct vcpu_state *vcpu, enum whole whole)
{
	return (vcpu->events >> wholes[whole].event & 1) &&
	       (!wholes[whole].crs || (vcpu->crs & wholes[whole].crs));
}

static int follow_whole(struct server *server, enum whole whole)
{
	struct hadal_subscription asked = wholes[whole].what;
	bool wanted = false;
	int result;

	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++)
		wanted |= wants_whole(&server->vcpu[cpu], whole);
	if (whole == WHOLE_VIEWS && !server->view_count)
		wanted = false;
	if (!wanted)
		kvmi_unsubscribe(server, &server->whole[whole]);
	if (!wanted || server->whole[whole])
		return 0;
	result = kvmi_subscribe(server, &asked);
	if (result > 0)
		server->whole[whole] = result;
	return result < 0 ? result : 0;
}

int kvmi_follow_views(struct server *server)
{
	return follow_whole(server, WHOLE_VIEWS);
}

static uint16_t msrs_wanted(const struct server *server, unsigned int window)
{
	uint16_t wanted = 0;

	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++)
		if (server->vcpu[cpu].events >> KVMI_EVENT_MSR & 1)
			wanted |= server->vcpu[cpu].msrs[window];
	return wanted;
}

/* From the first one to the last one that is wanted; the new ones are there before the old ones go.
 */
static int follow_window(struct server *server, unsigned int window)
{
	const uint16_t wanted = msrs_wanted(server, window);
	struct hadal_subscription asked = {.kind = HADAL_EVENT_MSR, .access = HADAL_ACCESS_WRITE};
	uint64_t first = (uint64_t)window * KVMI_WINDOW;
	int result = 0;

	if (wanted == server->asked[window])
		return 0;
	if (wanted) {
		if (first >= KVMI_MSR_RANGE)
			first += KVMI_MSR_HIGH - KVMI_MSR_RANGE;
		asked.first = first + (unsigned int)__builtin_ctz(wanted);
		asked.count = 32u - (unsigned int)__builtin_clz(wanted) -
			      (unsigned int)__builtin_ctz(wanted);
		result = kvmi_subscribe(server, &asked);
		if (result < 0)
			return result;
	}
	kvmi_unsubscribe(server, &server->window[window]);
	server->window[window] = result;
	server->asked[window] = wanted;
	return 0;
}

static int follow_event(struct server *server, unsigned int event)
{
	int result = 0;

	for (unsigned int whole = 0; whole < WHOLES && !result; whole++)
		if (wholes[whole].event == event)
			result = follow_whole(server, whole);
	for (unsigned int i = 0; event == KVMI_EVENT_MSR && i < KVMI_WINDOWS && !result; i++)
		result = follow_window(server, i);
	if (event == KVMI_EVENT_PF && !result)
		result = kvmi_watch_pages(server);
	return result;
}

static void set_bit(uint32_t *bits, unsigned int bit, bool set)
{
	*bits = set ? *bits | 1u << bit : *bits & ~(1u << bit);
}

int kvmi_control_events(struct server *server)
{
	const struct kvmi_request *request = &server->request;
	struct vcpu_state *vcpu = &server->vcpu[request->vcpu];
	const uint32_t before = vcpu->events;
	int result;

	if (request->subject >= KVMI_EVENTS || request->subject == KVMI_EVENT_UNHOOK ||
	    request->subject == KVMI_EVENT_CREATE_VCPU)
		return -EINVAL;
	if (!(KVMI_EVENTS_KNOWN >> request->subject & 1))
		return -EOPNOTSUPP;
	set_bit(&vcpu->events, request->subject, request->enable);
	result = follow_event(server, request->subject);
	if (result) {
		vcpu->events = before;
		follow_event(server, request->subject);
	}
	return result;
}

int kvmi_control_cr(struct server *server)
{
	const struct kvmi_request *request = &server->request;
	struct vcpu_state *vcpu = &server->vcpu[request->vcpu];
	const uint32_t before = vcpu->crs;
	int result;

	set_bit(&vcpu->crs, request->number, request->enable);
	result = follow_event(server, KVMI_EVENT_CR);
	if (result)
		vcpu->crs = before;
	return result;
}

/* Its place in bitmaps of both ranges. */
static unsigned int msr_place(uint64_t msr)
{
	return (unsigned int)(msr < KVMI_MSR_RANGE ? msr : msr - KVMI_MSR_HIGH + KVMI_MSR_RANGE);
}

int kvmi_control_msr(struct server *server)
{
	const struct kvmi_request *request = &server->request;
	const unsigned int place = msr_place(request->number), window = place / KVMI_WINDOW;
	uint16_t *msrs = &server->vcpu[request->vcpu].msrs[window];
	const uint16_t before = *msrs, bit = (uint16_t)(1u << place % KVMI_WINDOW);
	int result;

	*msrs = request->enable ? before | bit : before & (uint16_t)~bit;
	result = follow_window(server, window);
	if (result)
		*msrs = before;
	return result;
}

bool kvmi_is_wanted(const struct server *server, const struct hadal_event *event)
{
	const struct vcpu_state *vcpu = &server->vcpu[event->cpu];
	unsigned int place;

	switch (event->kind) {
	case HADAL_EVENT_CR:
		if (event->number == HADAL_CR_XCR0)
			return vcpu->events >> KVMI_EVENT_XSETBV & 1;
		return (vcpu->events >> KVMI_EVENT_CR & 1) && (vcpu->crs >> event->number & 1);
	case HADAL_EVENT_MSR:
		place = msr_place(event->number);
		return (vcpu->events >> KVMI_EVENT_MSR & 1) &&
		       (vcpu->msrs[place / KVMI_WINDOW] >> place % KVMI_WINDOW & 1);
	case HADAL_EVENT_EXCEPTION:
		return vcpu->events >> KVMI_EVENT_BREAKPOINT & 1;
	case HADAL_EVENT_MEMORY: /* the rights of the first view count there alone */
		return !vcpu->view && (vcpu->events >> KVMI_EVENT_PF & 1);
	case HADAL_EVENT_VIEW:
		return vcpu->events >> KVMI_EVENT_PF & 1;
	case HADAL_EVENT_DESCRIPTOR:
		return vcpu->events >> KVMI_EVENT_DESCRIPTOR & 1;
	case HADAL_EVENT_CPUID:
		return vcpu->events >> KVMI_EVENT_CPUID & 1;
	case HADAL_EVENT_STEP:
		return vcpu->steps && (vcpu->events >> KVMI_EVENT_SINGLESTEP & 1);
	default:
		return false;
	}
}
