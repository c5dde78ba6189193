// SPDX-License-Identifier: MIT
/* Registers as JSON. */
#include "core/memory.h"
#include "core/string.h"
#include "core/vendor.h"
#include "ext/bareflank/bareflank.h"
#include "ext/bareflank/registers.h"
#include "x86/cpu.h"

/* Canonical addresses of programs end below this, also with 5 levels. */
#define USER_END BIT(56)

/* A client's buffer, at most two pages. */
struct buffer {
	uint8_t *part[2]; /* host addresses */
	size_t first_bytes;
};

/* -EFAULT when the program itself could not access it so. */
static int buffer_find(struct vcpu *vcpu, uint64_t gva, size_t bytes, uint32_t access,
		       struct buffer *buffer)
{
	struct guest_paging paging;

	vcpu_paging(vcpu, &paging);
	buffer->first_bytes = PAGE_BYTES - (gva & (PAGE_BYTES - 1));
	for (unsigned i = 0; i < 2; i++) {
		struct guest_walk walk;
		uint64_t at = i ? gva + buffer->first_bytes : gva;

		if (i && bytes <= buffer->first_bytes)
			break;
		if (guest_walk(&paging, at, access | WALK_USER | WALK_SET_AD, memory_walk_table,
			       NULL, &walk))
			return -EFAULT;
		buffer->part[i] =
			memory_guest(walk.gpa, access & WALK_WRITE ? MEMORY_WRITE : MEMORY_READ);
		if (!buffer->part[i])
			return -EFAULT;
	}
	return 0;
}

static void buffer_write(const struct buffer *buffer, const void *from, size_t bytes)
{
	size_t first = bytes < buffer->first_bytes ? bytes : buffer->first_bytes;

	memcpy(buffer->part[0], from, first);
	if (first < bytes)
		memcpy(buffer->part[1], (const uint8_t *)from + first, bytes - first);
}

static bool range_valid(uint64_t gva, uint64_t bytes)
{
	return gva < USER_END && bytes <= USER_END - gva;
}

void bareflank_get_registers(struct request *request)
{
	struct vcpu *vcpu = request->vcpu;
	uint64_t gva = vcpu->regs.rdi, size = vcpu->regs.rsi;
	char text[REGISTERS_JSON_MAX];
	struct hadal_regs regs;
	struct buffer buffer;
	size_t bytes;

	vcpu_registers(vcpu, &regs);
	bytes = registers_to_json(&regs, text) + 1;
	if (size < bytes || !range_valid(gva, size)) {
		request->failed = true;
	} else if (buffer_find(vcpu, gva, bytes, WALK_WRITE, &buffer)) {
		client_ring(vcpu, request->client, HADAL_DOOR_BUFFER);
		request->rang = true;
	} else {
		buffer_write(&buffer, text, bytes);
	}
}

/* Not offered; upstream's driver never asks for it. */
void bareflank_set_registers(struct request *request)
{
	request->failed = true;
}
