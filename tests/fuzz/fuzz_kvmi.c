// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/kvmi/message.c
/* Messages of an introspector: taken apart without leaving them, and no field beyond its bounds. */
#include <stdlib.h>
#include <string.h>

#include "kvmi/message.h"

#define VCPUS 4

static void check(const struct kvmi_header *header, const uint8_t *body, int result,
		  const struct kvmi_request *request)
{
	if (result > 1 || request->id != header->id || request->seq != header->seq)
		abort();
	if (result)
		return;
	if (request->vcpu >= VCPUS || request->msr_count > KVMI_MAX_MSRS)
		abort();
	if (request->bytes &&
	    request->address / KVMI_PAGE != (request->address + request->bytes - 1) / KVMI_PAGE)
		abort();
	if (request->id == KVMI_CONTROL_MSR && request->number % KVMI_MSR_HIGH >= KVMI_MSR_RANGE)
		abort();
	if (request->id == KVMI_GET_PAGE_ACCESS &&
	    request->data + request->count * sizeof(uint64_t) != body + header->size)
		abort();
	if (request->id == KVMI_SET_PAGE_ACCESS &&
	    request->data + request->count * sizeof(struct kvmi_page) != body + header->size)
		abort();
	if (request->id == KVMI_WRITE_PHYSICAL &&
	    request->data + request->bytes != body + header->size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct kvmi_request request;
	struct hadal_error error;

	while (len >= sizeof(struct kvmi_header)) {
		struct kvmi_header header;
		uint8_t *body;

		memcpy(&header, input, sizeof(header));
		input += sizeof(header);
		len -= sizeof(header);
		header.id %= KVMI_MESSAGES + 1;
		if (header.size > len)
			header.size = (uint16_t)len;
		/* Exactly as many, for the sanitizer. */
		body = malloc(header.size ? header.size : 1);
		memcpy(body, input, header.size);
		check(&header, body, kvmi_parse(&header, body, VCPUS, &request, &error), &request);
		free(body);
		input += header.size;
		len -= header.size;
	}
	return 0;
}
