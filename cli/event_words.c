// SPDX-License-Identifier: MIT
/* What a user asks of events, and what a record says, in words. */
#include "event_words.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"

static const char *const descriptors[] = {
	[HADAL_GDTR] = "gdtr", [HADAL_IDTR] = "idtr", [HADAL_LDTR] = "ldtr", [HADAL_TR] = "tr"};

#define CR_NUMBERS (1u << 0 | 1u << 3 | 1u << 4)

/* The kinds that can be asked for by number, and what they are without one. */
static const struct {
	const char *name;
	enum hadal_event_kind kind;
	uint32_t access;
	bool mask; /* numbers are bits of first */
	uint64_t first, count;
	uint64_t last; /* the highest number */
} kinds[] = {
	{"msr", HADAL_EVENT_MSR, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, false, 0, 0, UINT32_MAX},
	{"cr", HADAL_EVENT_CR, HADAL_ACCESS_WRITE, true, CR_NUMBERS, 0, HADAL_CR_XCR0},
	{"cpuid", HADAL_EVENT_CPUID, HADAL_ACCESS_EXECUTE, false, 0, 1ull << 32, UINT32_MAX},
	{"io", HADAL_EVENT_IO, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, false, 0, 65536, UINT16_MAX},
	{"descriptor", HADAL_EVENT_DESCRIPTOR, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, true, 0xf, 0,
	 HADAL_TR},
	{"exception", HADAL_EVENT_EXCEPTION, HADAL_ACCESS_EXECUTE, false, 0, 0, 31},
	{"request", HADAL_EVENT_REQUEST, HADAL_ACCESS_EXECUTE, false, 0, UINT64_MAX, UINT64_MAX},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *event_kind_name(unsigned kind)
{
	static const char *const others[HADAL_EVENT_KINDS] = {
		[HADAL_EVENT_NOTICE] = "notice", [HADAL_EVENT_MEMORY] = "memory",
		[HADAL_EVENT_BREAK] = "break",   [HADAL_EVENT_STEP] = "step",
		[HADAL_EVENT_VIEW] = "view",
	};

	for (size_t i = 0; i < KINDS; i++)
		if ((unsigned)kinds[i].kind == kind)
			return kinds[i].name;
	return kind < HADAL_EVENT_KINDS && others[kind] ? others[kind] : "?";
}

/* A number, or the name of a descriptor table. */
static bool parse_part(enum hadal_event_kind kind, const char *text, size_t len, uint64_t *number)
{
	char copy[32];

	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	for (*number = 0; kind == HADAL_EVENT_DESCRIPTOR && *number < 4; ++*number)
		if (!strcmp(copy, descriptors[*number]))
			return true;
	if (kind == HADAL_EVENT_CR && !strcmp(copy, "xcr0")) {
		*number = HADAL_CR_XCR0;
		return true;
	}
	return !parse_number(copy, number);
}

static const char *parse_mask(enum hadal_event_kind kind, const char *text, size_t len,
			      uint64_t *mask)
{
	const uint64_t known = kind == HADAL_EVENT_CR ? CR_NUMBERS | 1ull << HADAL_CR_XCR0 : 0xf;

	*mask = 0;
	for (const char *end = text + len; text < end; text++) {
		size_t size = strcspn(text, ",:");
		uint64_t number;

		if (!parse_part(kind, text, size, &number) || number > 63 ||
		    !(known & 1ull << number))
			return kind == HADAL_EVENT_CR ? "some of 0, 3, 4 and xcr0, as in cr:0,4"
						      : "some of gdtr, idtr, ldtr and tr, as in "
							"descriptor:gdtr,tr";
		*mask |= 1ull << number;
		text += size;
	}
	return NULL;
}

static const char *parse_range(enum hadal_event_kind kind, const char *text, size_t len,
			       uint64_t most, struct hadal_subscription *asked)
{
	static char range[48];
	const char *dash = memchr(text, '-', len);
	size_t size = dash ? (size_t)(dash - text) : len;
	uint64_t last;

	if (!parse_part(kind, text, size, &asked->first) ||
	    (dash && !parse_part(kind, dash + 1, len - size - 1, &last)))
		return "a number, or two with a dash between them, as in io:0x60-0x6f";
	last = dash ? last : asked->first;
	if (last < asked->first)
		return "the smaller number before the dash";
	if (last > most) {
		snprintf(range, sizeof(range), "numbers from 0 to %#" PRIx64, most);
		return range;
	}
	asked->count = last - asked->first + 1;
	return NULL;
}

static const char *parse_access(const char *text, uint32_t all, uint32_t *access)
{
	const char *expected = all & HADAL_ACCESS_READ    ? "r, w or rw behind the last colon"
			       : all & HADAL_ACCESS_WRITE ? "w behind the last colon"
							  : "nothing behind the numbers";

	*access = 0;
	for (; *text; text++) {
		uint32_t one = *text == 'r'   ? HADAL_ACCESS_READ
			       : *text == 'w' ? HADAL_ACCESS_WRITE
					      : 0;

		if (!(one & all))
			return expected;
		*access |= one;
	}
	return *access ? NULL : expected;
}

const char *event_words_parse(const char *text, struct hadal_subscription *asked)
{
	size_t name = strcspn(text, ":"), place = 0, len = 0;
	const char *wrong = NULL;

	while (place < KINDS &&
	       (strlen(kinds[place].name) != name || strncmp(kinds[place].name, text, name)))
		place++;
	if (place == KINDS)
		return "msr, cr, cpuid, io, descriptor, exception or request";
	asked->kind = kinds[place].kind;
	asked->access = kinds[place].access;
	asked->first = kinds[place].first;
	asked->count = kinds[place].count;
	text += name;
	if (*text == ':') {
		len = strcspn(++text, ":");
		wrong = kinds[place].mask
				? parse_mask(asked->kind, text, len, &asked->first)
				: parse_range(asked->kind, text, len, kinds[place].last, asked);
		text += len;
	}
	if (!wrong && *text == ':')
		wrong = parse_access(text + 1, kinds[place].access, &asked->access);
	if (!wrong && !asked->first && !asked->count)
		return asked->kind == HADAL_EVENT_MSR ? "numbers of MSRs, as in msr:0xc0000082"
						      : "numbers of vectors, as in exception:14";
	return wrong;
}

static const char *notice_text(uint64_t notice)
{
	static const char *const texts[] = {
		[HADAL_NOTICE_FULL] = "Within its budget again: every hit is recorded",
		[HADAL_NOTICE_OFF] = "Over its budget: nothing is recorded any more",
		[HADAL_NOTICE_MOVED] = "The system needs the debug register: the breakpoint is now "
				       "in a copy of the page",
		[HADAL_NOTICE_DEGRADED] = "Answers came too late: CPUs are not held any more",
		[HADAL_NOTICE_DISPLACED] =
			"The system uses the debug register: the breakpoint is not hit on this CPU",
	};

	return notice < sizeof(texts) / sizeof(texts[0]) && texts[notice] ? texts[notice] : "?";
}

void event_words(const struct hadal_event *event, char *text, size_t size)
{
	bool write = event->access & HADAL_ACCESS_WRITE;
	bool no_value = event->flags & HADAL_RECORD_NO_VALUE;
	const char *name = event->number < 4 ? descriptors[event->number] : "?";

	switch (event->kind) {
	case HADAL_EVENT_MSR:
		snprintf(text, size, "%smsr %#" PRIx64 "%s%#" PRIx64, write ? "wr" : "rd",
			 event->number, write ? " <- " : " = ", event->new_value);
		break;
	case HADAL_EVENT_CR:
		snprintf(text, size, "%scr%u %#" PRIx64 " <- %#" PRIx64,
			 event->number == HADAL_CR_XCR0 ? "x" : "",
			 event->number == HADAL_CR_XCR0 ? 0 : (unsigned)event->number,
			 event->old_value, event->new_value);
		break;
	case HADAL_EVENT_CPUID:
		snprintf(text, size, "cpuid %#" PRIx64 " %#" PRIx64, event->number,
			 event->physical);
		break;
	case HADAL_EVENT_IO:
		if (no_value)
			snprintf(text, size, "%s %#" PRIx64 ", %" PRIu64 " bytes",
				 write ? "out" : "in", event->number, event->physical);
		else
			snprintf(text, size, "%s %#" PRIx64 "%s%#" PRIx64, write ? "out" : "in",
				 event->number, write ? " <- " : " = ", event->new_value);
		break;
	case HADAL_EVENT_DESCRIPTOR:
		snprintf(text, size, "%s%s", write ? "load " : "store ", name);
		break;
	case HADAL_EVENT_EXCEPTION:
		snprintf(text, size, "exception %" PRIu64 ", error %#" PRIx64 ", address %#" PRIx64,
			 event->number, event->physical, event->address);
		break;
	case HADAL_EVENT_NOTICE:
		if (event->number == HADAL_NOTICE_SAMPLED)
			snprintf(text, size,
				 "Over its budget: from now on one hit in %" PRIu64 " is recorded",
				 event->physical);
		else
			snprintf(text, size, "%s", notice_text(event->number));
		break;
	default:
		snprintf(text, size, "%s %#" PRIx64 " %#" PRIx64 " %#" PRIx64,
			 event_kind_name(event->kind), event->number, event->address,
			 event->physical);
	}
	if (event->flags & HADAL_RECORD_FAULTED) {
		size_t len = strlen(text);

		snprintf(text + len, size - len, ", raised an exception");
	}
}
