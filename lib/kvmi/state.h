/* SPDX-License-Identifier: MIT */
/* What a connection to an introspector has. */
#ifndef HADAL_LIB_KVMI_STATE_H
#define HADAL_LIB_KVMI_STATE_H

#include "events/events.h"
#include "kvmi/message.h"
#include "kvmi/server.h"

/* Events of one vCPU that wait for an answer, some of them in vain. */
#define KVMI_WAITING 8u
/* MSRs are asked for by so many at once, which is one subscription. */
#define KVMI_WINDOW  16u
#define KVMI_WINDOWS (2 * KVMI_MSR_RANGE / KVMI_WINDOW)

/* An event that the introspector has been told of. */
struct waiting {
	uint8_t event; /* enum kvmi_event_id */
	bool used;
	bool held;     /* the vCPU was held for it */
	bool given_up; /* the introspector wanted what cannot be */
	uint32_t seq;
	uint32_t subscription; /* of the record, with its time */
	uint64_t time;
	uint64_t until; /* when the vCPU goes on by itself; nanoseconds */
	uint64_t value; /* that was to be written */
	struct kvm_regs before;
	/* What is to become of it with the answer. */
	bool sets, raises;
	struct kvm_regs after;
	uint8_t vector;
	uint32_t error;
	uint64_t address;
};

/* A pause that is not answered yet. */
struct paused {
	bool waits;
	bool held;   /* false: it is the server's own */
	bool behind; /* the vCPU is held for an event, and is to be paused when that is answered */
	uint32_t seq;
};

struct vcpu_state {
	uint32_t events;             /* bit n: enum kvmi_event_id n is asked for */
	uint32_t crs;                /* bit n: CRn is */
	uint16_t msrs[KVMI_WINDOWS]; /* a bit for each MSR */
	struct waiting waiting[KVMI_WAITING];
	struct waiting *current; /* the one it is held for, perhaps no longer; NULL: none */
	uint64_t told;           /* time of the last record that was told */
	uint16_t view;           /* that it runs on; 0: the one that all begin with */
	bool steps;              /* each answer is to lead to a single step */
	int step_for;            /* the subscription by which one is under way; 0: none is */
	int whole_step;          /* the one by which they have begun without an event; 0: none */
	unsigned int step_count; /* by that, since step_since; when to begin anew, 0: never */
	uint64_t step_since, step_again;
	struct paused paused;
};

/* Pages that follow each other and have the same rights, which is one subscription. */
struct run {
	uint64_t first, count; /* page numbers */
	uint8_t denied;        /* KVMI_ACCESS_* */
	int subscription;
};

struct restricted {
	uint64_t page; /* its number */
	uint8_t denied;
};

struct pages {
	unsigned int count, run_count;
	struct restricted page[HADAL_MAX_WATCHED_PAGES]; /* ascending */
	struct run run[HADAL_MAX_SUBSCRIPTIONS];
};

/* What may be asked for as a whole. */
enum whole {
	WHOLE_CR0,
	WHOLE_CR3,
	WHOLE_CR4,
	WHOLE_XCR0,
	WHOLE_INT3,
	WHOLE_DESCRIPTOR,
	WHOLE_CPUID,
	WHOLE_VIEWS, /* while there are any */
	WHOLES
};

struct server {
	struct hadal *hadal;
	struct hadal_events *events; /* NULL: nothing was asked for yet */
	struct kvmi_options options;
	/* CR3 of this program and of the introspector, whose own events are left out; 0: not known
	 */
	uint64_t own_root, peer_root;
	int socket;
	unsigned int cpu_count;
	bool quiet;         /* commands are not answered */
	uint32_t event_seq; /* of the last event */
	struct vcpu_state *vcpu;
	int whole[WHOLES];            /* subscriptions; 0: none */
	int window[KVMI_WINDOWS];     /* the same */
	uint16_t asked[KVMI_WINDOWS]; /* the MSRs that these are for */
	struct pages pages;
	/* By number - 1: what is left to be done with pages in a view; NULL: there is no such one.
	 */
	struct pages *view[HADAL_MAX_VIEWS];
	unsigned int view_count;
	/* Those that nobody wants any more, but for which a vCPU waits or steps; 0: free. */
	int leaving[HADAL_MAX_SUBSCRIPTIONS];
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
		struct kvmi_cpuid cpuid;
		struct kvmi_view view;
		uint8_t page[KVMI_PAGE];
		struct {
			struct kvmi_event common;
			union {
				struct kvmi_event_cr cr;
				struct kvmi_event_msr msr;
				struct kvmi_event_breakpoint breakpoint;
				struct kvmi_event_pf pf;
				struct kvmi_event_descriptor descriptor;
				struct kvmi_event_cpuid cpuid;
				struct kvmi_event_singlestep singlestep;
			};
		} event;
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
	bool event;   /* server->reply.event is to be sent after it, a pause */
};

/* Bit n: enum kvmi_event_id n can be asked for. */
#define KVMI_EVENTS_KNOWN                                                                  \
	(1u << KVMI_EVENT_CR | 1u << KVMI_EVENT_MSR | 1u << KVMI_EVENT_XSETBV |            \
	 1u << KVMI_EVENT_BREAKPOINT | 1u << KVMI_EVENT_PF | 1u << KVMI_EVENT_DESCRIPTOR | \
	 1u << KVMI_EVENT_PAUSE_VCPU | 1u << KVMI_EVENT_SINGLESTEP | 1u << KVMI_EVENT_CPUID)

/* What the library says of a vCPU, for an introspector. */
int kvmi_vcpu_error(int result);

/* commands.c */
void kvmi_do_command(struct server *server, struct answer *answer);

/* control.c: what is to be told. Return 0 or a negative errno to answer with. */
int kvmi_control_events(struct server *server);
int kvmi_control_cr(struct server *server);
int kvmi_control_msr(struct server *server);
/* A subscription that holds, with the rest of *asked filled. Its number, above 0. */
int kvmi_subscribe(struct server *server, struct hadal_subscription *asked);
void kvmi_unsubscribe(struct server *server, int *subscription);
/* Whether it is for something that is asked for now. */
bool kvmi_has(const struct server *server, int subscription);
bool kvmi_is_leaving(const struct server *server, uint32_t subscription);
/* A vCPU has gone on: ends those that it was the last one of. */
void kvmi_end_leaving(struct server *server);
/* Whether a vCPU's introspector wants to know. */
bool kvmi_is_wanted(const struct server *server, const struct hadal_event *event);
bool kvmi_is_asked(const struct server *server, unsigned int event);

/* step.c: the same. */
int kvmi_control_singlestep(struct server *server);
/* Whether the answer to an event leads to a step. */
bool kvmi_steps_on(struct server *server, unsigned int cpu, const struct waiting *waiting);
/* Begins anew what has rested; and milliseconds until that is due, -1: never. */
void kvmi_step_again(struct server *server);
int kvmi_step_wait(const struct server *server);

/* There are views now, or there are none any more. */
int kvmi_follow_views(struct server *server);
/* 0, or -ENOMEM; server->events is there then. */
int kvmi_open_events(struct server *server);

/* views.c: the same. */
void kvmi_create_view(struct server *server, struct answer *answer);
int kvmi_destroy_view(struct server *server);
int kvmi_switch_view(struct server *server);
int kvmi_change_gfn(struct server *server);
/* The pages of the view that is asked about; NULL: there is none. */
struct pages *kvmi_pages_of(struct server *server, uint16_t view);
int kvmi_allow_in_view(struct server *server, const struct kvmi_page *page);
void kvmi_free_views(struct server *server);

/* pages.c: the same. */
/* What is denied of a page, and that it is from now on: 0, or -ENOMEM. */
unsigned int kvmi_denied(const struct pages *pages, uint64_t page);
int kvmi_deny(struct pages *pages, uint64_t page, unsigned int denied);
int kvmi_set_page_access(struct server *server);
void kvmi_get_page_access(struct server *server, struct answer *answer);
/* Watches what is restricted, while anybody is to be told of it. */
int kvmi_watch_pages(struct server *server);

/* Nanoseconds, of a clock that only goes on. */
uint64_t kvmi_now(void);

/* tell.c: records to events. 0, or what ends the connection. */
int kvmi_tell_all(struct server *server, struct hadal_error *error);
/* The reply to an event that is no pause. */
int kvmi_take_answer(struct server *server, struct hadal_error *error);
/* The event that a vCPU is held for now; NULL: it is not, as far as is known. */
struct waiting *kvmi_held_for(const struct server *server, unsigned int vcpu);

/* pause.c */
void kvmi_pause(struct server *server, struct answer *answer);
/* The event that a vCPU was held for has been answered. */
void kvmi_pause_behind(struct server *server, unsigned int vcpu);
int kvmi_resume(struct server *server, int parsed, struct hadal_error *error);
void kvmi_resume_all(struct server *server);

/* server.c: server->reply.event, with so many bytes behind its common part. */
int kvmi_send_event(struct server *server, size_t special, uint32_t *seq,
		    struct hadal_error *error);

#endif
