// SPDX-License-Identifier: MIT
/*
 * How events by way of `hadal kvmi` hold: writes of an MSR on CPU 1 wait for their answer, those on
 * CPU 0, the server's and the introspector's, do not; deadlines, pauses, and all ways to end. In a
 * guest as root with two CPUs, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/deeds.h"
#include "support/introspector.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define FAKE 0xffffffff12345678ull

static struct hadal *hadal;
static int device;
static uint64_t cstar; /* of both CPUs */

static uint64_t read_cstar(void)
{
	return have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
}

static int write_fake(void)
{
	have_done(device, HADAL_TEST_WRMSR, MSR_CSTAR, FAKE, 1);
	return 0;
}

static int has_fake(void)
{
	return read_cstar() == FAKE;
}

static int write_back(void)
{
	have_done(device, HADAL_TEST_WRMSR, MSR_CSTAR, cstar, 1);
	return 0;
}

static uint32_t msr_event(unsigned int cpu, struct kvmi_event *event, uint64_t value)
{
	struct kvmi_event_msr msr;
	uint32_t seq = peer_event(event, &msr, sizeof(msr));

	EQUAL(event->vcpu, cpu);
	EQUAL(event->event, KVMI_EVENT_MSR);
	EQUAL(event->regs.rbx, HADAL_TEST_MARK);
	EQUAL(msr.msr, MSR_CSTAR);
	EQUAL(msr.new_value, value);
	return seq;
}

/* Both are needed, of this CPU; neighbours are not told of. */
static void check_asked(void)
{
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, 0x2000, true), -EINVAL);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, 0xc0002000, true), -EINVAL);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 2, MSR_CSTAR, true), -EINVAL);
	EQUAL(peer_control(KVMI_CONTROL_CR, 1, 2, true), -EINVAL);
	EQUAL(peer_control_events(1, KVMI_EVENTS, true), -EINVAL);
	EQUAL(peer_control_events(1, KVMI_EVENT_UNHOOK, true), -EINVAL);
	EQUAL(peer_control_events(1, KVMI_EVENT_HYPERCALL, true), -EOPNOTSUPP);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR, true), 0);
	EQUAL(status_of(start_on(1, write_back)), 0);
	peer_is_silent();
	EQUAL(peer_control_events(0, KVMI_EVENT_MSR, true), 0);
	EQUAL(status_of(start_on(1, write_back)), 0);
	peer_is_silent();
	EQUAL(peer_control_events(0, KVMI_EVENT_MSR, false), 0);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR, false), 0);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR - 1, true), 0);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR + 1, true), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_MSR, true), 0);
	EQUAL(status_of(start_on(1, write_back)), 0);
	peer_is_silent();
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR - 1, false), 0);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR + 1, false), 0);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR, true), 0);
}

static void check_msr(void)
{
	struct kvmi_event event;
	pid_t child = start_on(1, write_fake);
	uint32_t seq = msr_event(1, &event, FAKE);

	peer_reply_value(seq, KVMI_EVENT_MSR, FAKE);
	EQUAL(status_of(child), 0);
	EQUAL(status_of(start_on(1, has_fake)), 1);
	/* Another value. */
	child = start_on(1, write_fake);
	seq = msr_event(1, &event, FAKE);
	peer_reply_value(seq, KVMI_EVENT_MSR, cstar);
	EQUAL(status_of(child), 0);
	EQUAL(status_of(start_on(1, has_fake)), 0);
	/* Left out, all in one write, of which the last one alone is answered. */
	child = start_on(1, write_fake);
	seq = msr_event(1, &event, FAKE);
	{
		const struct kvmi_control_response off = {.now = 1}, on = {.enable = 1, .now = 1};
		struct kvmi_set_registers set = {.vcpu.vcpu = 1, .regs = event.regs};

		set.regs.rip += 2;
		peer_send(KVMI_CONTROL_CMD_RESPONSE, &off, sizeof(off));
		peer_send(KVMI_SET_REGISTERS, &set, sizeof(set));
		peer_reply_value(seq, KVMI_EVENT_MSR, FAKE);
		peer_send(KVMI_CONTROL_CMD_RESPONSE, &on, sizeof(on));
		EQUAL(peer_answer(KVMI_CONTROL_CMD_RESPONSE), 0);
	}
	EQUAL(status_of(child), 0);
	EQUAL(status_of(start_on(1, has_fake)), 0);
}

/* What is not held: the answer comes too late, and changes nothing. */
static void check_own_cpu(void)
{
	struct kvmi_set_registers set = {.vcpu.vcpu = 0};
	struct kvmi_event event;
	const uint64_t other = FAKE;
	uint32_t seq;
	pid_t child;

	EQUAL(peer_control(KVMI_CONTROL_MSR, 0, MSR_CSTAR, true), 0);
	EQUAL(peer_control_events(0, KVMI_EVENT_MSR, true), 0);
	/* The introspector itself. */
	write_back();
	peer_is_silent();
	child = start_on(0, write_back);
	seq = msr_event(0, &event, cstar);
	EQUAL(peer_ask(KVMI_SET_REGISTERS, &set, sizeof(set)), -EAGAIN);
	EQUAL(status_of(child), 0);
	peer_reply(0, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_MSR, &other, sizeof(other));
	peer_is_silent();
	EQUAL(read_cstar(), cstar);
	EQUAL(peer_control_events(0, KVMI_EVENT_MSR, false), 0);
}

/* It goes on by itself; after three times nothing waits. */
static void check_deadline(void)
{
	struct kvmi_event event;
	uint32_t seq;

	for (unsigned int i = 0; i < 4; i++) {
		pid_t child = start_on(1, write_back);

		seq = msr_event(1, &event, cstar);
		EQUAL(status_of(child), 0);
		peer_reply_value(seq, KVMI_EVENT_MSR, FAKE);
	}
	EQUAL(status_of(start_on(1, has_fake)), 0);
	peer_is_silent();
	/* Until it is asked for anew. */
	EQUAL(peer_control_events(1, KVMI_EVENT_MSR, false), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_MSR, true), 0);
	check_msr();
}

/* A pause while an event waits: the CPU stays where it is until both are answered. */
static void check_pause(void)
{
	const struct kvmi_pause pause = {.vcpu.vcpu = 1};
	struct kvmi_event event, paused;
	pid_t child = start_on(1, write_back);
	uint32_t seq = msr_event(1, &event, cstar), waits;

	EQUAL(peer_ask(KVMI_PAUSE_VCPU, &pause, sizeof(pause)), 0);
	waits = peer_event(&paused, NULL, 0);
	EQUAL(paused.regs.rip, event.regs.rip);
	peer_reply_value(seq, KVMI_EVENT_MSR, cstar);
	peer_is_silent();
	peer_reply(1, waits, KVMI_ACTION_CONTINUE, KVMI_EVENT_PAUSE_VCPU, NULL, 0);
	EQUAL(status_of(child), 0);
}

static void begin_asking(void)
{
	peer_begin();
	EQUAL(peer_control_events(1, KVMI_EVENT_MSR, true), 0);
	EQUAL(peer_control(KVMI_CONTROL_MSR, 1, MSR_CSTAR, true), 0);
}

static void other_event(uint32_t seq)
{
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_BREAKPOINT, NULL, 0);
}

static void other_seq(uint32_t seq)
{
	peer_reply_value(seq + 1, KVMI_EVENT_MSR, cstar);
}

static void other_vcpu(uint32_t seq)
{
	peer_reply(0, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_MSR, &cstar, sizeof(cstar));
}

static void twice(uint32_t seq)
{
	peer_reply_value(seq, KVMI_EVENT_MSR, cstar);
	peer_reply_value(seq, KVMI_EVENT_MSR, cstar);
}

static void crash(uint32_t seq)
{
	peer_reply(1, seq, KVMI_ACTION_CRASH, KVMI_EVENT_MSR, &cstar, sizeof(cstar));
}

static void retry(uint32_t seq)
{
	peer_reply(1, seq, KVMI_ACTION_RETRY, KVMI_EVENT_MSR, &cstar, sizeof(cstar));
}

static void no_value(uint32_t seq)
{
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_MSR, NULL, 0);
}

static void bad_register(uint32_t seq)
{
	struct kvm_regs regs = {.rip = 1ull << 60, .rflags = 2};

	peer_set_registers(1, &regs);
	peer_reply_value(seq, KVMI_EVENT_MSR, cstar);
}

static void hangs_up(uint32_t seq)
{
	(void)seq;
	shutdown(peer.connection, SHUT_RDWR);
}

static void is_killed(uint32_t seq)
{
	(void)seq;
	kill(peer.server, SIGKILL);
}

/* Each ends the connection while CPU 1 waits, which goes on at once. */
static void check_ends(void)
{
	static const struct {
		void (*end)(uint32_t seq);
		int status; /* -1: killed */
	} ends[] = {
		{other_event, 1}, {other_seq, 1}, {other_vcpu, 1},   {twice, 1},    {crash, 1},
		{retry, 1},       {no_value, 1},  {bad_register, 1}, {hangs_up, 0}, {is_killed, -1},
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct kvmi_event event;
		pid_t child;

		begin_asking();
		child = start_on(1, write_back);
		ends[i].end(msr_event(1, &event, cstar));
		if (ends[i].status >= 0)
			peer_ends(ends[i].status);
		else
			EQUAL(waitpid(peer.server, NULL, 0), peer.server);
		EQUAL(status_of(child), 0);
		close(peer.connection);
		expect_no_subscription(hadal);
	}
}

int main(void)
{
	struct arena arena;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pin_to_cpu(0);
	hadal = open_hadal();
	device = ring0_open(&arena);
	cstar = read_cstar();
	peer_begin();
	check_asked();
	check_msr();
	check_own_cpu();
	check_pause();
	check_deadline();
	peer_end();
	expect_no_subscription(hadal);
	check_ends();
	return 0;
}
