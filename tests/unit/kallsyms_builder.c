// SPDX-License-Identifier: MIT
/* Makes tables of symbols as the kernel's build does. */
#include "kallsyms_builder.h"

#include <stdlib.h>
#include <string.h>

struct packed_name {
	size_t len;
	uint8_t codes[302];
};

struct builder {
	const struct kallsyms_plan *plan;
	struct packed_name *names;
	/* What each code stands for: a character, or a pair of other codes. */
	bool used[256];
	bool is_pair[256];
	uint8_t pair[256][2];
	uint8_t *out;
	size_t size;
	size_t at;
};

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void take_names(struct builder *builder)
{
	for (size_t i = 0; i < builder->plan->count; i++) {
		struct packed_name *name = &builder->names[i];

		name->codes[0] = builder->plan->symbols[i].type;
		name->len = 1 + strlen(builder->plan->symbols[i].name);
		memcpy(name->codes + 1, builder->plan->symbols[i].name, name->len - 1);
		for (size_t j = 0; j < name->len; j++)
			builder->used[name->codes[j]] = true;
	}
}

static unsigned most_frequent_pair(struct builder *builder)
{
	uint32_t *counts = calloc(65536, sizeof(*counts));
	unsigned best = 0;

	need(counts);
	for (size_t i = 0; i < builder->plan->count; i++) {
		const struct packed_name *name = &builder->names[i];

		for (size_t j = 0; j + 1 < name->len; j++)
			counts[name->codes[j] << 8 | name->codes[j + 1]]++;
	}
	for (unsigned pair = 0; pair < 65536; pair++)
		if (counts[pair] > counts[best])
			best = pair;
	best = counts[best] ? best : 0;
	free(counts);
	return best;
}

static void replace_pair(struct packed_name *name, unsigned pair, uint8_t code)
{
	size_t out = 0;

	for (size_t j = 0; j < name->len; j++) {
		bool hit = j + 1 < name->len &&
			   (unsigned)(name->codes[j] << 8 | name->codes[j + 1]) == pair;

		name->codes[out++] = hit ? code : name->codes[j];
		j += hit;
	}
	name->len = out;
}

static void compress(struct builder *builder)
{
	for (int code = 255; code >= 0; code--) {
		unsigned pair;

		if (builder->used[code])
			continue;
		pair = most_frequent_pair(builder);
		if (!pair)
			return;
		builder->used[code] = builder->is_pair[code] = true;
		builder->pair[code][0] = pair >> 8;
		builder->pair[code][1] = pair;
		for (size_t i = 0; i < builder->plan->count; i++)
			replace_pair(&builder->names[i], pair, code);
	}
}

static void put(struct builder *builder, const void *data, size_t len)
{
	need(builder->at + len <= builder->size);
	memcpy(builder->out + builder->at, data, len);
	builder->at += len;
}

static size_t align(struct builder *builder)
{
	size_t to = builder->plan->order == KALLSYMS_7 ? 4 : 8;

	builder->at = (builder->at + to - 1) & ~(to - 1);
	return builder->at;
}

static void put_u32(struct builder *builder, uint32_t value)
{
	put(builder, &value, sizeof(value));
}

static void put_token(struct builder *builder, uint8_t code)
{
	if (builder->is_pair[code]) {
		put_token(builder, builder->pair[code][0]);
		put_token(builder, builder->pair[code][1]);
	} else if (builder->used[code]) {
		put(builder, &code, 1);
	}
}

static void put_offsets(struct builder *builder, struct kallsyms_places *places)
{
	const struct kallsyms_plan *plan = builder->plan;

	places->offsets = align(builder);
	for (size_t i = 0; i < plan->count; i++) {
		uint64_t address = plan->symbols[i].address;

		if (plan->order == KALLSYMS_7)
			put_u32(builder, address - plan->va - builder->at);
		else if (!plan->absolute_percpu)
			put_u32(builder, address - plan->relative_base);
		else if (address < plan->relative_base)
			put_u32(builder, address);
		else
			put_u32(builder, plan->relative_base - 1 - address);
	}
	places->base = align(builder);
	if (plan->order != KALLSYMS_7)
		put(builder, &plan->relative_base, sizeof(plan->relative_base));
}

static void put_names(struct builder *builder, struct kallsyms_places *places)
{
	uint32_t markers[4096];
	size_t count = builder->plan->count;

	places->num_syms = align(builder);
	put_u32(builder, count);
	places->names = align(builder);
	for (size_t i = 0; i < count; i++) {
		const struct packed_name *name = &builder->names[i];
		uint8_t length[2] = {name->len, 0};

		if (i % 256 == 0)
			markers[i / 256] = builder->at - places->names;
		if (name->len > 127) {
			length[0] = 0x80 | (name->len & 0x7f);
			length[1] = name->len >> 7;
		}
		put(builder, length, name->len > 127 ? 2 : 1);
		put(builder, name->codes, name->len);
	}
	places->markers = align(builder);
	places->marker_count = (count + 255) / 256;
	put(builder, markers, places->marker_count * sizeof(*markers));
}

/* Big-endian numbers of three bytes; readers only have to skip them. */
static void put_seqs(struct builder *builder)
{
	align(builder);
	for (size_t i = 0; i < builder->plan->count; i++) {
		size_t seq = (i * 7919 + 13) % builder->plan->count;
		uint8_t bytes[3] = {seq >> 16, seq >> 8, seq};

		put(builder, bytes, sizeof(bytes));
	}
}

static void put_tokens(struct builder *builder, struct kallsyms_places *places)
{
	uint16_t index[256];

	places->token_table = align(builder);
	for (int code = 0; code < 256; code++) {
		index[code] = builder->at - places->token_table;
		put_token(builder, code);
		put(builder, "", 1);
	}
	places->token_index = align(builder);
	put(builder, index, sizeof(index));
}

size_t kallsyms_build(const struct kallsyms_plan *plan, uint8_t *out, size_t size,
		      struct kallsyms_places *places)
{
	struct builder builder = {.plan = plan, .out = out, .size = size};

	builder.names = calloc(plan->count, sizeof(*builder.names));
	need(builder.names);
	take_names(&builder);
	compress(&builder);
	if (plan->order < KALLSYMS_6_4)
		put_offsets(&builder, places);
	put_names(&builder, places);
	if (plan->order == KALLSYMS_6_2)
		put_seqs(&builder);
	put_tokens(&builder, places);
	if (plan->order >= KALLSYMS_6_4) {
		put_offsets(&builder, places);
		put_seqs(&builder);
	}
	places->end = builder.at;
	free(builder.names);
	return builder.at;
}
