// SPDX-License-Identifier: MIT
/* What a record has behind its fixed part. */
#include "events/events.h"

#define CODE_BYTES 16u

static uint32_t bytes_of(const struct hadal_subscription *asked, uint32_t part)
{
	if (!(asked->capture & part))
		return 0;
	switch (part) {
	case HADAL_CAPTURE_REGISTERS:
		return sizeof(struct hadal_event_registers);
	case HADAL_CAPTURE_CODE:
		return CODE_BYTES;
	case HADAL_CAPTURE_STACK:
		return asked->stack_bytes;
	default:
		return sizeof(uint64_t);
	}
}

const void *hadal_event_part(const struct hadal_subscription *asked,
			     const struct hadal_event *event, uint32_t part)
{
	uint32_t at = sizeof(*event);

	for (uint32_t before = 1; before < part; before <<= 1)
		at += bytes_of(asked, before);
	if (!bytes_of(asked, part) || event->bytes < at + bytes_of(asked, part))
		return NULL;
	return (const uint8_t *)event + at;
}
