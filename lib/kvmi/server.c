// SPDX-License-Identifier: MIT
/* Answering an introspector. */
#include "kvmi/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "kvmi/message.h"
#include "kvmi/registers.h"

/* A vCPU with a pause event that is not answered yet. */
struct paused {
	bool waits;
	bool held; /* false: it is the server's own */
	uint32_t seq;
};

struct server {
	struct hadal *hadal;
	int socket;
	unsigned int cpu_count;
	bool quiet;         /* commands are not answered */
	uint32_t event_seq; /* of the last event */
	struct paused *paused;
	struct kvmi_request request;
	/* What was received, and what is answered with. */
	union {
		uint64_t align;
		uint8_t bytes[KVMI_MESSAGE_MAX];
	} body;
	union {
		struct kvmi_version version;
		struct kvmi_guest_info guest;
		struct kvmi_vcpu_info vcpu;
		struct kvmi_max_gfn max;
		uint8_t page[KVMI_PAGE];
		struct kvmi_event event;
		struct {
			struct kvmi_registers fixed;
			struct kvm_msr_entry msr[KVMI_MAX_MSRS];
		} registers;
	} reply;
};

/* What one command gives. */
struct answer {
	int error;    /* negative errno */
	size_t bytes; /* of server->reply that belong to the answer */
	bool event;   /* server->reply.event is to be sent after it */
};

/* Returns 1 when all is there, 0 at the end before it, or a negative errno. */
static int receive(const struct server *server, void *buffer, size_t bytes,
		   struct hadal_error *error)
{
	ssize_t got;

	if (!bytes)
		return 1;
	do
		got = recv(server->socket, buffer, bytes, MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno != ECONNRESET)
		return hadal_fail(error, errno, "Cannot read from the introspector: %s",
				  strerror(errno));
	if (got > 0 && (size_t)got < bytes)
		return hadal_fail(error, EPROTO,
				  "The introspector hung up in the middle of a message");
	return got > 0;
}

static int send_all(const struct server *server, struct iovec *parts, size_t count,
		    struct hadal_error *error)
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};

	while (message.msg_iovlen) {
		ssize_t sent = sendmsg(server->socket, &message, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return hadal_fail(error, errno, "Cannot write to the introspector: %s",
					  strerror(errno));
		while (message.msg_iovlen && (size_t)sent >= message.msg_iov->iov_len) {
			sent -= (ssize_t)message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen) {
			message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + sent;
			message.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

static int send_answer(const struct server *server, const struct answer *answer,
		       struct hadal_error *error)
{
	const size_t bytes = answer->error ? 0 : answer->bytes;
	struct kvmi_error code = {.error = answer->error};
	struct kvmi_header header = {
		.id = server->request.id,
		.size = (uint16_t)(sizeof(code) + bytes),
		.seq = server->request.seq,
	};
	struct iovec parts[] = {
		{&header, sizeof(header)}, {&code, sizeof(code)}, {(void *)&server->reply, bytes}};

	return send_all(server, parts, bytes ? 3 : 2, error);
}

static int send_event(struct server *server, struct hadal_error *error)
{
	struct kvmi_event *event = &server->reply.event;
	struct kvmi_header header = {
		.id = KVMI_EVENT, .size = sizeof(*event), .seq = ++server->event_seq};
	struct iovec parts[] = {{&header, sizeof(header)}, {event, sizeof(*event)}};

	server->paused[event->vcpu].seq = header.seq;
	return send_all(server, parts, 2, error);
}

/* What the library says of a vCPU, for an introspector. */
static int vcpu_error(int result)
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

	answer->error = vcpu_error(hadal_regs(server->hadal, request->vcpu, &regs, NULL));
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

static void set_registers(const struct server *server, struct answer *answer)
{
	const struct kvmi_request *request = &server->request;
	struct hadal_set_regs set;

	if (!server->paused[request->vcpu].held) {
		answer->error = -EAGAIN;
		return;
	}
	kvmi_set_of(&request->regs, &set);
	answer->error = vcpu_error(hadal_set_regs(server->hadal, request->vcpu, &set, NULL));
}

static void pause_vcpu(struct server *server, struct answer *answer)
{
	const unsigned int vcpu = server->request.vcpu;
	struct paused *paused = &server->paused[vcpu];
	struct hadal_regs regs;
	int result;

	if (paused->waits) {
		answer->error = -EBUSY;
		return;
	}
	result = hadal_pause(server->hadal, vcpu, KVMI_PAUSE_MS, NULL);
	paused->held = !result;
	if (result && result != -EDEADLK) {
		answer->error = vcpu_error(result);
		return;
	}
	result = hadal_regs(server->hadal, vcpu, &regs, NULL);
	if (result) {
		if (paused->held)
			hadal_resume(server->hadal, vcpu, NULL);
		paused->held = false;
		answer->error = vcpu_error(result);
		return;
	}
	paused->waits = true;
	kvmi_event_of(&regs, vcpu, KVMI_EVENT_PAUSE_VCPU, &server->reply.event);
	answer->event = true;
}

static void check_event(const struct server *server, struct answer *answer)
{
	if (server->request.subject != KVMI_EVENT_PAUSE_VCPU)
		answer->error = -EOPNOTSUPP;
}

static void do_command(struct server *server, struct answer *answer)
{
	switch (server->request.id) {
	case KVMI_GET_VERSION:
		server->reply.version.version = KVMI_VERSION;
		answer->bytes = sizeof(server->reply.version);
		break;
	case KVMI_CHECK_COMMAND:
		if (!kvmi_command_known(server->request.subject))
			answer->error = -EOPNOTSUPP;
		break;
	case KVMI_CHECK_EVENT:
	case KVMI_CONTROL_EVENTS:
		check_event(server, answer);
		break;
	case KVMI_GET_GUEST_INFO:
		server->reply.guest.vcpu_count = server->cpu_count;
		answer->bytes = sizeof(server->reply.guest);
		break;
	case KVMI_GET_VCPU_INFO:
		answer->bytes = sizeof(server->reply.vcpu);
		break;
	case KVMI_PAUSE_VCPU:
		pause_vcpu(server, answer);
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
	case KVMI_CONTROL_CMD_RESPONSE:
		break;
	default:
		answer->error = -EOPNOTSUPP;
	}
}

/* The answer to a pause: the vCPU goes on. */
static int take_reply(struct server *server, int parsed, struct hadal_error *error)
{
	const struct kvmi_request *request = &server->request;
	struct paused *paused = &server->paused[request->vcpu];

	if (parsed || request->event != KVMI_EVENT_PAUSE_VCPU || !paused->waits ||
	    paused->seq != request->seq)
		return hadal_fail(
			error, EPROTO,
			"The introspector answered event %u of CPU %u, which does not wait "
			"for that",
			request->seq, request->vcpu);
	if (request->subject != KVMI_ACTION_CONTINUE)
		return hadal_fail(
			error, EPROTO,
			"The introspector answered a pause with action %u; a CPU can only "
			"go on",
			request->subject);
	/* Late ones find that it goes on already. */
	if (paused->held)
		hadal_resume(server->hadal, request->vcpu, NULL);
	*paused = (struct paused){0};
	return 0;
}

/* Whether this command is answered; sets what is so from the next one on. */
static bool is_answered(struct server *server)
{
	const struct kvmi_request *request = &server->request;
	const bool quiet = server->quiet;

	if (request->id != KVMI_CONTROL_CMD_RESPONSE)
		return !quiet;
	server->quiet = !request->enable;
	return request->now ? request->enable : !quiet;
}

static int take_command(struct server *server, int parsed, struct hadal_error *error)
{
	struct answer answer = {.error = parsed};
	int result = 0;

	memset(&server->reply, 0, sizeof(server->reply));
	if (server->quiet && kvmi_command_tells(server->request.id))
		return hadal_fail(error, EPROTO,
				  "The introspector asked for message %u while it wants no answers",
				  server->request.id);
	if (!parsed)
		do_command(server, &answer);
	/* One that there is not is told of in any case. */
	if ((parsed && server->request.id == KVMI_CONTROL_CMD_RESPONSE) ||
	    !kvmi_command_known(server->request.id) || is_answered(server))
		result = send_answer(server, &answer, error);
	if (!result && answer.event)
		result = send_event(server, error);
	return result;
}

/* Returns 1 when one was done, 0 when the introspector has hung up. */
static int serve_one(struct server *server, struct hadal_error *error)
{
	struct kvmi_header header;
	int result = receive(server, &header, sizeof(header), error);
	int parsed;

	if (result <= 0)
		return result;
	if (header.size > KVMI_MESSAGE_MAX - sizeof(header))
		return hadal_fail(
			error, EPROTO,
			"The introspector announced a message of %u bytes, more than there "
			"may be",
			header.size);
	result = receive(server, server->body.bytes, header.size, error);
	if (result <= 0)
		return result;
	parsed =
		kvmi_parse(&header, server->body.bytes, server->cpu_count, &server->request, error);
	if (parsed > 0)
		return -EPROTO;
	if (header.id == KVMI_EVENT_REPLY)
		result = take_reply(server, parsed, error);
	else
		result = take_command(server, parsed, error);
	return result ? result : 1;
}

int kvmi_serve(struct hadal *hadal, int socket, struct hadal_error *error)
{
	struct server *server = calloc(1, sizeof(*server));
	struct hadal_info info;
	int result = server ? hadal_info(hadal, &info, error)
			    : hadal_fail(error, ENOMEM, "Out of memory");

	if (!result) {
		server->hadal = hadal;
		server->socket = socket;
		server->cpu_count = info.cpu_count;
		server->paused = calloc(info.cpu_count, sizeof(*server->paused));
		result = server->paused ? 1 : hadal_fail(error, ENOMEM, "Out of memory");
	}
	while (result > 0)
		result = serve_one(server, error);
	for (unsigned int cpu = 0; server && server->paused && cpu < server->cpu_count; cpu++)
		if (server->paused[cpu].held)
			hadal_resume(hadal, cpu, NULL);
	if (server)
		free(server->paused);
	free(server);
	return result;
}
