// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/types/btf.c
// Libraries: -lbpf -lelf -lz
/* Members of structures, bit-fields and enumerators, and blobs that are damaged. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "types/btf.h"
#include "unit.h"

struct blob {
	uint8_t *bytes;
	uint32_t size;
};

static struct blob copy_blob(struct btf *btf)
{
	struct blob blob;
	const void *raw = btf__raw_data(btf, &blob.size);

	assert_non_null(raw);
	blob.bytes = malloc(blob.size);
	memcpy(blob.bytes, raw, blob.size);
	btf__free(btf);
	return blob;
}

/*
 * struct point { int x; const id_t y; };
 * struct sample {                        offsets in bytes
 *	long a;                           0
 *	union {                           8
 *		int inner;                8
 *		struct { char c; struct point deep; };   8, 12
 *	};
 *	unsigned low : 3, high : 7;       20, bits 0-2 and 3-9
 *	struct point points[5];           24
 *	struct point grid[2][3];          64
 * };
 * enum { RED = 4, BLUE = -1 };
 */
static struct blob make_blob(void)
{
	struct btf *btf = btf__new_empty();
	int character = btf__add_int(btf, "char", 1, BTF_INT_CHAR);
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int wide = btf__add_int(btf, "long", 8, BTF_INT_SIGNED);
	int id = btf__add_const(btf, btf__add_typedef(btf, "id_t", number));
	int point, deep, inner, points, row, grid;

	point = btf__add_struct(btf, "point", 8);
	btf__add_field(btf, "x", number, 0, 0);
	btf__add_field(btf, "y", id, 32, 0);
	deep = btf__add_struct(btf, NULL, 12);
	btf__add_field(btf, "c", character, 0, 0);
	btf__add_field(btf, "deep", point, 32, 0);
	inner = btf__add_union(btf, NULL, 12);
	btf__add_field(btf, "inner", number, 0, 0);
	btf__add_field(btf, NULL, deep, 0, 0);
	points = btf__add_array(btf, number, point, 5);
	row = btf__add_array(btf, number, point, 3);
	grid = btf__add_array(btf, number, row, 2);
	btf__add_struct(btf, "sample", 112);
	btf__add_field(btf, "a", wide, 0, 0);
	btf__add_field(btf, NULL, inner, 64, 0);
	btf__add_field(btf, "low", number, 160, 3);
	btf__add_field(btf, "high", number, 163, 7);
	btf__add_field(btf, "points", points, 192, 0);
	btf__add_field(btf, "grid", grid, 512, 0);
	btf__add_enum(btf, "color", 4);
	btf__add_enum_value(btf, "RED", 4);
	btf__add_enum_value(btf, "BLUE", -1);
	return copy_blob(btf);
}

static struct hadal_types *load(void)
{
	struct blob blob = make_blob();
	struct hadal_types *types;

	assert_int_equal(hadal_types_load(blob.bytes, blob.size, &types, NULL), 0);
	free(blob.bytes);
	return types;
}

static void members_are_found(void **state)
{
	static const struct {
		const char *path;
		uint32_t offset, size, count;
	} expected[] = {
		{"a", 0, 8, 1},          {"inner", 8, 4, 1},          {"c", 8, 1, 1},
		{"deep", 12, 8, 1},      {"deep.y", 16, 4, 1},        {"points", 24, 40, 5},
		{"points[0]", 24, 8, 1}, {"points[4].y", 60, 4, 1},   {"grid", 64, 48, 2},
		{"grid[1]", 88, 24, 3},  {"grid[1][2].x", 104, 4, 1},
	};
	struct hadal_types *types = load();
	struct hadal_field field;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(hadal_types_field(types, "sample", expected[i].path, &field), 0);
		assert_int_equal(field.offset, expected[i].offset);
		assert_int_equal(field.size, expected[i].size);
		assert_int_equal(field.count, expected[i].count);
		assert_int_equal(field.bit_count, 0);
	}
	assert_int_equal(hadal_types_size(types, "sample"), 112);
	assert_int_equal(hadal_types_field(types, "sample", ".", &field), 0);
	assert_int_equal(field.offset, 0);
	assert_int_equal(field.size, 112);
	assert_int_equal(hadal_types_size(types, "nothing"), -ENOENT);
	hadal_types_free(types);
}

static void wrong_paths_are_refused(void **state)
{
	static const char *const absent[] = {"b", "deep.z", "points[5]", "a.x", "a[0]", "points.x"};
	static const char *const malformed[] = {
		"", ".a", "a.", "points[", "points[x]", "points[1", "points[-1]", "points[0]x"};
	struct hadal_types *types = load();
	struct hadal_field field;

	(void)state;
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_int_equal(hadal_types_field(types, "sample", absent[i], &field), -ENOENT);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(hadal_types_field(types, "sample", malformed[i], &field), -EINVAL);
	assert_int_equal(hadal_types_field(types, "int", "x", &field), -ENOENT);
	hadal_types_free(types);
}

static void values_are_read(void **state)
{
	struct hadal_types *types = load();
	struct hadal_field field;
	uint8_t copy[112];
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(copy); i++)
		copy[i] = i;
	copy[20] = 0xad; /* low = 5, high = 0x75 = 117 with the next byte's 0x03 */
	copy[21] = 0x03;
	assert_int_equal(hadal_types_field(types, "sample", "low", &field), 0);
	assert_int_equal(hadal_field_value(&field, copy, 0, sizeof(copy)), 5);
	assert_int_equal(hadal_types_field(types, "sample", "high", &field), 0);
	assert_int_equal(hadal_field_value(&field, copy, 0, sizeof(copy)), 0x75);
	assert_int_equal(hadal_types_field(types, "sample", "deep.x", &field), 0);
	assert_int_equal(hadal_field_value(&field, copy, 0, sizeof(copy)), 0x0f0e0d0c);
	assert_int_equal(hadal_field_value(&field, copy + 10, 10, 20), 0x0f0e0d0c);
	/* Outside the copy, or too large for a number. */
	assert_int_equal(hadal_field_value(&field, copy, 13, 20), 0);
	assert_int_equal(hadal_field_value(&field, copy, 0, 15), 0);
	assert_int_equal(hadal_types_field(types, "sample", "grid", &field), 0);
	assert_int_equal(hadal_field_value(&field, copy, 0, sizeof(copy)), 0);
	assert_int_equal(hadal_types_enum(types, "BLUE", &value), 0);
	assert_int_equal(value, -1);
	assert_int_equal(hadal_types_enum(types, "RED", &value), 0);
	assert_int_equal(value, 4);
	assert_int_equal(hadal_types_enum(types, "GREEN", &value), -ENOENT);
	hadal_types_free(types);
}

static void variants_are_resolved(void **state)
{
	static const struct hadal_field_request requests[] = {
		{"sample", {"renamed", "a"}, false},
		{"sample", {"gone"}, true},
	};
	static const struct hadal_field_request missing = {"sample", {"gone"}, false};
	struct hadal_types *types = load();
	struct hadal_field fields[2];
	struct hadal_error error;

	(void)state;
	assert_int_equal(hadal_types_resolve(types, requests, 2, fields, &error), 0);
	assert_int_equal(fields[0].size, 8);
	assert_int_equal(fields[1].size, 0);
	assert_int_equal(hadal_types_resolve(types, &missing, 1, fields, &error), -ENOENT);
	assert_non_null(strstr(error.text, "gone"));
	hadal_types_free(types);
}

static void blob_is_found_among_other_data(void **state)
{
	struct blob blob = make_blob();
	size_t len = blob.size + 5000, at, size;
	uint8_t *data = calloc(1, len);

	(void)state;
	memcpy(data + 16, "\x9f\xeb\x01\x00\x18\x00\x00\x00", 8); /* a header with nothing in it */
	memcpy(data + 4104, blob.bytes, blob.size);
	assert_true(hadal_btf_search(data, len, &at, &size));
	assert_int_equal(at, 4104);
	assert_int_equal(size, blob.size);
	assert_false(hadal_btf_search(data, 4104 + blob.size - 1, &at, &size));
	free(data);
	free(blob.bytes);
}

static void damaged_blobs_are_refused(void **state)
{
	struct blob blob = make_blob();
	struct hadal_types *types;

	(void)state;
	/* Every field of the header, set to what overflows. */
	for (size_t at = 0; at < sizeof(struct btf_header); at += 4) {
		uint32_t kept, huge = 0xfffffff8;

		memcpy(&kept, blob.bytes + at, 4);
		memcpy(blob.bytes + at, &huge, 4);
		assert_int_equal(hadal_types_load(blob.bytes, blob.size, &types, NULL), -EINVAL);
		memcpy(blob.bytes + at, &kept, 4);
	}
	for (uint32_t len = 0; len < blob.size; len++) {
		uint8_t *part = malloc(len);

		memcpy(part, blob.bytes, len);
		assert_int_equal(hadal_types_load(part, len, &types, NULL), -EINVAL);
		free(part);
	}
	free(blob.bytes);
}

/* A structure with many anonymous members, each of them the structure itself. */
static void endless_nesting_ends(void **state)
{
	struct btf *btf = btf__new_empty();
	struct hadal_types *types;
	struct hadal_field field;
	struct blob blob;

	(void)state;
	btf__add_struct(btf, "endless", 8);
	for (int i = 0; i < 200; i++)
		btf__add_field(btf, NULL, 1, 0, 0);
	btf__add_typedef(btf, "circle", 3);
	btf__add_typedef(btf, "other", 2);
	btf__add_struct(btf, "round", 8);
	btf__add_field(btf, "member", 2, 0, 0);
	blob = copy_blob(btf);
	assert_int_equal(hadal_types_load(blob.bytes, blob.size, &types, NULL), 0);
	assert_int_equal(hadal_types_field(types, "endless", "x", &field), -ENOENT);
	assert_int_equal(hadal_types_field(types, "round", "member", &field), -ENOENT);
	hadal_types_free(types);
	free(blob.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(wrong_paths_are_refused),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(variants_are_resolved),
		cmocka_unit_test(blob_is_found_among_other_data),
		cmocka_unit_test(damaged_blobs_are_refused),
		cmocka_unit_test(endless_nesting_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
