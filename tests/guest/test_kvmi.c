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

#include "support/check.h"
#include "support/introspector.h"
#include "support/open.h"
#include "support/ring0.h"
#include "kvmi/server.h"

static struct hadal *hadal;

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

static uint32_t get_event(struct kvmi_event *event, unsigned int cpu)
{
	uint32_t event_seq = peer_event(event, NULL, 0);

	EQUAL(event->vcpu, cpu);
	EQUAL(event->event, KVMI_EVENT_PAUSE_VCPU);
	return event_seq;
}

static uint32_t pause_cpu(unsigned int cpu, struct kvmi_event *event)
{
	const struct kvmi_pause pause = {.vcpu.vcpu = (uint16_t)cpu, .wait = 1};

	EQUAL(peer_ask(KVMI_PAUSE_VCPU, &pause, sizeof(pause)), 0);
	return get_event(event, cpu);
}

static void test_machine(void)
{
	const struct kvmi_version *version = (const void *)peer.answer;
	const struct kvmi_guest_info *info = (const void *)peer.answer;
	struct hadal_ram ram;
	uint64_t max;

	EQUAL(peer_ask(KVMI_GET_VERSION, NULL, 0), 0);
	EQUAL(peer.answer_bytes, sizeof(*version));
	EQUAL(version->version, 1);
	EQUAL(peer_ask(KVMI_GET_GUEST_INFO, NULL, 0), 0);
	EQUAL(info->vcpu_count, 2);
	EQUAL(peer_ask(KVMI_GET_MAX_GFN, NULL, 0), 0);
	EQUAL(peer.answer_bytes, sizeof(max));
	memcpy(&max, peer.answer, sizeof(max));
	CHECK(!hadal_ram(hadal, &ram, NULL));
	EQUAL(max, ram.range[ram.count - 1].end / 4096);
	EQUAL(peer_ask_number(KVMI_GET_VCPU_INFO, 1), 0);
	EQUAL(peer.answer_bytes, 8);
	EQUAL(peer_ask_number(KVMI_GET_VCPU_INFO, 2), -EINVAL);
	EQUAL(peer_ask_number(KVMI_CHECK_COMMAND, KVMI_READ_PHYSICAL), 0);
	EQUAL(peer_ask_number(KVMI_CHECK_COMMAND, 12), -EOPNOTSUPP);
	EQUAL(peer_ask_number(KVMI_CHECK_COMMAND, 1 << 16), -EINVAL);
	EQUAL(peer_ask_number(KVMI_CHECK_EVENT, KVMI_EVENT_PAUSE_VCPU), 0);
	EQUAL(peer_ask_number(KVMI_CHECK_EVENT, 77), -EOPNOTSUPP);
	EQUAL(peer_ask_number(KVMI_CONTROL_VM_EVENTS, 0x10000), -EOPNOTSUPP);
	EQUAL(peer_ask(200, "what", 4), -EOPNOTSUPP);
	EQUAL(peer_ask(KVMI_EVENT, NULL, 0), -EOPNOTSUPP);
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
	EQUAL(peer_ask(KVMI_READ_PHYSICAL, &request, 16), 0);
	EQUAL(peer.answer_bytes, 4096);
	CHECK(!memcmp(peer.answer, page, 4096));
	request.memory = (struct kvmi_memory){physical_of(page) + 100, 8};
	EQUAL(peer_ask(KVMI_WRITE_PHYSICAL, &request, 24), 0);
	CHECK(!memcmp(page + 100, "written", 8) && page[99] == 0x5a && page[108] == 0x5a);
	request.memory = (struct kvmi_memory){physical_of(page) + 4090, 8};
	EQUAL(peer_ask(KVMI_READ_PHYSICAL, &request, 16), -EINVAL);
	EQUAL(peer_ask(KVMI_WRITE_PHYSICAL, &request, 24), -EINVAL);
	/* No RAM; and what is Hadal's own. */
	request.memory.address = 1ull << 50;
	EQUAL(peer_ask(KVMI_READ_PHYSICAL, &request, 16), -EINVAL);
	EQUAL(peer_ask(KVMI_WRITE_PHYSICAL, &request, 24), -EINVAL);
	CHECK(!hadal_own(hadal, 0, &own, NULL));
	request.memory.address = own.start;
	EQUAL(peer_ask(KVMI_WRITE_PHYSICAL, &request, 24), -EPERM);
	EQUAL(peer_ask(KVMI_READ_PHYSICAL, &request, 16), 0);
	CHECK(peer.answer_bytes == 8 && !memcmp(peer.answer, "\0\0\0\0\0\0\0", 8));
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
	} *got = (const void *)peer.answer;
	struct kvmi_set_registers set = {.vcpu.vcpu = 1};
	struct hadal_regs regs;

	CHECK(!hadal_regs(hadal, 1, &regs, NULL));
	EQUAL(peer_ask(KVMI_GET_REGISTERS, &request, sizeof(request)), 0);
	EQUAL(peer.answer_bytes, sizeof(*got));
	EQUAL(got->fixed.mode, 8);
	EQUAL(got->fixed.msr_count, 2);
	EQUAL(got->msr[0].index, 0xc0000082);
	EQUAL(got->msr[0].data, regs.lstar);
	EQUAL(got->msr[1].data, regs.efer);
	EQUAL(got->fixed.sregs.idt.base, regs.idtr_base);
	EQUAL(got->fixed.sregs.cr4, regs.cr4);
	request.msr[1] = 0x12345;
	EQUAL(peer_ask(KVMI_GET_REGISTERS, &request, sizeof(request)), -EINVAL);
	request.get.vcpu.vcpu = 2;
	EQUAL(peer_ask(KVMI_GET_REGISTERS, &request, sizeof(request)), -EINVAL);
	/* Not of a CPU that runs. */
	EQUAL(peer_ask(KVMI_SET_REGISTERS, &set, sizeof(set)), -EAGAIN);
}

/* What holds while CPU 1 is paused. False: on this busy machine it has gone on by itself meanwhile,
 * which says nothing. */
static bool check_paused(void)
{
	const double last = now() + KVMI_PAUSE_MS / 1000.0;
	struct kvmi_pause pause = {.vcpu.vcpu = 1};
	struct kvmi_set_registers bad, set = {.vcpu.vcpu = 1};
	struct kvmi_event event;
	uint32_t waits = pause_cpu(1, &event);
	bool counted = counts(0.1);
	int paused, refused, done;

	paused = peer_ask(KVMI_PAUSE_VCPU, &pause, sizeof(pause));
	set.regs = event.regs;
	bad = set;
	bad.regs.rip = 1ull << 60;
	refused = peer_ask(KVMI_SET_REGISTERS, &bad, sizeof(bad));
	done = peer_ask(KVMI_SET_REGISTERS, &set, sizeof(set));
	counted |= counts(0.05);
	EQUAL(paused, -EBUSY);
	if (now() > last) {
		peer_reply(1, waits, KVMI_ACTION_CONTINUE, 10, NULL, 0);
		return false;
	}
	CHECK(!counted);
	EQUAL(refused, -EINVAL);
	EQUAL(done, 0);
	peer_reply(1, waits, KVMI_ACTION_CONTINUE, 10, NULL, 0);
	CHECK(counts(0.5));
	return true;
}

static void test_pause(void)
{
	struct kvmi_set_registers set = {.vcpu.vcpu = 1};
	struct kvmi_event event;
	uint32_t waits;

	for (unsigned int tries = 0; !check_paused(); tries++)
		CHECK(tries < 20);
	/* It goes on by itself; the late answer harms nobody. */
	waits = pause_cpu(1, &event);
	set.regs = event.regs;
	CHECK(counts(10));
	EQUAL(peer_ask(KVMI_SET_REGISTERS, &set, sizeof(set)), -EAGAIN);
	peer_reply(1, waits, KVMI_ACTION_CONTINUE, 10, NULL, 0);
	/* The server's own is told of and not held. */
	waits = pause_cpu(0, &event);
	peer_reply(0, waits, KVMI_ACTION_CONTINUE, 10, NULL, 0);
	EQUAL(peer_ask(KVMI_GET_VERSION, NULL, 0), 0);
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

	peer_send(KVMI_CONTROL_CMD_RESPONSE, &off, sizeof(off));
	peer_send(KVMI_CHECK_COMMAND, "\2\0\0\0\0\0\0", 8);
	peer_send(KVMI_PAUSE_VCPU, &pause, sizeof(pause));
	waits = get_event(&event, 1);
	peer_send(KVMI_CONTROL_CMD_RESPONSE, &on, sizeof(on));
	EQUAL(peer_answer(KVMI_CONTROL_CMD_RESPONSE), 0);
	peer_reply(1, waits, KVMI_ACTION_CONTINUE, 10, NULL, 0);
	EQUAL(peer_ask(KVMI_CONTROL_CMD_RESPONSE, &later, sizeof(later)), 0);
	peer_send(KVMI_CHECK_COMMAND, "\2\0\0\0\0\0\0", 8);
	/* What is unknown, and a wrong end of the batch, are told of in any case. */
	EQUAL(peer_ask(201, NULL, 0), -EOPNOTSUPP);
	silent.padding1 = 1;
	EQUAL(peer_ask(KVMI_CONTROL_CMD_RESPONSE, &silent, sizeof(silent)), -EINVAL);
	silent.padding1 = 0;
	peer_send(KVMI_CONTROL_CMD_RESPONSE, &silent, sizeof(silent));
	EQUAL(peer_ask(KVMI_GET_VERSION, NULL, 0), 0);
}

static void wrong_size(void)
{
	peer_send(KVMI_GET_GUEST_INFO, "x", 1);
}

static void too_long(void)
{
	const struct kvmi_header header = {.id = KVMI_GET_VERSION, .size = 0xffff};

	EQUAL(send(peer.connection, &header, sizeof(header), 0), sizeof(header));
}

static void truncated(void)
{
	const struct kvmi_header header = {.id = KVMI_READ_PHYSICAL, .size = 16};

	EQUAL(send(peer.connection, &header, sizeof(header), 0), sizeof(header));
	EQUAL(send(peer.connection, "123", 3, 0), 3);
	shutdown(peer.connection, SHUT_WR);
}

static void no_event(void)
{
	peer_reply(1, 1, KVMI_ACTION_CONTINUE, 10, NULL, 0);
}

static void other_seq(void)
{
	struct kvmi_event event;

	peer_reply(1, pause_cpu(1, &event) + 1, KVMI_ACTION_CONTINUE, 10, NULL, 0);
}

static void other_vcpu(void)
{
	struct kvmi_event event;

	peer_reply(0, pause_cpu(1, &event), KVMI_ACTION_CONTINUE, 10, NULL, 0);
}

static void other_event(void)
{
	struct kvmi_event event;

	peer_reply(1, pause_cpu(1, &event), KVMI_ACTION_CONTINUE, KVMI_EVENT_BREAKPOINT, NULL, 0);
}

static void crash(void)
{
	struct kvmi_event event;

	peer_reply(1, pause_cpu(1, &event), KVMI_ACTION_CRASH, 10, NULL, 0);
}

static void tells_while_quiet(void)
{
	const struct kvmi_control_response off = {.now = 1};

	peer_send(KVMI_CONTROL_CMD_RESPONSE, &off, sizeof(off));
	peer_send(KVMI_GET_VERSION, NULL, 0);
}

/* Each ends the connection, with a sentence, and what was held goes on. */
static void test_ends(void)
{
	static void (*const wrong[])(void) = {
		wrong_size, too_long,    truncated, no_event,          other_seq,
		other_vcpu, other_event, crash,     tells_while_quiet,
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		peer_begin();
		wrong[i]();
		peer_ends(1);
		CHECK(counts(0.5));
		close(peer.connection);
	}
}

static void test_kills(void)
{
	struct kvmi_event event;

	peer_begin();
	pause_cpu(1, &event);
	kill(peer.server, SIGKILL);
	EQUAL(waitpid(peer.server, NULL, 0), peer.server);
	CHECK(counts(0.5));
	close(peer.connection);
	peer_begin();
	pause_cpu(1, &event);
	peer_end();
	CHECK(counts(0.5));
}

/* For this reason, and not because nobody answers the handshake. */
static void is_refused(const char *path, const char *reason)
{
	char text[512] = "";
	int errors;

	peer_start(path);
	peer_ends(1);
	errors = open(PEER_ERRORS, O_RDONLY);
	CHECK(errors >= 0 && read(errors, text, sizeof(text) - 1) > 0);
	close(errors);
	if (!strstr(text, reason))
		printf("said: %s", text);
	CHECK(strstr(text, reason));
}

/* Only a socket of root's, where root listens, and not by way of a link. */
static void test_sockets(void)
{
	int listener = peer_listen(PEER_PATH);

	unlink("/tmp/kvmi-link");
	CHECK(!symlink(PEER_PATH, "/tmp/kvmi-link"));
	is_refused("/tmp/kvmi-link", "is not a socket");
	is_refused(PEER_ERRORS, "is not a socket");
	CHECK(!chown(PEER_PATH, 1000, 1000));
	is_refused(PEER_PATH, "does not belong to root but to user 1000");
	CHECK(!chown(PEER_PATH, 0, 0));
	close(listener);
	is_refused(PEER_PATH, "Connection refused");
	/* Who listens is who he was when he began to. */
	CHECK(!chmod("/tmp", 01777));
	unlink(PEER_PATH);
	CHECK(!seteuid(1000));
	listener = peer_listen(PEER_PATH);
	CHECK(!seteuid(0));
	CHECK(!chown(PEER_PATH, 0, 0));
	is_refused(PEER_PATH, "is not root but user 1000");
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
	peer_begin();
	test_machine();
	test_memory();
	test_registers();
	test_pause();
	test_batch();
	peer_end();
	test_ends();
	test_kills();
	test_sockets();
	return 0;
}
