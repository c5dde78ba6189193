// SPDX-License-Identifier: MIT
/*
 * vCPUs that are stepped from when the introspector asks for it, whatever they execute. While a
 * vCPU is stepped none of its interrupts come, so that it is let run now and then.
 */
#include "kvmi/state.h"

#include <errno.h>

#define MILLISECOND 1000000ull
/* As much at a time, but not less than a few however slow the introspector is; then a rest. */
#define STEPS_AT_LEAST  4u
#define STEPS_AT_A_TIME 64u
#define STEPPED_NS      (50 * MILLISECOND)
#define REST_NS         (50 * MILLISECOND)
/* A vCPU that nothing was heard of for so long has halted, or has missed its deadline. */
#define STALLED_NS (250 * MILLISECOND)

static void end(struct server *server, struct vcpu_state *vcpu)
{
	if (vcpu->step_for == vcpu->whole_step && !vcpu->current)
		vcpu->step_for = 0;
	kvmi_unsubscribe(server, &vcpu->whole_step);
	vcpu->step_again = 0;
}

/* The first step; the others are asked for with its answer. */
static int begin(struct server *server, unsigned int cpu)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_STEP, .access = HADAL_ACCESS_EXECUTE, .first = cpu, .count = 1};
	struct vcpu_state *vcpu = &server->vcpu[cpu];
	int result;

	end(server, vcpu);
	result = kvmi_subscribe(server, &asked);
	if (result < 0)
		return result;
	vcpu->whole_step = result;
	vcpu->step_count = 0;
	vcpu->step_since = kvmi_now();
	vcpu->step_again = vcpu->step_since + STALLED_NS;
	return 0;
}

/*
 * Of a vCPU that is held for an event from its answer on. The one that this program runs on is
 * never stepped; it is no error, for introspectors step all of them or none.
 */
int kvmi_control_singlestep(struct server *server)
{
	const unsigned int cpu = server->request.vcpu;
	struct vcpu_state *vcpu = &server->vcpu[cpu];
	int result = 0;

	if (server->request.enable && !vcpu->steps && !kvmi_held_for(server, cpu))
		result = begin(server, cpu);
	if (!server->request.enable)
		end(server, vcpu);
	vcpu->steps = server->request.enable && !result;
	return result == -EDEADLK ? 0 : result;
}

bool kvmi_steps_on(struct server *server, unsigned int cpu, const struct waiting *waiting)
{
	struct vcpu_state *vcpu = &server->vcpu[cpu];
	uint64_t now = kvmi_now();

	if (!vcpu->steps || waiting->subscription != (uint32_t)vcpu->whole_step)
		return vcpu->steps;
	vcpu->step_count++;
	if (vcpu->step_count < STEPS_AT_LEAST ||
	    (vcpu->step_count < STEPS_AT_A_TIME && now - vcpu->step_since < STEPPED_NS)) {
		vcpu->step_again = now + STALLED_NS;
		return true;
	}
	vcpu->step_again = now + REST_NS;
	return false;
}

void kvmi_step_again(struct server *server)
{
	uint64_t now = kvmi_now();

	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++) {
		struct vcpu_state *vcpu = &server->vcpu[cpu];

		if (!vcpu->step_again || now < vcpu->step_again)
			continue;
		if (vcpu->paused.held || kvmi_held_for(server, cpu))
			vcpu->step_again = now + REST_NS;
		else if (begin(server, cpu))
			vcpu->steps = false;
	}
}

int kvmi_step_wait(const struct server *server)
{
	uint64_t now = kvmi_now(), first = 0;

	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++) {
		uint64_t again = server->vcpu[cpu].step_again;

		if (again && (!first || again < first))
			first = again;
	}
	if (!first)
		return -1;
	return first > now ? (int)((first - now) / MILLISECOND) + 1 : 0;
}
