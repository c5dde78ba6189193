// SPDX-License-Identifier: MIT
/* Records of events to an introspector, and its answers to them. */
#include "kvmi/state.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "kvmi/registers.h"

/* Records between two looks at the socket. */
#define RECORDS 64u

uint64_t kvmi_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct waiting *kvmi_held_for(const struct server *server, unsigned int vcpu)
{
	struct waiting *current = server->vcpu[vcpu].current;

	return current && kvmi_now() < current->until ? current : NULL;
}

/* A place for one more, NULL when the introspector has answered none of many. */
static struct waiting *free_place(struct vcpu_state *vcpu)
{
	for (unsigned int i = 0; i < KVMI_WAITING; i++)
		if (!vcpu->waiting[i].used)
			return &vcpu->waiting[i];
	for (unsigned int i = 0; i < KVMI_WAITING; i++)
		if (vcpu->waiting[i].given_up && &vcpu->waiting[i] != vcpu->current)
			return &vcpu->waiting[i];
	return NULL;
}

/* What is not held comes as fast as the introspector answers, and no faster. */
static bool is_busy(const struct vcpu_state *vcpu)
{
	for (unsigned int i = 0; i < KVMI_WAITING; i++)
		if (vcpu->waiting[i].used && !vcpu->waiting[i].given_up)
			return true;
	return false;
}

/* The registers of the moment; the rest of a vCPU that was not held is as it is now. */
static bool registers_of(const struct server *server, const struct hadal_event *event,
			 struct hadal_regs *regs)
{
	static const struct hadal_subscription asked = {.capture = HADAL_CAPTURE_REGISTERS};
	const struct hadal_event_registers *then =
		hadal_event_part(&asked, event, HADAL_CAPTURE_REGISTERS);

	if (hadal_regs(server->hadal, event->cpu, regs, NULL))
		return false;
	if (event->flags & HADAL_RECORD_HELD || !then)
		return true;
	memcpy(regs, then->general, sizeof(then->general));
	regs->rip = event->rip;
	regs->rflags = then->rflags;
	regs->cr3 = event->cr3;
	regs->fs.base = then->fs_base;
	regs->gs.base = then->gs_base;
	return true;
}

static uint64_t physical_of(const struct server *server, uint64_t root, uint64_t address)
{
	struct hadal_translation at;

	if (hadal_translate(server->hadal, root, address, 0, &at, NULL) || at.result)
		return 0;
	return at.physical;
}

/* By enum hadal_descriptor. */
static const uint8_t descriptors[] = {KVMI_GDTR, KVMI_IDTR, KVMI_LDTR, KVMI_TR};

/* Bytes of CPUID and INT3. */
#define CPUID_BYTES 2
#define INT3_BYTES  1

/* The part that is special to an event, after server->reply.event.common. Its bytes. */
static size_t describe(struct server *server, const struct hadal_event *event, uint8_t *id)
{
	switch (event->kind) {
	case HADAL_EVENT_CR:
		*id = KVMI_EVENT_XSETBV;
		if (event->number == HADAL_CR_XCR0)
			return 0;
		*id = KVMI_EVENT_CR;
		server->reply.event.cr = (struct kvmi_event_cr){.cr = (uint16_t)event->number,
								.old_value = event->old_value,
								.new_value = event->new_value};
		return sizeof(server->reply.event.cr);
	case HADAL_EVENT_MSR:
		*id = KVMI_EVENT_MSR;
		server->reply.event.msr = (struct kvmi_event_msr){.msr = (uint32_t)event->number,
								  .old_value = event->old_value,
								  .new_value = event->new_value};
		return sizeof(server->reply.event.msr);
	case HADAL_EVENT_EXCEPTION:
		*id = KVMI_EVENT_BREAKPOINT;
		server->reply.event.breakpoint = (struct kvmi_event_breakpoint){
			.address = physical_of(server, event->cr3, event->rip),
			.length = INT3_BYTES};
		return sizeof(server->reply.event.breakpoint);
	case HADAL_EVENT_MEMORY:
	case HADAL_EVENT_VIEW:
		*id = KVMI_EVENT_PF;
		server->reply.event.pf = (struct kvmi_event_pf){
			.linear = event->address ? event->address : KVMI_UNKNOWN_ADDRESS,
			.physical = event->physical,
			.access = event->access,
			.view = server->vcpu[event->cpu].view};
		return sizeof(server->reply.event.pf);
	case HADAL_EVENT_DESCRIPTOR:
		*id = KVMI_EVENT_DESCRIPTOR;
		server->reply.event.descriptor = (struct kvmi_event_descriptor){
			.descriptor = descriptors[event->number & 3],
			.write = event->access == HADAL_ACCESS_WRITE};
		return sizeof(server->reply.event.descriptor);
	case HADAL_EVENT_STEP:
		*id = KVMI_EVENT_SINGLESTEP;
		return sizeof(server->reply.event.singlestep);
	default:
		*id = KVMI_EVENT_CPUID;
		server->reply.event.cpuid =
			(struct kvmi_event_cpuid){.leaf = (uint32_t)event->number,
						  .subleaf = (uint32_t)event->physical,
						  .length = CPUID_BYTES};
		return sizeof(server->reply.event.cpuid);
	}
}

static struct hadal_event_answer answer_to(const struct waiting *waiting, unsigned int vcpu)
{
	return (struct hadal_event_answer){.subscription = waiting->subscription,
					   .cpu = vcpu,
					   .time = waiting->time,
					   .answer = HADAL_ANSWER_GO_ON};
}

/* A record that the introspector is not told of. */
static void let_go(struct server *server, const struct hadal_event *event)
{
	struct hadal_event_answer answer = {.subscription = event->subscription,
					    .cpu = event->cpu,
					    .time = event->time,
					    .answer = HADAL_ANSWER_GO_ON};

	if (event->flags & HADAL_RECORD_HELD)
		hadal_events_answer(server->events, &answer, NULL);
}

/* Of two subscriptions, one of which is about to go; of one that nobody wants any more. */
static bool is_old(const struct server *server, const struct hadal_event *event)
{
	const bool steps_on =
		event->kind == HADAL_EVENT_STEP && kvmi_is_leaving(server, event->subscription);

	return event->time == server->vcpu[event->cpu].told ||
	       (!steps_on && !kvmi_has(server, (int)event->subscription));
}

static int tell(struct server *server, const struct hadal_event *event, struct hadal_error *error)
{
	struct vcpu_state *vcpu = &server->vcpu[event->cpu];
	const bool held = event->flags & HADAL_RECORD_HELD;
	struct waiting *waiting = held || !is_busy(vcpu) ? free_place(vcpu) : NULL;
	struct hadal_regs regs;
	size_t special;

	if (event->kind != HADAL_EVENT_NOTICE)
		vcpu->step_for = 0;
	if (!waiting || event->kind == HADAL_EVENT_NOTICE || is_old(server, event) ||
	    !kvmi_is_wanted(server, event) || !registers_of(server, event, &regs)) {
		let_go(server, event);
		kvmi_end_leaving(server);
		return 0;
	}
	memset(&server->reply, 0, sizeof(server->reply));
	*waiting = (struct waiting){.used = true,
				    .held = held,
				    .subscription = event->subscription,
				    .time = event->time,
				    .value = event->new_value};
	special = describe(server, event, &waiting->event);
	kvmi_event_of(&regs, event->cpu, waiting->event, &server->reply.event.common);
	server->reply.event.common.view = vcpu->view;
	waiting->before = server->reply.event.common.regs;
	if (held) {
		waiting->until = kvmi_now() + server->options.hold_ms * 1000000ull;
		vcpu->current = waiting;
	}
	vcpu->told = event->time;
	return kvmi_send_event(server, special, &waiting->seq, error);
}

int kvmi_tell_all(struct server *server, struct hadal_error *error)
{
	const struct hadal_event *event;
	int result = 0;

	for (unsigned int i = 0; i < RECORDS && !result; i++) {
		event = hadal_events_next(server->events);
		if (!event)
			break;
		result = tell(server, event, error);
	}
	return result;
}

static struct waiting *find_waiting(const struct server *server)
{
	const struct kvmi_request *request = &server->request;
	struct vcpu_state *vcpu = &server->vcpu[request->vcpu];

	for (unsigned int i = 0; i < KVMI_WAITING; i++)
		if (vcpu->waiting[i].used && vcpu->waiting[i].seq == request->seq &&
		    vcpu->waiting[i].event == request->event)
			return &vcpu->waiting[i];
	return NULL;
}

/* Bit n: enum kvmi_event_id n can be answered by "once more". */
#define CAN_RETRY                                                                          \
	(1u << KVMI_EVENT_BREAKPOINT | 1u << KVMI_EVENT_PF | 1u << KVMI_EVENT_DESCRIPTOR | \
	 1u << KVMI_EVENT_CPUID)

static bool is_possible(const struct kvmi_request *request)
{
	if (request->subject == KVMI_ACTION_RETRY)
		return CAN_RETRY >> request->event & 1;
	return request->subject == KVMI_ACTION_CONTINUE;
}

static void fill_answer(const struct kvmi_request *request, const struct waiting *waiting,
			struct hadal_event_answer *answer)
{
	const bool writes = request->event == KVMI_EVENT_CR || request->event == KVMI_EVENT_MSR;

	kvmi_set_of(waiting->sets ? &waiting->after : &waiting->before, &answer->set);
	answer->set.mask = waiting->sets ? kvmi_changes(&waiting->before, &waiting->after) : 0;
	if (waiting->raises) {
		answer->answer = HADAL_ANSWER_EXCEPTION;
		answer->vector = waiting->vector;
		answer->error = waiting->error;
		if (waiting->vector == 14) {
			answer->set.mask |= 1ull << HADAL_REG_CR2;
			answer->set.values.cr2 = waiting->address;
		}
	} else if (writes && request->value != waiting->value) {
		answer->answer = HADAL_ANSWER_VALUE;
		answer->value = request->value;
	} else if (request->subject == KVMI_ACTION_RETRY && !request->steps) {
		/* To the same place, which does nothing of what was about to be done. */
		answer->set.mask |= 1ull << HADAL_REG_RIP;
	}
}

static int give(struct server *server, const struct waiting *waiting, struct hadal_error *error)
{
	const struct kvmi_request *request = &server->request;
	struct hadal_event_answer answer = answer_to(waiting, request->vcpu);

	fill_answer(request, waiting, &answer);
	answer.step = kvmi_steps_on(server, request->vcpu, waiting);
	switch (hadal_events_answer(server->events, &answer, NULL)) {
	case -ERANGE:
		return hadal_fail(error, EPROTO,
				  "The introspector sets %s of CPU %u to what the processor "
				  "refuses",
				  hadal_reg_name(answer.refused), request->vcpu);
	case -EBUSY:
		return hadal_fail(error, EPROTO,
				  "The introspector turns interrupts off on CPU %u, which is just "
				  "taking one",
				  request->vcpu);
	case 0:
		if (answer.step)
			server->vcpu[request->vcpu].step_for = (int)waiting->subscription;
		return 0;
	default: /* it may be late */
		return 0;
	}
}

int kvmi_take_answer(struct server *server, struct hadal_error *error)
{
	const struct kvmi_request *request = &server->request;
	struct vcpu_state *vcpu = &server->vcpu[request->vcpu];
	struct waiting *waiting = find_waiting(server);
	int result = 0;

	if (!waiting)
		return hadal_fail(
			error, EPROTO,
			"The introspector answered event %u of CPU %u, which does not wait "
			"for that",
			request->seq, request->vcpu);
	if (!is_possible(request))
		return hadal_fail(error, EPROTO,
				  "The introspector answered an event of kind %u with action %u, "
				  "which cannot be done",
				  request->event, request->subject);
	if (request->is_emulated)
		return hadal_fail(error, EPROTO,
				  "The introspector wants other data to be read than there are, "
				  "which cannot be done");
	if (waiting->held)
		result = give(server, waiting, error);
	waiting->used = false;
	if (waiting == vcpu->current) {
		vcpu->current = NULL;
		kvmi_pause_behind(server, request->vcpu);
	}
	kvmi_end_leaving(server);
	return result;
}
