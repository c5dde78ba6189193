// SPDX-License-Identifier: MIT
/* The kernel's log, from its ring of records. */
#include "system/dmesg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/plan.h"

/* Far more than anybody boots with: log_buf_len=4G has 2^27 descriptors. */
#define MAX_COUNT_BITS 27u
#define MAX_DATA_BITS  32u
/* A ring that has lost so many records is none; a damaged size would take minutes to walk. */
#define LOST_LIMIT 10000u
/* So many records are read before their states are read again. */
#define BATCH 256u

/* prb_desc.state_var has a state in its two upper bits and the record's id below. */
#define STATE_SHIFT 62
#define ID_MASK     (~0ull >> 2)

enum desc_state { RESERVED, COMMITTED, FINALIZED, REUSABLE };

/* Positions of records without data are odd; this one is that of an empty line. */
#define EMPTY_LINE 3u
/* Each block of text begins with the id of its record. */
#define BLOCK_HEADER sizeof(uint64_t)

#define CALLER_IS_CPU  0x80000000u
#define FLAG_CONTINUES 8u

enum need {
	PRB,
	RING,
	COUNT_BITS,
	DESCS,
	INFOS,
	HEAD,
	TAIL,
	DATA_BITS,
	DATA,
	DESC,
	DESC_ALL,
	STATE,
	BEGIN,
	NEXT,
	INFO,
	INFO_ALL,
	SEQUENCE,
	TIME,
	TEXT_LEN,
	FACILITY,
	FLAGS,
	LEVEL,
	CALLER,
	SUBSYSTEM,
	DEVICE,
	NEEDS
};

/* Descriptors and infos are read whole, since the length is also the way to the next. */
static const struct hadal_need needs[NEEDS] = {
	[PRB] = {HADAL_SYMBOL("prb")},
	[RING] = {HADAL_OBJECT("printk_ringbuffer")},
	[COUNT_BITS] = {HADAL_MEMBER("printk_ringbuffer", "desc_ring.count_bits")},
	[DESCS] = {HADAL_MEMBER("printk_ringbuffer", "desc_ring.descs")},
	[INFOS] = {HADAL_MEMBER("printk_ringbuffer", "desc_ring.infos")},
	[HEAD] = {HADAL_MEMBER("printk_ringbuffer", "desc_ring.head_id.counter")},
	[TAIL] = {HADAL_MEMBER("printk_ringbuffer", "desc_ring.tail_id.counter")},
	[DATA_BITS] = {HADAL_MEMBER("printk_ringbuffer", "text_data_ring.size_bits")},
	[DATA] = {HADAL_MEMBER("printk_ringbuffer", "text_data_ring.data")},
	[DESC] = {HADAL_OBJECT("prb_desc")},
	[DESC_ALL] = {HADAL_MEMBER("prb_desc", ".")},
	[STATE] = {HADAL_MEMBER("prb_desc", "state_var.counter")},
	[BEGIN] = {HADAL_MEMBER("prb_desc", "text_blk_lpos.begin")},
	[NEXT] = {HADAL_MEMBER("prb_desc", "text_blk_lpos.next")},
	[INFO] = {HADAL_OBJECT("printk_info")},
	[INFO_ALL] = {HADAL_MEMBER("printk_info", ".")},
	[SEQUENCE] = {HADAL_MEMBER("printk_info", "seq")},
	[TIME] = {HADAL_MEMBER("printk_info", "ts_nsec")},
	[TEXT_LEN] = {HADAL_MEMBER("printk_info", "text_len")},
	[FACILITY] = {HADAL_MEMBER("printk_info", "facility")},
	[FLAGS] = {HADAL_MEMBER("printk_info", "flags")},
	[LEVEL] = {HADAL_MEMBER("printk_info", "level")},
	[CALLER] = {HADAL_MEMBER("printk_info", "caller_id")},
	[SUBSYSTEM] = {HADAL_MEMBER("printk_info", "dev_info.subsystem")},
	[DEVICE] = {HADAL_MEMBER("printk_info", "dev_info.device")},
};

struct dmesg_reader {
	struct hadal_plan plan;
	struct hadal_object *ring;
	struct hadal_object *desc;
	struct hadal_object *info;
	uint64_t count;     /* of descriptors, a power of two */
	uint64_t data_size; /* of the ring of texts in bytes, a power of two */
	/* Texts do not overlap, so all of them together are no longer than their ring. */
	uint64_t text_left;
	hadal_dmesg_visit visit;
	void *ctx;
	size_t *lost;
};

/* A record that was read, until it is known that it was not overwritten meanwhile. */
struct pending {
	uint64_t desc; /* address of its descriptor */
	uint64_t state;
	struct hadal_dmesg_record record;
	char *text;
};

/* Where the block between two positions of the ring of texts is; both count on over its end. */
static int find_block(const struct dmesg_reader *reader, uint64_t begin, uint64_t next,
		      uint64_t *offset, uint64_t *size)
{
	uint64_t mask = reader->data_size - 1;
	/* From 6.18 on a block may end right at the ring's end, so look at its last byte. */
	uint64_t last = next - 1;

	if (begin % BLOCK_HEADER || next % BLOCK_HEADER)
		return -EINVAL;
	if ((begin & ~mask) == (last & ~mask)) {
		*offset = begin & mask;
		*size = next - begin;
	} else if ((begin & ~mask) + reader->data_size == (last & ~mask)) {
		/* It did not fit before the end, and is at the start. */
		*offset = 0;
		*size = (last & mask) + 1;
	} else {
		return -EINVAL;
	}
	return *size > BLOCK_HEADER && *size <= reader->data_size ? 0 : -EINVAL;
}

/* Reads the text of the record whose descriptor and info were read. */
static int read_text(struct dmesg_reader *reader, uint64_t id, struct pending *pending)
{
	uint64_t begin = hadal_object_value(reader->desc, BEGIN);
	uint64_t next = hadal_object_value(reader->desc, NEXT);
	uint64_t len = hadal_object_value(reader->info, TEXT_LEN);
	uint64_t data = hadal_object_value(reader->ring, DATA);
	uint64_t offset, size, block_id;
	int error;

	if (begin == EMPTY_LINE && next == EMPTY_LINE) {
		pending->text = calloc(1, 1);
		return pending->text ? 0 : -ENOMEM;
	}
	error = find_block(reader, begin, next, &offset, &size);
	if (!error)
		error = hadal_space_read_u64(reader->plan.space, data + offset, &block_id);
	if (error)
		return error;
	if (len > size - BLOCK_HEADER)
		len = size - BLOCK_HEADER;
	if (block_id != id || len > reader->text_left)
		return -EINVAL;
	reader->text_left -= len;
	pending->text = malloc(len + 1);
	if (!pending->text)
		return -ENOMEM;
	pending->text[len] = '\0';
	pending->record.text_len = len;
	error = hadal_space_read_exact(reader->plan.space, data + offset + BLOCK_HEADER,
				       pending->text, len);
	if (error)
		free(pending->text);
	return error;
}

static void describe(const struct hadal_object *info, struct hadal_dmesg_record *record)
{
	uint32_t caller = hadal_object_value(info, CALLER);

	*record = (struct hadal_dmesg_record){
		.sequence = hadal_object_value(info, SEQUENCE),
		.time = hadal_object_value(info, TIME),
		.level = hadal_object_value(info, LEVEL),
		.facility = hadal_object_value(info, FACILITY),
		.continues = hadal_object_value(info, FLAGS) & FLAG_CONTINUES,
		.from_cpu = caller & CALLER_IS_CPU,
		.caller = caller & ~CALLER_IS_CPU,
	};
	hadal_object_string(info, SUBSYSTEM, record->subsystem, sizeof(record->subsystem));
	hadal_object_string(info, DEVICE, record->device, sizeof(record->device));
}

/* Returns 1 with a record, 0 when there is none in this descriptor, or a negative errno. */
static int read_record(struct dmesg_reader *reader, uint64_t id, struct pending *pending)
{
	uint64_t index = id & (reader->count - 1);
	int error;

	pending->desc = hadal_object_value(reader->ring, DESCS) + index * reader->desc->len;
	error = hadal_object_read(reader->desc, pending->desc);
	if (error)
		return error;
	pending->state = hadal_object_value(reader->desc, STATE);
	if ((pending->state & ID_MASK) != id)
		return -EINVAL;
	switch (pending->state >> STATE_SHIFT) {
	case REUSABLE: /* also the one that an empty ring begins with */
		return 0;
	case RESERVED:
		return -EAGAIN;
	}
	error = hadal_object_read(reader->info, hadal_object_value(reader->ring, INFOS) +
							index * reader->info->len);
	if (error)
		return error;
	describe(reader->info, &pending->record);
	/*
	 * The first record has the id -count, in kernels so far of 32 bits, and ids and sequence
	 * numbers go up together: an info with another number is that of no or another record.
	 */
	if ((uint32_t)pending->record.sequence != (uint32_t)(id + reader->count))
		return -EINVAL;
	error = read_text(reader, id, pending);
	return error ? error : 1;
}

/* Hands over those that are still what they were when they were read. */
static void deliver(struct dmesg_reader *reader, struct pending *batch, size_t count)
{
	hadal_space_flush(reader->plan.space);
	for (size_t i = 0; i < count; i++) {
		struct pending *pending = &batch[i];
		uint64_t state = hadal_plan_read(&reader->plan, STATE, pending->desc);

		pending->record.text = pending->text;
		/* A committed record may be finalized meanwhile. */
		if ((state & ID_MASK) == (pending->state & ID_MASK) &&
		    state >> STATE_SHIFT != RESERVED && state >> STATE_SHIFT != REUSABLE)
			reader->visit(reader->ctx, &pending->record);
		else
			(*reader->lost)++;
		free(pending->text);
	}
}

static int read_records(struct dmesg_reader *reader)
{
	uint64_t tail = hadal_object_value(reader->ring, TAIL) & ID_MASK;
	uint64_t left = ((hadal_object_value(reader->ring, HEAD) - tail) & ID_MASK) + 1;
	struct pending *batch = malloc(BATCH * sizeof(*batch));
	size_t count = 0;
	int result = 0;

	if (!batch)
		return -ENOMEM;
	if (left > reader->count) {
		(*reader->lost)++;
		left = reader->count;
	}
	for (uint64_t id = tail; left && result != -ENOMEM && *reader->lost < LOST_LIMIT;
	     left--, id = (id + 1) & ID_MASK) {
		result = read_record(reader, id, &batch[count]);
		if (result > 0)
			count++;
		else if (result < 0)
			(*reader->lost)++;
		if (count == BATCH) {
			deliver(reader, batch, count);
			count = 0;
		}
	}
	deliver(reader, batch, count);
	free(batch);
	return result == -ENOMEM ? result : 0;
}

/* Reads the ring itself; what it says bounds everything that follows. */
static int open_ring(struct dmesg_reader *reader, struct hadal_error *error)
{
	uint64_t ring, count_bits, data_bits;

	reader->ring = &reader->plan.objects[RING];
	reader->desc = &reader->plan.objects[DESC];
	reader->info = &reader->plan.objects[INFO];
	hadal_space_flush(reader->plan.space);
	if (hadal_space_read_u64(reader->plan.space, reader->plan.symbols[PRB], &ring))
		return hadal_fail(error, EFAULT, "Cannot read the symbol prb");
	if (hadal_object_read(reader->ring, ring))
		return hadal_fail(error, EFAULT,
				  "The kernel's log is not where its symbol prb "
				  "leads");
	count_bits = hadal_object_value(reader->ring, COUNT_BITS);
	data_bits = hadal_object_value(reader->ring, DATA_BITS);
	if (count_bits > MAX_COUNT_BITS || data_bits > MAX_DATA_BITS)
		return hadal_fail(error, EINVAL,
				  "The kernel's log is damaged: it claims to have "
				  "more records than any log has");
	reader->count = 1ull << count_bits;
	reader->data_size = 1ull << data_bits;
	reader->text_left = reader->data_size;
	return 0;
}

int hadal_dmesg(struct hadal_kernel *kernel, hadal_dmesg_visit visit, void *ctx, size_t *lost,
		struct hadal_error *error)
{
	struct dmesg_reader reader = {.visit = visit, .ctx = ctx, .lost = lost};
	int result = hadal_plan_open(&reader.plan, kernel, needs, NEEDS, error);

	*lost = 0;
	if (!result)
		result = open_ring(&reader, error);
	if (!result && read_records(&reader))
		result = hadal_fail(error, ENOMEM, "Out of memory");
	hadal_plan_close(&reader.plan);
	return result;
}
