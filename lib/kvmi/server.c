// SPDX-License-Identifier: MIT
/* Answering an introspector. */
#include "kvmi/state.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

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
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0; /* it has hung up, which the next read tells */
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

int kvmi_send_event(struct server *server, size_t special, uint32_t *seq, struct hadal_error *error)
{
	const size_t bytes = sizeof(server->reply.event.common) + special;
	struct kvmi_header header = {
		.id = KVMI_EVENT, .size = (uint16_t)bytes, .seq = ++server->event_seq};
	struct iovec parts[] = {{&header, sizeof(header)}, {&server->reply.event, bytes}};

	*seq = header.seq;
	return send_all(server, parts, 2, error);
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
		kvmi_do_command(server, &answer);
	/* One that there is not is told of in any case. */
	if ((parsed && server->request.id == KVMI_CONTROL_CMD_RESPONSE) ||
	    !kvmi_command_known(server->request.id) || is_answered(server))
		result = send_answer(server, &answer, error);
	if (!result && answer.event)
		result = kvmi_send_event(server, 0, &server->vcpu[server->request.vcpu].paused.seq,
					 error);
	return result;
}

static int take_reply(struct server *server, int parsed, struct hadal_error *error)
{
	const struct kvmi_request *request = &server->request;

	if (!parsed && request->event != KVMI_EVENT_PAUSE_VCPU)
		return kvmi_take_answer(server, error);
	return kvmi_resume(server, parsed, error);
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

/* Returns as serve_one() does; 1 also when nothing has come but records. */
static int serve(struct server *server, struct hadal_error *error)
{
	struct pollfd files[] = {{.fd = server->socket, .events = POLLIN}, {.fd = -1}};
	int result;

	if (server->events)
		files[1] = (struct pollfd){hadal_events_fd(server->events), POLLIN, 0};
	if (poll(files, 2, kvmi_step_wait(server)) < 0 && errno != EINTR)
		return hadal_fail(error, errno, "Cannot wait for the introspector: %s",
				  strerror(errno));
	if (files[1].revents & ~POLLIN)
		return hadal_fail(error, ENODEV, "Hadal was stopped");
	if (files[1].revents) {
		result = kvmi_tell_all(server, error);
		if (result)
			return result;
	}
	kvmi_step_again(server);
	return files[0].revents ? serve_one(server, error) : 1;
}

static int prepare(struct server *server, struct hadal_error *error)
{
	struct hadal_info info;
	int result = hadal_info(server->hadal, &info, error);

	if (result)
		return result;
	server->cpu_count = info.cpu_count;
	server->vcpu = calloc(info.cpu_count, sizeof(*server->vcpu));
	if (!server->vcpu)
		return hadal_fail(error, ENOMEM, "Out of memory");
	return 1;
}

int kvmi_serve(struct hadal *hadal, int socket, const struct kvmi_options *options,
	       struct hadal_error *error)
{
	struct server *server = calloc(1, sizeof(*server));
	int result;

	if (!server)
		return hadal_fail(error, ENOMEM, "Out of memory");
	server->hadal = hadal;
	server->socket = socket;
	server->options = *options;
	if (!server->options.hold_ms)
		server->options.hold_ms = KVMI_HOLD_MS;
	result = prepare(server, error);
	while (result > 0)
		result = serve(server, error);
	hadal_events_close(server->events);
	if (server->vcpu)
		kvmi_resume_all(server);
	kvmi_free_views(server);
	free(server->vcpu);
	free(server);
	return result;
}
