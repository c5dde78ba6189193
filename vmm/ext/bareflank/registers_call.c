// SPDX-License-Identifier: MIT
/* Registers as JSON. */
#include "paging/memory.h"
#include "cpus/pause.h"
#include "vcpu/register_set.h"
#include "cpus/request.h"
#include "base/string.h"
#include "vcpu/vendor.h"
#include "ext/bareflank/bareflank.h"
#include "ext/bareflank/registers.h"
#include "x86/cpu.h"

/* Canonical addresses of programs end below this, also with 5 levels. */
#define USER_END BIT(56)

/* The longest text to set registers from: what getting them gives fits, with space between. */
#define SET_TEXT_MAX 4096u

/* A client's buffer, at most two pages. */
struct buffer {
	uint8_t *part[2]; /* host addresses */
	size_t first_bytes;
};

/* -EFAULT when the program itself could not access it so; -EACCES: what its pages show may not be.
 */
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
			return -EACCES;
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

static void buffer_read(const struct buffer *buffer, char *to, size_t bytes)
{
	size_t first = bytes < buffer->first_bytes ? bytes : buffer->first_bytes;

	memcpy(to, buffer->part[0], first);
	if (first < bytes)
		memcpy(to + first, buffer->part[1], bytes - first);
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
	int err;

	vcpu_registers(vcpu, &regs);
	bytes = registers_to_json(&regs, text) + 1;
	if (size < bytes || !range_valid(gva, size)) {
		request->failed = true;
		return;
	}
	err = buffer_find(vcpu, gva, bytes, WALK_WRITE, &buffer);
	if (err == -EFAULT) {
		client_ring(vcpu, request->client, HADAL_DOOR_BUFFER);
		request->rang = true;
	} else if (err) {
		request->failed = true;
	} else {
		buffer_write(&buffer, text, bytes);
	}
}

static int set_paused(struct vcpu *vcpu, const char *text, size_t bytes,
		      struct register_object *object)
{
	struct hadal_set_regs set;
	uint32_t refused;
	int err;

	if (object->vcpu >= machine.cpu_count)
		return -ENXIO;
	/* Once more, on top of the registers of the vCPU that is meant. */
	err = request_registers(vcpu, object->vcpu, &object->regs);
	if (!err)
		err = registers_from_json(text, bytes, object);
	if (err)
		return err;
	set = (struct hadal_set_regs){.mask = object->mask, .values = object->regs};
	return pause_set_registers(vcpu, object->vcpu, &set, &refused);
}

static int set_own(struct request *request, const struct register_object *object)
{
	uint32_t refused;
	int err = vcpu_set_registers(request->vcpu, &object->regs, object->mask, &refused);

	if (!err) {
		request->jumped = object->mask & BIT(HADAL_REG_RIP);
		request->has_rax = object->mask & BIT(HADAL_REG_RAX);
	}
	return err;
}

/* The text is copied: another CPU may write to it while it is read. */
void bareflank_set_registers(struct request *request)
{
	struct vcpu *vcpu = request->vcpu;
	uint64_t gva = vcpu->regs.rdi, bytes = vcpu->regs.rsi;
	char text[SET_TEXT_MAX];
	struct register_object object;
	struct buffer buffer;
	int err;

	if (!bytes || bytes > sizeof(text) || !range_valid(gva, bytes)) {
		request->failed = true;
		return;
	}
	err = buffer_find(vcpu, gva, bytes, WALK_READ, &buffer);
	if (err == -EACCES) {
		request->failed = true;
		return;
	}
	if (err) {
		client_ring(vcpu, request->client, HADAL_DOOR_SOURCE);
		request->rang = true;
		return;
	}
	buffer_read(&buffer, text, bytes);
	vcpu_registers(vcpu, &object.regs);
	err = registers_from_json(text, bytes, &object);
	if (!err)
		err = object.has_vcpu ? set_paused(vcpu, text, bytes, &object)
				      : set_own(request, &object);
	request->failed = err;
}
