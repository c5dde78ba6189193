/* SPDX-License-Identifier: MIT */
/* Events as words: what a user asks for, and what a record says. */
#ifndef HADAL_CLI_EVENT_WORDS_H
#define HADAL_CLI_EVENT_WORDS_H

#include <stddef.h>

#include <hadal/events.h>

/* The kinds that can be asked for. */
#define EVENT_KIND_WORDS "msr|cr|cpuid|io|descriptor|exception|request"

/*
 * "KIND[:NUMBER[-NUMBER],...][:r|w]", such as "msr:0xc0000082", "cr:3,4", "io:0x60-0x6f:w" or
 * "exception:3". Without numbers all that the kind has. Fills what the words say into asked, which
 * is zeros before. Returns NULL, or what was expected.
 */
const char *event_words_parse(const char *text, struct hadal_subscription *asked);

/* "msr", "cr", ...; "?" for others. */
const char *event_kind_name(unsigned kind);

/* What happened, in a line: "wrmsr 0xc0000082 <- 0xffffffff81a00080". */
void event_words(const struct hadal_event *event, char *text, size_t size);

#endif
