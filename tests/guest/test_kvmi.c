// SPDX-License-Identifier: MIT
/* Plays the introspector of `hadal kvmi`, byte for byte: right, wrong, and gone. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "kvmi/protocol.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

#define PATH   "/tmp/kvmi-socket"
#define ERRORS "/tmp/kvmi-errors"

static struct hadal *hadal;
static int connection;
static pid_t server;
static uint32_t seq;
static uint8_t answer[KVMI_MESSAGE_MAX]; /* data of the last answer */
static size_t answer_bytes;

/* CPU 1 counts as long as it runs. */
static volatile uint64_t counter;

static void *count(void *unused)
{
	pin_to_cpu(1);
	for (;;)
		counter++;
	return unused;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Whether it does before so many seconds are over. */
static bool counts(double seconds)
{
	const uint64_t before = counter;
	const double start = now();

	while (now() - start < seconds)
		if (counter != before)
			return true;
	return false;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	strcpy(address.sun_path, path);
	CHECK(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	CHECK(!listen(listener, 1));
	return listener;
}

static void start_server(const char *path)
{
	server = fork();
	CHECK(server >= 0);
	if (server)
		return;
	freopen(ERRORS, "w", stderr);
	execlp("hadal", "hadal", "kvmi", "--socket", path, NULL);
	_exit(99);
}

/* How it ended; with a status above 0 it has to say why. */
static void server_ends(int expected)
{
	struct stat stat_of;
	int status;

	EQUAL(waitpid(server, &status, 0), server);
	CHECK(WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), expected);
	CHECK(!stat(ERRORS, &stat_of));
	EQUAL(stat_of.st_size > 20, expected != 0);
}

static void receive(void *buffer, size_t bytes)
{
	EQUAL(recv(connection, buffer, bytes, MSG_WAITALL), (int64_t)bytes);
}

static void begin(void)
{
	int listener = listen_at(PATH);
	struct kvmi_welcome welcome = {.bytes = sizeof(welcome)};
	struct kvmi_hello hello;

	start_server(PATH);
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(connection >= 0);
	close(listener);
	receive(&hello, sizeof(hello));
	EQUAL(hello.bytes, 96);
	EQUAL(hello.padding, 0);
	CHECK(!strcmp(hello.name, "host"));
	EQUAL(send(connection, &welcome, sizeof(welcome), 0), sizeof(welcome));
}

static void end(void)
{
	close(connection);
	server_ends(0);
}

static void send_message(uint16_t id, const void *body, size_t bytes)
{
	struct {
		struct kvmi_header header;
		uint8_t body[KVMI_MESSAGE_MAX];
	} message = {.header = {id, (uint16_t)bytes, ++seq}};

	if (bytes)
		memcpy(message.body, body, bytes);
	EQUAL(send(connection, &message, sizeof(message.header) + bytes, MSG_NOSIGNAL),
	      (int64_t)(sizeof(message.header) + bytes));
}

/* Returns its error. */
static int get_answer(uint16_t id)
{
	struct kvmi_header header;
	struct kvmi_error error;

	receive(&header, sizeof(header));
	EQUAL(header.id, id);
	EQUAL(header.seq, seq);
	CHECK(header.size >= sizeof(error));
	receive(&error, sizeof(error));
	EQUAL(error.padding, 0);
	answer_bytes = header.size - sizeof(error);
	if (answer_bytes)
		receive(answer, answer_bytes);
	CHECK(!error.error || !answer_bytes);
	return error.error;
}

static int ask(uint16_t id, const void *body, size_t bytes)
{
	send_message(id, body, bytes);
	return get_answer(id);
}

static int ask_number(uint16_t id, uint64_t number)
{
	return ask(id, &number, sizeof(number));
}

static uint32_t get_event(struct kvmi_event *event, unsigned int cpu)
{
	struct kvmi_header header;

	receive(&header, sizeof(header));
	EQUAL(header.id, KVMI_EVENT);
	EQUAL(header.size, sizeof(*event));
	receive(event, sizeof(*event));
	EQUAL(event->bytes, 544);
	EQUAL(event->vcpu, cpu);
	EQUAL(event->event, 10);
	EQUAL(event->mode, 8);
	CHECK(event->sregs.cr3 && event->efer & 0x500);
	return header.seq;
}

static uint32_t pause_cpu(unsigned int cpu, struct kvmi_event *event)
{
	const struct kvmi_pause pause = {.vcpu.vcpu = (uint16_t)cpu, .wait = 1};

	EQUAL(ask(KVMI_PAUSE_VCPU, &pause, sizeof(pause)), 0);
	return get_event(event, cpu);
}

static void reply(unsigned int cpu, uint32_t event_seq, unsigned int action, unsigned int event)
{
	struct {
		struct kvmi_header header;
		struct kvmi_event_reply reply;
	} message = {
		{KVMI_EVENT_REPLY, sizeof(message.reply), event_seq},
		{.vcpu.vcpu = (uint16_t)cpu, .action = (uint8_t)action, .event = (uint8_t)event}};

	EQUAL(send(connection, &message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
}

static void test_machine(void)
{
	const struct kvmi_version *version = (const void *)answer;
	const struct kvmi_guest_info *info = (const void *)answer;
	struct hadal_ram ram;
	uint64_t max;

	EQUAL(ask(KVMI_GET_VERSION, NULL, 0), 0);
	EQUAL(answer_bytes, sizeof(*version));
	EQUAL(version->version, 1);
	EQUAL(ask(KVMI_GET_GUEST_INFO, NULL, 0), 0);
	EQUAL(info->vcpu_count, 2);
	EQUAL(ask(KVMI_GET_MAX_GFN, NULL, 0), 0);
	EQUAL(answer_bytes, sizeof(max));
	memcpy(&max, answer, sizeof(max));
	CHECK(!hadal_ram(hadal, &ram, NULL));
	EQUAL(max, ram.range[ram.count - 1].end / 4096);
	EQUAL(ask_number(KVMI_GET_VCPU_INFO, 1), 0);
	EQUAL(answer_bytes, 8);
	EQUAL(ask_number(KVMI_GET_VCPU_INFO, 2), -EINVAL);
	EQUAL(ask_number(KVMI_CHECK_COMMAND, KVMI_READ_PHYSICAL), 0);
	EQUAL(ask_number(KVMI_CHECK_COMMAND, 12), -EOPNOTSUPP);
	EQUAL(ask_number(KVMI_CHECK_COMMAND, 1 << 16), -EINVAL);
	EQUAL(ask_number(KVMI_CHECK_EVENT, KVMI_EVENT_PAUSE_VCPU), 0);
	EQUAL(ask_number(KVMI_CHECK_EVENT, 77), -EOPNOTSUPP);
	EQUAL(ask_number(KVMI_CONTROL_VM_EVENTS, 0x10000), -EOPNOTSUPP);
	EQUAL(ask(200, "what", 4), -EOPNOTSUPP);
	EQUAL(ask(KVMI_EVENT, NULL, 0), -EOPNOTSUPP);
}

static void test_memory(void)
{
	static _Alignas(4096) uint8_t page[4096];
	struct {
		struct kvmi_memory memory;
		uint8_t data[8];
	} request = {.data = "written"};
	struct hadal_range own;

	memset(page, 0x5a, sizeof(page));
	request.memory = (struct kvmi_memory){physical_of(page), 4096};
	EQUAL(ask(KVMI_READ_PHYSICAL, &request, 16), 0);
	EQUAL(answer_bytes, 4096);
	CHECK(!memcmp(answer, page, 4096));
	request.memory = (struct kvmi_memory){physical_of(page) + 100, 8};
	EQUAL(ask(KVMI_WRITE_PHYSICAL, &request, 24), 0);
	CHECK(!memcmp(page + 100, "written", 8) && page[99] == 0x5a && page[108] == 0x5a);
	request.memory = (struct kvmi_memory){physical_of(page) + 4090, 8};
	EQUAL(ask(KVMI_READ_PHYSICAL, &request, 16), -EINVAL);
	EQUAL(ask(KVMI_WRITE_PHYSICAL, &request, 24), -EINVAL);
	/* No RAM; and what is Hadal's own. */
	request.memory.address = 1ull << 50;
	EQUAL(ask(KVMI_READ_PHYSICAL, &request, 16), -EINVAL);
	EQUAL(ask(KVMI_WRITE_PHYSICAL, &request, 24), -EINVAL);
	CHECK(!hadal_own(hadal, 0, &own, NULL));
	request.memory.address = own.start;
	EQUAL(ask(KVMI_WRITE_PHYSICAL, &request, 24), -EPERM);
	EQUAL(ask(KVMI_READ_PHYSICAL, &request, 16), 0);
	CHECK(answer_bytes == 8 && !memcmp(answer, "\0\0\0\0\0\0\0", 8));
}

static void test_registers(void)
{
	struct {
		struct kvmi_get_registers get;
		uint32_t msr[2];
	} request = {{.vcpu.vcpu = 1, .msr_count = 2}, {0xc0000082, 0xc0000080}};
	const struct {
		struct kvmi_registers fixed;
		struct kvm_msr_entry msr[2];
	} *got = (const void *)answer;
	struct kvmi_set_registers set = {.vcpu.vcpu = 1};
	struct hadal_regs regs;

	CHECK(!hadal_regs(hadal, 1, &regs, NULL));
	EQUAL(ask(KVMI_GET_REGISTERS, &request, sizeof(request)), 0);
	EQUAL(answer_bytes, sizeof(*got));
	EQUAL(got->fixed.mode, 8);
	EQUAL(got->fixed.msr_count, 2);
	EQUAL(got->msr[0].index, 0xc0000082);
	EQUAL(got->msr[0].data, regs.lstar);
	EQUAL(got->msr[1].data, regs.efer);
	EQUAL(got->fixed.sregs.idt.base, regs.idtr_base);
	EQUAL(got->fixed.sregs.cr4, regs.cr4);
	request.msr[1] = 0x12345;
	EQUAL(ask(KVMI_GET_REGISTERS, &request, sizeof(request)), -EINVAL);
	request.get.vcpu.vcpu = 2;
	EQUAL(ask(KVMI_GET_REGISTERS, &request, sizeof(request)), -EINVAL);
	/* Not of a CPU that runs. */
	EQUAL(ask(KVMI_SET_REGISTERS, &set, sizeof(set)), -EAGAIN);
}

static void test_pause(void)
{
	struct kvmi_pause pause = {.vcpu.vcpu = 1};
	struct kvmi_set_registers set = {.vcpu.vcpu = 1};
	struct kvmi_event event;
	uint32_t waits = pause_cpu(1, &event);

	CHECK(!counts(0.1));
	EQUAL(ask(KVMI_PAUSE_VCPU, &pause, sizeof(pause)), -EBUSY);
	set.regs = event.regs;
	set.regs.rip = 1ull << 60;
	EQUAL(ask(KVMI_SET_REGISTERS, &set, sizeof(set)), -EINVAL);
	set.regs = event.regs;
	EQUAL(ask(KVMI_SET_REGISTERS, &set, sizeof(set)), 0);
	CHECK(!counts(0.05));
	reply(1, waits, KVMI_ACTION_CONTINUE, 10);
	CHECK(counts(0.5));
	/* It goes on by itself; the late answer harms nobody. */
	waits = pause_cpu(1, &event);
	CHECK(counts(10));
	EQUAL(ask(KVMI_SET_REGISTERS, &set, sizeof(set)), -EAGAIN);
	reply(1, waits, KVMI_ACTION_CONTINUE, 10);
	/* The server's own is told of and not held. */
	waits = pause_cpu(0, &event);
	reply(0, waits, KVMI_ACTION_CONTINUE, 10);
	EQUAL(ask(KVMI_GET_VERSION, NULL, 0), 0);
}

/* All in one write; only the one that closes the batch is answered. */
static void test_batch(void)
{
	const struct kvmi_control_response off = {.enable = 0, .now = 1};
	const struct kvmi_control_response on = {.enable = 1, .now = 1};
	const struct kvmi_control_response later = {.enable = 0, .now = 0};
	struct kvmi_control_response silent = {.enable = 1, .now = 0};
	const struct kvmi_pause pause = {.vcpu.vcpu = 1};
	struct kvmi_event event;
	uint32_t waits;

	send_message(KVMI_CONTROL_CMD_RESPONSE, &off, sizeof(off));
	send_message(KVMI_CHECK_COMMAND, "\2\0\0\0\0\0\0", 8);
	send_message(KVMI_PAUSE_VCPU, &pause, sizeof(pause));
	waits = get_event(&event, 1);
	send_message(KVMI_CONTROL_CMD_RESPONSE, &on, sizeof(on));
	EQUAL(get_answer(KVMI_CONTROL_CMD_RESPONSE), 0);
	reply(1, waits, KVMI_ACTION_CONTINUE, 10);
	EQUAL(ask(KVMI_CONTROL_CMD_RESPONSE, &later, sizeof(later)), 0);
	send_message(KVMI_CHECK_COMMAND, "\2\0\0\0\0\0\0", 8);
	/* What is unknown, and a wrong end of the batch, are told of in any case. */
	EQUAL(ask(201, NULL, 0), -EOPNOTSUPP);
	silent.padding1 = 1;
	EQUAL(ask(KVMI_CONTROL_CMD_RESPONSE, &silent, sizeof(silent)), -EINVAL);
	silent.padding1 = 0;
	send_message(KVMI_CONTROL_CMD_RESPONSE, &silent, sizeof(silent));
	EQUAL(ask(KVMI_GET_VERSION, NULL, 0), 0);
}

static void wrong_size(void)
{
	send_message(KVMI_GET_GUEST_INFO, "x", 1);
}

static void too_long(void)
{
	const struct kvmi_header header = {.id = KVMI_GET_VERSION, .size = 0xffff};

	EQUAL(send(connection, &header, sizeof(header), 0), sizeof(header));
}

static void truncated(void)
{
	const struct kvmi_header header = {.id = KVMI_READ_PHYSICAL, .size = 16};

	EQUAL(send(connection, &header, sizeof(header), 0), sizeof(header));
	EQUAL(send(connection, "123", 3, 0), 3);
	shutdown(connection, SHUT_WR);
}

static void no_event(void)
{
	reply(1, 1, KVMI_ACTION_CONTINUE, 10);
}

static void other_seq(void)
{
	struct kvmi_event event;

	reply(1, pause_cpu(1, &event) + 1, KVMI_ACTION_CONTINUE, 10);
}

static void other_vcpu(void)
{
	struct kvmi_event event;

	reply(0, pause_cpu(1, &event), KVMI_ACTION_CONTINUE, 10);
}

static void other_event(void)
{
	struct kvmi_event event;

	reply(1, pause_cpu(1, &event), KVMI_ACTION_CONTINUE, 1);
}

static void crash(void)
{
	struct kvmi_event event;

	reply(1, pause_cpu(1, &event), KVMI_ACTION_CRASH, 10);
}

static void tells_while_quiet(void)
{
	const struct kvmi_control_response off = {.now = 1};

	send_message(KVMI_CONTROL_CMD_RESPONSE, &off, sizeof(off));
	send_message(KVMI_GET_VERSION, NULL, 0);
}

/* Each ends the connection, with a sentence, and what was held goes on. */
static void test_ends(void)
{
	static void (*const wrong[])(void) = {
		wrong_size, too_long,    truncated, no_event,          other_seq,
		other_vcpu, other_event, crash,     tells_while_quiet,
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		begin();
		wrong[i]();
		server_ends(1);
		CHECK(counts(0.5));
		close(connection);
	}
}

static void test_kills(void)
{
	struct kvmi_event event;

	begin();
	pause_cpu(1, &event);
	kill(server, SIGKILL);
	EQUAL(waitpid(server, NULL, 0), server);
	CHECK(counts(0.5));
	close(connection);
	begin();
	pause_cpu(1, &event);
	end();
	CHECK(counts(0.5));
}

/* For this reason, and not because nobody answers the handshake. */
static void is_refused(const char *path, const char *reason)
{
	char text[512] = "";
	int errors;

	start_server(path);
	server_ends(1);
	errors = open(ERRORS, O_RDONLY);
	CHECK(errors >= 0 && read(errors, text, sizeof(text) - 1) > 0);
	close(errors);
	if (!strstr(text, reason))
		printf("said: %s", text);
	CHECK(strstr(text, reason));
}

/* Only a socket of root's, where root listens, and not by way of a link. */
static void test_sockets(void)
{
	int listener = listen_at(PATH);

	unlink("/tmp/kvmi-link");
	CHECK(!symlink(PATH, "/tmp/kvmi-link"));
	is_refused("/tmp/kvmi-link", "is not a socket");
	is_refused(ERRORS, "is not a socket");
	CHECK(!chown(PATH, 1000, 1000));
	is_refused(PATH, "does not belong to root but to user 1000");
	CHECK(!chown(PATH, 0, 0));
	close(listener);
	is_refused(PATH, "Connection refused");
	/* Who listens is who he was when he began to. */
	CHECK(!chmod("/tmp", 01777));
	unlink(PATH);
	CHECK(!seteuid(1000));
	listener = listen_at(PATH);
	CHECK(!seteuid(0));
	CHECK(!chown(PATH, 0, 0));
	is_refused(PATH, "is not root but user 1000");
	close(listener);
}

int main(void)
{
	pthread_t thread;

	pin_to_cpu(0);
	hadal = open_hadal();
	CHECK(!pthread_create(&thread, NULL, count, NULL));
	while (!counter)
		usleep(1000);
	begin();
	test_machine();
	test_memory();
	test_registers();
	test_pause();
	test_batch();
	end();
	test_ends();
	test_kills();
	test_sockets();
	return 0;
}
