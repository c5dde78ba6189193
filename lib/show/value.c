// SPDX-License-Identifier: MIT
/* Values in memory and their types: members, elements, casts. */
#include "show/value.h"

#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

int hadal_value_untyped(const struct hadal_value *value, struct hadal_error *error)
{
	return hadal_fail(error, EINVAL,
			  "What lies at %#" PRIx64 " has no type in this kernel's BTF; say it by a "
			  "cast, as in (unsigned long)jiffies, or take its address with &",
			  value->address);
}

void hadal_value_declare(const struct hadal_types *types, const struct hadal_value_type *type,
			 char text[HADAL_DECLARATION_MAX])
{
	char stars[64] = "";
	uint32_t id = type->id;
	const struct btf_type *target = hadal_types_resolved(types, &id);

	memset(stars, '*', type->pointers % 32);
	/* As (*)[3] and (*)(void). */
	if (type->pointers && target && (btf_is_array(target) || btf_is_func_proto(target))) {
		memmove(stars + 1, stars, type->pointers % 32);
		stars[0] = '(';
		stars[1 + type->pointers % 32] = ')';
	}
	hadal_types_declare(types, type->id, stars, text);
}

uint64_t hadal_value_size(const struct hadal_types *types, const struct hadal_value_type *type)
{
	return type->pointers ? 8 : hadal_types_bytes(types, type->id);
}

bool hadal_value_target(const struct hadal_types *types, const struct hadal_value_type *type,
			struct hadal_value_type *target)
{
	uint32_t id = type->id;
	const struct btf_type *resolved;

	*target = *type;
	if (type->pointers) {
		target->pointers--;
		return target->pointers || target->id;
	}
	resolved = hadal_types_resolved(types, &id);
	if (resolved && btf_is_array(resolved))
		target->id = btf_array(resolved)->type;
	else if (resolved && btf_is_ptr(resolved))
		target->id = resolved->type;
	else
		return false;
	id = target->id;
	/* const void is void. */
	return hadal_types_resolved(types, &id);
}

size_t hadal_scalar_bytes(const struct hadal_types *types, const struct hadal_value *value)
{
	uint32_t id = value->type.id;
	const struct btf_type *type = hadal_types_resolved(types, &id);

	if (value->type.pointers)
		return 8;
	if (!type || !(btf_is_int(type) || btf_is_any_enum(type) || btf_is_ptr(type)))
		return 0;
	if (value->bit_count)
		return value->bit_count <= 64 ? (value->bit_first + value->bit_count + 7) / 8 : 0;
	if (btf_is_ptr(type))
		return 8;
	return type->size <= 8 ? type->size : 0;
}

static bool is_signed(const struct btf_type *type)
{
	if (btf_is_int(type))
		return btf_int_encoding(type) & BTF_INT_SIGNED;
	/* Before enums told their sign, kernels had them signed. */
	return btf_is_enum(type) || (btf_is_enum64(type) && btf_kflag(type));
}

uint64_t hadal_scalar_number(const struct hadal_types *types, const struct hadal_value *value,
			     const uint8_t *bytes)
{
	size_t len = hadal_scalar_bytes(types, value);
	unsigned bits = value->bit_count ? value->bit_count : 8 * len;
	uint32_t id = value->type.id;
	const struct btf_type *type = hadal_types_resolved(types, &id);
	unsigned __int128 wide = 0;
	uint64_t number;

	memcpy(&wide, bytes, len);
	number = wide >> value->bit_first;
	if (!bits || bits >= 64)
		return number;
	number &= (1ull << bits) - 1;
	if (!value->type.pointers && is_signed(type) && number >> (bits - 1))
		number |= ~0ull << bits;
	return number;
}
