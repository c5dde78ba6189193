// SPDX-License-Identifier: MIT
/* vCPUs that an introspector pauses. */
#include "kvmi/state.h"

#include <errno.h>

#include "kvmi/registers.h"

/* Whether it is stopped, one way or the other; *error: why the introspector is told that it is not.
 */
static bool stop(struct server *server, unsigned int vcpu, int *error)
{
	struct paused *paused = &server->vcpu[vcpu].paused;
	int result;

	if (kvmi_held_for(server, vcpu)) {
		paused->behind = true;
		return true;
	}
	result = hadal_pause(server->hadal, vcpu, KVMI_PAUSE_MS, NULL);
	paused->held = !result;
	if (!result || result == -EDEADLK)
		return true;
	*error = kvmi_vcpu_error(result);
	return false;
}

static void go_on(struct server *server, unsigned int vcpu)
{
	struct paused *paused = &server->vcpu[vcpu].paused;

	if (paused->held)
		hadal_resume(server->hadal, vcpu, NULL);
	*paused = (struct paused){0};
}

void kvmi_pause(struct server *server, struct answer *answer)
{
	const unsigned int vcpu = server->request.vcpu;
	struct paused *paused = &server->vcpu[vcpu].paused;
	struct hadal_regs regs;
	int result;

	if (paused->waits) {
		answer->error = -EBUSY;
		return;
	}
	if (!stop(server, vcpu, &answer->error))
		return;
	result = hadal_regs(server->hadal, vcpu, &regs, NULL);
	if (result) {
		go_on(server, vcpu);
		answer->error = kvmi_vcpu_error(result);
		return;
	}
	paused->waits = true;
	kvmi_event_of(&regs, vcpu, KVMI_EVENT_PAUSE_VCPU, &server->reply.event.common);
	server->reply.event.common.view = server->vcpu[vcpu].view;
	answer->event = true;
}

void kvmi_pause_behind(struct server *server, unsigned int vcpu)
{
	struct paused *paused = &server->vcpu[vcpu].paused;

	if (!paused->behind)
		return;
	paused->behind = false;
	paused->held = !hadal_pause(server->hadal, vcpu, KVMI_PAUSE_MS, NULL);
}

int kvmi_resume(struct server *server, int parsed, struct hadal_error *error)
{
	const struct kvmi_request *request = &server->request;
	const struct paused *paused = &server->vcpu[request->vcpu].paused;

	if (parsed || !paused->waits || paused->seq != request->seq)
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
	go_on(server, request->vcpu);
	return 0;
}

void kvmi_resume_all(struct server *server)
{
	for (unsigned int cpu = 0; cpu < server->cpu_count; cpu++)
		go_on(server, cpu);
}
