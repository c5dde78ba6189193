// SPDX-License-Identifier: MIT
/* What an introspector sends, taken apart. Nothing in it is believed. */
#include "kvmi/message.h"

#include <errno.h>
#include <string.h>

/* Bytes of one message, from its begin on. */
union body {
	struct kvmi_vcpu vcpu;
	struct kvmi_check check;
	struct kvmi_pause pause;
	struct kvmi_control_events vm_events;
	struct {
		struct kvmi_vcpu vcpu;
		struct kvmi_control_events control;
	} events;
	struct kvmi_control_register reg;
	struct kvmi_control_singlestep step;
	struct kvmi_get_cpuid cpuid;
	struct kvmi_inject_exception inject;
	struct kvmi_page_access pages;
	struct kvmi_get_registers get;
	struct kvmi_set_registers set;
	struct kvmi_memory memory;
	struct kvmi_control_response response;
	struct kvmi_view view;
	struct kvmi_switch_view switch_view;
	struct kvmi_change_gfn change;
	struct kvmi_event_reply reply;
};

/* Each returns 0 or a negative errno. */
typedef int (*parse)(const union body *body, struct kvmi_request *request);

/* A flag, and padding together. */
static int flag_error(unsigned int flag, uint64_t padding)
{
	return flag > 1 || padding ? -EINVAL : 0;
}

static int parse_check(const union body *body, struct kvmi_request *request)
{
	request->subject = body->check.id;
	return flag_error(0, body->check.padding1 | body->check.padding2);
}

static int parse_pause(const union body *body, struct kvmi_request *request)
{
	const struct kvmi_pause *pause = &body->pause;

	request->enable = pause->wait;
	return flag_error(pause->wait, pause->padding1 | pause->padding2 | pause->padding3);
}

static int parse_control(const struct kvmi_control_events *control, struct kvmi_request *request)
{
	request->subject = control->event;
	request->enable = control->enable;
	return flag_error(control->enable, control->padding1 | control->padding2);
}

static int parse_vm_events(const union body *body, struct kvmi_request *request)
{
	return parse_control(&body->vm_events, request);
}

static int parse_events(const union body *body, struct kvmi_request *request)
{
	return parse_control(&body->events.control, request);
}

static int parse_register(const union body *body, struct kvmi_request *request)
{
	request->enable = body->reg.enable;
	request->number = body->reg.number;
	return flag_error(body->reg.enable, body->reg.padding1 | body->reg.padding2);
}

static int parse_cr(const union body *body, struct kvmi_request *request)
{
	int result = parse_register(body, request);

	if (request->number != 0 && request->number != 3 && request->number != 4)
		return -EINVAL;
	return result;
}

static int parse_msr(const union body *body, struct kvmi_request *request)
{
	int result = parse_register(body, request);

	return (request->number & ~KVMI_MSR_HIGH) < KVMI_MSR_RANGE &&
			       (request->number < KVMI_MSR_RANGE ||
				request->number >= KVMI_MSR_HIGH)
		       ? result
		       : -EINVAL;
}

static int parse_singlestep(const union body *body, struct kvmi_request *request)
{
	uint64_t padding = 0;

	memcpy(&padding, body->step.padding, sizeof(body->step.padding));
	request->enable = body->step.enable;
	return flag_error(body->step.enable, padding);
}

static int parse_cpuid(const union body *body, struct kvmi_request *request)
{
	request->number = body->cpuid.leaf;
	request->index = body->cpuid.subleaf;
	return 0;
}

static int parse_inject(const union body *body, struct kvmi_request *request)
{
	request->vector = body->inject.vector;
	request->number = body->inject.error;
	request->address = body->inject.address;
	return flag_error(0, body->inject.padding1 | body->inject.padding2);
}

static int parse_pages(const union body *body, struct kvmi_request *request)
{
	request->view = body->pages.view;
	request->count = body->pages.count;
	return flag_error(0, body->pages.padding);
}

static int parse_get_registers(const union body *body, struct kvmi_request *request)
{
	request->msr_count = body->get.msr_count;
	return flag_error(request->msr_count > KVMI_MAX_MSRS ? 2 : 0,
			  body->get.padding1 | body->get.padding2);
}

static int parse_set_registers(const union body *body, struct kvmi_request *request)
{
	request->regs = body->set.regs;
	return 0;
}

static int parse_memory(const union body *body, struct kvmi_request *request)
{
	request->address = body->memory.address;
	request->bytes = body->memory.bytes;
	if (!request->bytes || request->bytes > KVMI_PAGE ||
	    request->address % KVMI_PAGE + request->bytes > KVMI_PAGE)
		return -EINVAL;
	return 0;
}

static int parse_response(const union body *body, struct kvmi_request *request)
{
	const struct kvmi_control_response *response = &body->response;

	request->enable = response->enable;
	request->now = response->now;
	return flag_error(response->enable | response->now,
			  response->padding1 | response->padding2);
}

static int take_view(const struct kvmi_view *view, struct kvmi_request *request)
{
	request->view = view->view;
	return flag_error(0, view->padding[0] | view->padding[1] | view->padding[2]);
}

static int parse_view(const union body *body, struct kvmi_request *request)
{
	return take_view(&body->view, request);
}

static int parse_switch(const union body *body, struct kvmi_request *request)
{
	return take_view(&body->switch_view.view, request);
}

static int parse_change(const union body *body, struct kvmi_request *request)
{
	const struct kvmi_change_gfn *change = &body->change;
	const uint64_t end = 1ull << 52;

	request->view = change->view;
	request->address = change->gfn * KVMI_PAGE;
	request->value = (change->shows == KVMI_NO_GFN ? change->gfn : change->shows) * KVMI_PAGE;
	if (change->gfn >= end || (change->shows >= end && change->shows != KVMI_NO_GFN))
		return -EINVAL;
	return flag_error(0, change->padding1 | change->padding2);
}

static int parse_reply(const union body *body, struct kvmi_request *request)
{
	request->subject = body->reply.action;
	request->event = body->reply.event;
	return flag_error(0, body->reply.padding1 | body->reply.padding2);
}

static const struct {
	bool known;
	bool vcpu;      /* begins with struct kvmi_vcpu */
	bool tells;     /* the answer is more than an error */
	uint16_t bytes; /* of its fixed part */
	parse parse;
} messages[KVMI_MESSAGES] = {
	[KVMI_EVENT_REPLY] = {true, true, false, sizeof(struct kvmi_event_reply), parse_reply},
	[KVMI_GET_VERSION] = {true, false, true, 0, NULL},
	[KVMI_CHECK_COMMAND] = {true, false, false, sizeof(struct kvmi_check), parse_check},
	[KVMI_CHECK_EVENT] = {true, false, false, sizeof(struct kvmi_check), parse_check},
	[KVMI_GET_GUEST_INFO] = {true, false, true, 0, NULL},
	[KVMI_GET_VCPU_INFO] = {true, true, true, sizeof(struct kvmi_vcpu), NULL},
	[KVMI_PAUSE_VCPU] = {true, true, false, sizeof(struct kvmi_pause), parse_pause},
	[KVMI_CONTROL_VM_EVENTS] = {true, false, false, sizeof(struct kvmi_control_events),
				    parse_vm_events},
	[KVMI_CONTROL_EVENTS] = {true, true, false,
				 sizeof(struct kvmi_vcpu) + sizeof(struct kvmi_control_events),
				 parse_events},
	[KVMI_CONTROL_CR] = {true, true, false, sizeof(struct kvmi_control_register), parse_cr},
	[KVMI_CONTROL_MSR] = {true, true, false, sizeof(struct kvmi_control_register), parse_msr},
	[KVMI_GET_CPUID] = {true, true, true, sizeof(struct kvmi_get_cpuid), parse_cpuid},
	[KVMI_INJECT_EXCEPTION] = {true, true, false, sizeof(struct kvmi_inject_exception),
				   parse_inject},
	[KVMI_GET_PAGE_ACCESS] = {true, false, true, sizeof(struct kvmi_page_access), parse_pages},
	[KVMI_SET_PAGE_ACCESS] = {true, false, false, sizeof(struct kvmi_page_access), parse_pages},
	[KVMI_CONTROL_SINGLESTEP] = {true, true, false, sizeof(struct kvmi_control_singlestep),
				     parse_singlestep},
	[KVMI_GET_REGISTERS] = {true, true, true, sizeof(struct kvmi_get_registers),
				parse_get_registers},
	[KVMI_SET_REGISTERS] = {true, true, false, sizeof(struct kvmi_set_registers),
				parse_set_registers},
	[KVMI_READ_PHYSICAL] = {true, false, true, sizeof(struct kvmi_memory), parse_memory},
	[KVMI_WRITE_PHYSICAL] = {true, false, false, sizeof(struct kvmi_memory), parse_memory},
	[KVMI_CONTROL_CMD_RESPONSE] = {true, false, false, sizeof(struct kvmi_control_response),
				       parse_response},
	[KVMI_GET_MAX_GFN] = {true, false, true, 0, NULL},
	[KVMI_SWITCH_VIEW] = {true, true, false, sizeof(struct kvmi_switch_view), parse_switch},
	[KVMI_GET_VIEW] = {true, true, true, sizeof(struct kvmi_vcpu), NULL},
	[KVMI_CREATE_VIEW] = {true, false, true, 0, NULL},
	[KVMI_DESTROY_VIEW] = {true, false, false, sizeof(struct kvmi_view), parse_view},
	[KVMI_CHANGE_GFN] = {true, true, false, sizeof(struct kvmi_change_gfn), parse_change},
};

bool kvmi_command_known(uint16_t id)
{
	return id > KVMI_EVENT && id < KVMI_MESSAGES && messages[id].known;
}

bool kvmi_command_tells(uint16_t id)
{
	return id < KVMI_MESSAGES && messages[id].tells;
}

/* Bytes behind the fixed part, as the fixed part tells them. */
static uint64_t bytes_behind(uint16_t id, const union body *body)
{
	switch (id) {
	case KVMI_GET_REGISTERS:
		return body->get.msr_count * sizeof(uint32_t);
	case KVMI_WRITE_PHYSICAL:
		return body->memory.bytes;
	case KVMI_GET_PAGE_ACCESS:
		return body->pages.count * sizeof(uint64_t);
	case KVMI_SET_PAGE_ACCESS:
		return body->pages.count * sizeof(struct kvmi_page);
	case KVMI_EVENT_REPLY:
		if (body->reply.event == KVMI_EVENT_CR || body->reply.event == KVMI_EVENT_MSR)
			return sizeof(struct kvmi_reply_value);
		return body->reply.event == KVMI_EVENT_PF ? sizeof(struct kvmi_reply_pf) : 0;
	default:
		return 0;
	}
}

static int check_pages(const struct kvmi_request *request)
{
	for (unsigned int i = 0; i < request->count; i++) {
		struct kvmi_page page;

		memcpy(&page, request->data + i * sizeof(page), sizeof(page));
		if (page.access & ~KVMI_ACCESS_ALL || page.padding1 || page.padding2 ||
		    page.padding3)
			return -EINVAL;
	}
	return 0;
}

static int take_reply(struct kvmi_request *request)
{
	struct kvmi_reply_pf pf;

	if (request->event == KVMI_EVENT_CR || request->event == KVMI_EVENT_MSR)
		memcpy(&request->value, request->data, sizeof(request->value));
	if (request->event != KVMI_EVENT_PF)
		return 0;
	memcpy(&pf, request->data, sizeof(pf));
	request->steps = pf.singlestep;
	request->is_emulated = pf.bytes;
	return pf.padding || pf.bytes > sizeof(pf.data) ? -EINVAL : 0;
}

/* What is behind the fixed part. */
static int take_data(struct kvmi_request *request)
{
	switch (request->id) {
	case KVMI_GET_REGISTERS:
		memcpy(request->msr, request->data, request->msr_count * sizeof(*request->msr));
		return 0;
	case KVMI_SET_PAGE_ACCESS:
		return check_pages(request);
	case KVMI_EVENT_REPLY:
		return take_reply(request);
	default:
		return 0;
	}
}

static int size_error(const struct kvmi_header *header, struct hadal_error *error)
{
	hadal_fail(error, EPROTO,
		   "The introspector sent message %u with %u bytes, which is not its size",
		   header->id, header->size);
	return 1;
}

int kvmi_parse(const struct kvmi_header *header, const void *body, unsigned int vcpu_count,
	       struct kvmi_request *request, struct hadal_error *error)
{
	const uint16_t id = header->id;
	union body copy = {0};
	uint16_t fixed;
	int result;

	memset(request, 0, sizeof(*request));
	request->id = id;
	request->seq = header->seq;
	if (header->size > KVMI_MESSAGE_MAX - sizeof(*header))
		return size_error(header, error);
	if (id != KVMI_EVENT_REPLY && !kvmi_command_known(id))
		return -EOPNOTSUPP;
	fixed = messages[id].bytes;
	if (header->size < fixed)
		return size_error(header, error);
	memcpy(&copy, body, fixed);
	if (header->size != fixed + bytes_behind(id, &copy))
		return size_error(header, error);
	if (messages[id].vcpu) {
		request->vcpu = copy.vcpu.vcpu;
		if (request->vcpu >= vcpu_count || copy.vcpu.padding1 || copy.vcpu.padding2)
			return -EINVAL;
	}
	result = messages[id].parse ? messages[id].parse(&copy, request) : 0;
	if (result)
		return result;
	request->data = (const uint8_t *)body + fixed;
	return take_data(request);
}
