// SPDX-License-Identifier: MIT
/* What an introspector asks for about the machine, its memory and its vCPUs. */
#include "kvmi/state.h"

#include <cpuid.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "kvmi/registers.h"

int kvmi_vcpu_error(int result)
{
	switch (result) {
	case 0:
		return 0;
	case -ERANGE:
	case -EINVAL:
		return -EINVAL;
	default:
		return -EAGAIN;
	}
}

static void get_max_gfn(struct server *server, struct answer *answer)
{
	struct hadal_ram *ram = malloc(sizeof(*ram));

	answer->error = -ENOMEM;
	if (ram && !hadal_ram(server->hadal, ram, NULL) && ram->count) {
		server->reply.max.gfn = ram->range[ram->count - 1].end / KVMI_PAGE;
		answer->error = 0;
	}
	free(ram);
	answer->bytes = sizeof(server->reply.max);
}

static void read_physical(struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	int result = hadal_read(server->hadal, request->address, server->reply.page, request->bytes,
				0, NULL, NULL);

	/* Where the hypervisor is, everybody sees zeros. */
	if (result == -EACCES)
		memset(server->reply.page, 0, request->bytes);
	else if (result)
		answer->error = -EINVAL;
	answer->bytes = request->bytes;
}

static void write_physical(const struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	int result = hadal_write(server->hadal, request->address, request->data, request->bytes, 0,
				 NULL, NULL);

	if (result)
		answer->error = result == -EACCES ? -EPERM : -EINVAL;
}

static void get_registers(struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	struct kvmi_registers *fixed = &server->reply.registers.fixed;
	struct hadal_regs regs;

	answer->error = kvmi_vcpu_error(hadal_regs(server->hadal, request->vcpu, &regs, NULL));
	if (answer->error)
		return;
	fixed->mode = kvmi_mode(&regs);
	kvmi_regs_of(&regs, &fixed->regs);
	kvmi_sregs_of(&regs, &fixed->sregs);
	fixed->msr_count = request->msr_count;
	for (uint32_t i = 0; i < request->msr_count; i++) {
		struct kvm_msr_entry *entry = &server->reply.registers.msr[i];
		uint64_t value;

		if (!kvmi_msr_of(&regs, request->msr[i], &value)) {
			answer->error = -EINVAL;
			return;
		}
		*entry = (struct kvm_msr_entry){.index = request->msr[i], .data = value};
	}
	answer->bytes = sizeof(*fixed) + request->msr_count * sizeof(struct kvm_msr_entry);
}

/* Its CPU was not held for it: let others be told there. */
static int give_up(struct server *server, unsigned int vcpu)
{
	for (unsigned int i = 0; i < KVMI_WAITING; i++)
		server->vcpu[vcpu].waiting[i].given_up = true;
	return -EAGAIN;
}

/* Of a paused one now, of one that is held for an event with the answer to that. */
static void set_registers(struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	struct waiting *waiting = kvmi_held_for(server, request->vcpu);
	struct hadal_set_regs set;

	if (server->vcpu[request->vcpu].paused.held) {
		kvmi_set_of(&request->regs, &set);
		answer->error =
			kvmi_vcpu_error(hadal_set_regs(server->hadal, request->vcpu, &set, NULL));
	} else if (waiting) {
		waiting->sets = true;
		waiting->after = request->regs;
	} else {
		answer->error = give_up(server, request->vcpu);
	}
}

/* Whether the processor has this leaf, by those that say which is the last one of its kind. */
static bool has_leaf(uint32_t leaf)
{
	uint32_t last, ignored;

	__cpuid(leaf & 0xffff0000u, last, ignored, ignored, ignored);
	return leaf <= last && last >> 16 == leaf >> 16;
}

/* As programs see it on that CPU, for which this one goes there. */
static void get_cpuid(struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	struct kvmi_cpuid *got = &server->reply.cpuid;
	cpu_set_t before, there;

	CPU_ZERO(&there);
	CPU_SET(request->vcpu, &there);
	if (server->vcpu[request->vcpu].paused.held || kvmi_held_for(server, request->vcpu) ||
	    sched_getaffinity(0, sizeof(before), &before) ||
	    sched_setaffinity(0, sizeof(there), &there)) {
		answer->error = -EAGAIN;
		return;
	}
	if (has_leaf(request->number))
		__cpuid_count(request->number, request->index, got->eax, got->ebx, got->ecx,
			      got->edx);
	else
		answer->error = -ENOENT;
	sched_setaffinity(0, sizeof(before), &before);
	answer->bytes = sizeof(*got);
}

/* Exceptions that have an error code: DF, TS, NP, SS, GP, PF, AC, CP. */
#define WITH_ERROR 0x00227d00u

static void inject_exception(struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	struct waiting *waiting = kvmi_held_for(server, request->vcpu);

	if (request->vector >= 32 || request->vector == 2 ||
	    (request->number && !(WITH_ERROR >> request->vector & 1))) {
		answer->error = -EINVAL;
	} else if (!waiting) {
		answer->error = give_up(server, request->vcpu);
	} else if (waiting->raises) {
		answer->error = -EBUSY;
	} else {
		waiting->raises = true;
		waiting->vector = (uint8_t)request->vector;
		waiting->error = request->number;
		waiting->address = request->address;
	}
}

static void check_event(const struct server *server, struct answer *answer)
{
	const unsigned int event = server->request.subject;

	if (event >= KVMI_EVENTS || !(KVMI_EVENTS_KNOWN >> event & 1))
		answer->error = -EOPNOTSUPP;
}

void kvmi_do_command(struct server *server, struct answer *answer)
{
	switch (server->request.id) {
	case KVMI_GET_VERSION:
		server->reply.version.version = KVMI_VERSION;
		server->reply.version.features[KVMI_FEATURE_VIEWS] = 1;
		answer->bytes = sizeof(server->reply.version);
		break;
	case KVMI_CHECK_COMMAND:
		if (!kvmi_command_known(server->request.subject))
			answer->error = -EOPNOTSUPP;
		break;
	case KVMI_CHECK_EVENT:
		check_event(server, answer);
		break;
	case KVMI_CONTROL_EVENTS:
		answer->error = kvmi_control_events(server);
		break;
	case KVMI_CONTROL_CR:
		answer->error = kvmi_control_cr(server);
		break;
	case KVMI_CONTROL_MSR:
		answer->error = kvmi_control_msr(server);
		break;
	case KVMI_CONTROL_SINGLESTEP:
		answer->error = kvmi_control_singlestep(server);
		break;
	case KVMI_GET_PAGE_ACCESS:
		kvmi_get_page_access(server, answer);
		break;
	case KVMI_SET_PAGE_ACCESS:
		answer->error = kvmi_set_page_access(server);
		break;
	case KVMI_INJECT_EXCEPTION:
		inject_exception(server, answer);
		break;
	case KVMI_GET_CPUID:
		get_cpuid(server, answer);
		break;
	case KVMI_GET_GUEST_INFO:
		server->reply.guest.vcpu_count = server->cpu_count;
		answer->bytes = sizeof(server->reply.guest);
		break;
	case KVMI_GET_VCPU_INFO:
		answer->bytes = sizeof(server->reply.vcpu);
		break;
	case KVMI_PAUSE_VCPU:
		kvmi_pause(server, answer);
		break;
	case KVMI_GET_REGISTERS:
		get_registers(server, answer);
		break;
	case KVMI_SET_REGISTERS:
		set_registers(server, answer);
		break;
	case KVMI_READ_PHYSICAL:
		read_physical(server, answer);
		break;
	case KVMI_WRITE_PHYSICAL:
		write_physical(server, answer);
		break;
	case KVMI_GET_MAX_GFN:
		get_max_gfn(server, answer);
		break;
	case KVMI_CREATE_VIEW:
		kvmi_create_view(server, answer);
		break;
	case KVMI_DESTROY_VIEW:
		answer->error = kvmi_destroy_view(server);
		break;
	case KVMI_SWITCH_VIEW:
		answer->error = kvmi_switch_view(server);
		break;
	case KVMI_GET_VIEW:
		server->reply.view.view = server->vcpu[server->request.vcpu].view;
		answer->bytes = sizeof(server->reply.view);
		break;
	case KVMI_CHANGE_GFN:
		answer->error = kvmi_change_gfn(server);
		break;
	case KVMI_CONTROL_CMD_RESPONSE:
		break;
	default:
		answer->error = -EOPNOTSUPP;
	}
}
