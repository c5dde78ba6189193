// SPDX-License-Identifier: MIT
/* Why the hypervisor refuses a subscription; vmm/events/check.c has the rules. */
#include "events/refusal.h"

#include <stdbool.h>
#include <stddef.h>

#define MSRS_MAX     64u
#define VECTORS      32u
#define NMI          2u
#define PORTS        0x10000u
#define DEADLINE_MAX 1000000u
#define PAGE         4096ull

/* Beyond a kind's last number. */
static bool is_beyond(const struct hadal_subscription *asked, uint64_t end)
{
	return asked->first >= end || asked->count > end - asked->first;
}

static const char *refused_numbers(const struct hadal_subscription *asked)
{
	bool has_nmi = asked->first <= NMI && asked->count > NMI - asked->first;

	switch (asked->kind) {
	case HADAL_EVENT_MSR:
		if (asked->count > MSRS_MAX)
			return "at most 64 MSRs can be asked for at once";
		return is_beyond(asked, 1ull << 32) ? "an MSR has a number of 32 bits" : NULL;
	case HADAL_EVENT_CPUID:
		return is_beyond(asked, 1ull << 32) ? "a leaf of CPUID has 32 bits" : NULL;
	case HADAL_EVENT_IO:
		return is_beyond(asked, PORTS) ? "ports are 0 to 0xffff" : NULL;
	case HADAL_EVENT_EXCEPTION:
		if (is_beyond(asked, VECTORS))
			return "exceptions are the vectors 0 to 31";
		return has_nmi ? "vector 2 is the NMI's, which is no exception" : NULL;
	default:
		return NULL;
	}
}

static const char *refused_place(const struct hadal_subscription *asked)
{
	switch (asked->kind) {
	case HADAL_EVENT_CR:
		return "the control registers that can be asked for are CR0, CR3, CR4 and XCR0";
	case HADAL_EVENT_DESCRIPTOR:
		return "the descriptor tables are GDTR, IDTR, LDTR and TR";
	case HADAL_EVENT_MEMORY:
		if (!asked->count || asked->first + asked->count < asked->first)
			return "no bytes of memory are named";
		return asked->count > HADAL_MAX_WATCHED_PAGES * PAGE
			       ? "at most 4096 pages of memory can be watched"
			       : NULL;
	case HADAL_EVENT_BREAK:
		return "no breakpoint can be at that address, or that is no address space";
	case HADAL_EVENT_STEP:
		return "that is no address space of a process, or it is to be held";
	default:
		if (!asked->count)
			return "no number is named";
		return refused_numbers(asked);
	}
}

static const char *refused_filter(const struct hadal_subscription *asked)
{
	if (asked->clause_count > HADAL_MAX_CLAUSES)
		return "a filter has 16 comparisons at most";
	for (uint32_t i = 0; i < asked->clause_count; i++)
		if (asked->clause[i].value == HADAL_FILTER_NEW &&
		    (asked->kind == HADAL_EVENT_CPUID || (asked->access & HADAL_ACCESS_READ)))
			return "a filter cannot know what is going to be read";
	return NULL;
}

const char *hadal_events_refusal(const struct hadal_subscription *asked)
{
	bool numbered = asked->kind != HADAL_EVENT_CR && asked->kind != HADAL_EVENT_DESCRIPTOR &&
			asked->kind != HADAL_EVENT_BREAK && asked->kind != HADAL_EVENT_STEP;
	const char *why = NULL;

	if (asked->kind == HADAL_EVENT_NOTICE || asked->kind >= HADAL_EVENT_KINDS)
		return "there are no events of that kind";
	if (!asked->access)
		return "neither reads, writes nor executions are asked for";
	if (asked->share > 1000)
		return "a share is at most 1000 thousandths";
	if (asked->deadline > DEADLINE_MAX)
		return "a deadline is a second at most";
	if (asked->stack_bytes > HADAL_STACK_MAX || asked->stack_bytes % 8)
		return "of a stack at most 4096 bytes are copied, in words of 8";
	if (numbered)
		why = refused_place(asked);
	if (!why)
		why = refused_filter(asked);
	if (!why && !numbered)
		why = refused_place(asked);
	return why ? why
		   : "there are no such events, or a record does not fit into half of the ring";
}
