// SPDX-License-Identifier: MIT
/* An introspector that speaks KVMI, one message at a time. */
#include "support/introspector.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

struct peer peer;

int peer_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	strcpy(address.sun_path, path);
	CHECK(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	CHECK(!listen(listener, 1));
	return listener;
}

void peer_start(const char *path)
{
	peer.server = fork();
	CHECK(peer.server >= 0);
	if (peer.server)
		return;
	freopen(PEER_ERRORS, "w", stderr);
	/* What is held waits for as long as may be: emulators are slow. */
	execlp("hadal", "hadal", "kvmi", "--deadline", "1000", "--socket", path, NULL);
	_exit(99);
}

void peer_ends(int expected)
{
	struct stat stat_of;
	int status;

	EQUAL(waitpid(peer.server, &status, 0), peer.server);
	CHECK(WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), expected);
	CHECK(!stat(PEER_ERRORS, &stat_of));
	EQUAL(stat_of.st_size > 20, expected != 0);
}

void peer_receive(void *buffer, size_t bytes)
{
	EQUAL(recv(peer.connection, buffer, bytes, MSG_WAITALL), (int64_t)bytes);
}

void peer_begin(void)
{
	int listener = peer_listen(PEER_PATH);
	struct kvmi_welcome welcome = {.bytes = sizeof(welcome)};
	const struct timeval limit = {.tv_sec = 30};
	struct kvmi_hello hello;

	peer_start(PEER_PATH);
	peer.connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(peer.connection >= 0);
	EQUAL(setsockopt(peer.connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	close(listener);
	peer_receive(&hello, sizeof(hello));
	EQUAL(hello.bytes, 96);
	EQUAL(hello.padding, 0);
	CHECK(!strcmp(hello.name, "host"));
	EQUAL(send(peer.connection, &welcome, sizeof(welcome), 0), sizeof(welcome));
}

void peer_end(void)
{
	close(peer.connection);
	peer_ends(0);
}

void peer_send(uint16_t id, const void *body, size_t bytes)
{
	struct {
		struct kvmi_header header;
		uint8_t body[KVMI_MESSAGE_MAX];
	} message = {.header = {id, (uint16_t)bytes, ++peer.seq}};

	if (bytes)
		memcpy(message.body, body, bytes);
	EQUAL(send(peer.connection, &message, sizeof(message.header) + bytes, MSG_NOSIGNAL),
	      (int64_t)(sizeof(message.header) + bytes));
}

int peer_answer(uint16_t id)
{
	struct kvmi_header header;
	struct kvmi_error error;

	peer_receive(&header, sizeof(header));
	EQUAL(header.id, id);
	EQUAL(header.seq, peer.seq);
	CHECK(header.size >= sizeof(error));
	peer_receive(&error, sizeof(error));
	EQUAL(error.padding, 0);
	peer.answer_bytes = header.size - sizeof(error);
	if (peer.answer_bytes)
		peer_receive(peer.answer, peer.answer_bytes);
	CHECK(!error.error || !peer.answer_bytes);
	return error.error;
}

int peer_ask(uint16_t id, const void *body, size_t bytes)
{
	peer_send(id, body, bytes);
	return peer_answer(id);
}

int peer_ask_number(uint16_t id, uint64_t number)
{
	return peer_ask(id, &number, sizeof(number));
}

uint32_t peer_event(struct kvmi_event *event, void *special, size_t bytes)
{
	struct kvmi_header header;

	peer_receive(&header, sizeof(header));
	EQUAL(header.id, KVMI_EVENT);
	EQUAL(header.size, sizeof(*event) + bytes);
	peer_receive(event, sizeof(*event));
	if (bytes)
		peer_receive(special, bytes);
	EQUAL(event->bytes, 544);
	EQUAL(event->mode, 8);
	CHECK(event->sregs.cr3 && event->efer & 0x500);
	return header.seq;
}

void peer_reply(unsigned int cpu, uint32_t seq, unsigned int action, unsigned int event,
		const void *special, size_t bytes)
{
	struct {
		struct kvmi_header header;
		struct kvmi_event_reply reply;
		uint8_t special[sizeof(struct kvmi_reply_pf)];
	} message = {
		{KVMI_EVENT_REPLY, (uint16_t)(sizeof(message.reply) + bytes), seq},
		{.vcpu.vcpu = (uint16_t)cpu, .action = (uint8_t)action, .event = (uint8_t)event},
		{0}};
	const size_t all = sizeof(message.header) + sizeof(message.reply) + bytes;

	if (bytes)
		memcpy(message.special, special, bytes);
	EQUAL(send(peer.connection, &message, all, MSG_NOSIGNAL), (int64_t)all);
}

int peer_control_events(unsigned int cpu, unsigned int event, bool enable)
{
	const struct {
		struct kvmi_vcpu vcpu;
		struct kvmi_control_events control;
	} request = {{.vcpu = (uint16_t)cpu}, {.event = (uint16_t)event, .enable = enable}};

	return peer_ask(KVMI_CONTROL_EVENTS, &request, sizeof(request));
}

int peer_control(uint16_t id, unsigned int cpu, uint32_t number, bool enable)
{
	const struct kvmi_control_register request = {
		.vcpu.vcpu = (uint16_t)cpu, .enable = enable, .number = number};

	return peer_ask(id, &request, sizeof(request));
}

void peer_reply_value(uint32_t seq, unsigned int event, uint64_t value)
{
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, event, &value, sizeof(value));
}

bool peer_tells_before_end(pid_t child)
{
	struct pollfd file = {.fd = peer.connection, .events = POLLIN};
	int status;

	while (!poll(&file, 1, 10))
		if (waitpid(child, &status, WNOHANG) == child) {
			EQUAL(status, 0);
			return false;
		}
	return true;
}

void peer_is_silent(void)
{
	EQUAL(peer_ask(KVMI_GET_VERSION, NULL, 0), 0);
}

void peer_set_registers(unsigned int cpu, const struct kvm_regs *regs)
{
	const struct kvmi_set_registers set = {.vcpu.vcpu = (uint16_t)cpu, .regs = *regs};

	EQUAL(peer_ask(KVMI_SET_REGISTERS, &set, sizeof(set)), 0);
}
