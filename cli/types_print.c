// SPDX-License-Identifier: MIT
/* Types of the kernel, printed as C or as JSON. */
#include "types_print.h"

#include <bpf/btf.h>
#include <inttypes.h>
#include <string.h>

#include "kernel.h"
#include "text.h"
#include "types/outline.h"

/* Where offsets and sizes begin, if the declaration leaves room. */
#define COLUMN 56

/* What goes through a structure prints to. */
struct output {
	const struct types_printer *printer;
	uint32_t members, holes, hole_bytes;
	/* The arrays of members that are open, as JSON. */
	struct json_object *open[64];
};

const char *types_kind(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
		return "struct";
	case BTF_KIND_UNION:
		return "union";
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return "enum";
	case BTF_KIND_TYPEDEF:
		return "typedef";
	case BTF_KIND_FUNC:
		return "function";
	case BTF_KIND_VAR:
		return "variable";
	default:
		return "integer";
	}
}

/* Prints text with one tab for each level before it; returns the columns that took. */
static int print_indented(unsigned depth, const char *text, const char *after)
{
	char copy[4 * HADAL_DECLARATION_MAX];

	text_for_terminal(text, strlen(text), copy, sizeof(copy));
	for (unsigned i = 0; i < depth; i++)
		putchar('\t');
	return 8 * depth + printf("%s%s", copy, after);
}

/* The module's name, if the type is one's. */
static void print_module(const struct types_printer *printer, const char *before, const char *after)
{
	if (!printer->module)
		return;
	fputs(before, stdout);
	print_indented(0, printer->module, after);
}

static void print_where(int column, const struct hadal_field *where)
{
	printf("%*s/* %5" PRIu32, column < COLUMN ? COLUMN - column : 1, "", where->offset);
	if (where->bit_count)
		printf(":%2u", where->bit_first);
	printf(" %5" PRIu32 " */\n", where->size);
}

static void print_hole(struct output *output, const struct hadal_member *member)
{
	output->members++;
	if (!member->hole)
		return;
	output->holes++;
	output->hole_bytes += member->hole;
	print_indented(member->depth, "", "");
	printf("/* %" PRIu32 " bytes hole */\n", member->hole);
}

static void text_member(void *ctx, const struct hadal_member *member)
{
	char bits[16] = ";";

	print_hole(ctx, member);
	if (member->where.bit_count)
		snprintf(bits, sizeof(bits), ":%u;", member->where.bit_count);
	print_where(print_indented(member->depth, member->declaration, bits), &member->where);
}

static void text_begin(void *ctx, const struct hadal_member *member)
{
	print_hole(ctx, member);
	print_indented(member->depth, member->declaration, " {\n");
}

static void text_end(void *ctx, const struct hadal_member *member)
{
	char name[HADAL_DECLARATION_MAX];

	(void)ctx;
	snprintf(name, sizeof(name), "}%s%s;", *member->name ? " " : "", member->name);
	print_where(print_indented(member->depth, name, ""), &member->where);
}

static void print_structure(const struct types_printer *printer, const struct btf_type *type,
			    uint32_t id, const char *before, const char *after)
{
	struct output output = {.printer = printer};
	const char *name = hadal_types_string(printer->types, type->name_off);
	char heading[HADAL_DECLARATION_MAX];

	snprintf(heading, sizeof(heading), "%s%s%s%s", before, types_kind(type), *name ? " " : "",
		 name);
	print_indented(0, heading, " {\n");
	hadal_types_outline(printer->types, id, printer->expand,
			    &(struct hadal_outline){text_member, text_begin, text_end, &output});
	printf("\n\t/* size: %" PRIu32 ", members: %" PRIu32, type->size, output.members);
	if (output.holes)
		printf(", holes: %" PRIu32 ", sum of holes: %" PRIu32, output.holes,
		       output.hole_bytes);
	fputs(" */\n", stdout);
	print_indented(0, after, ";\n");
}

/* Only wide unsigned enumerators do not fit the signed value. */
static void print_enum(const struct types_printer *printer, const struct btf_type *type,
		       const char *before, const char *after)
{
	const char *name = hadal_types_string(printer->types, type->name_off);
	char heading[HADAL_DECLARATION_MAX];

	snprintf(heading, sizeof(heading), "%senum%s%s", before, *name ? " " : "", name);
	print_indented(0, heading, " {\n");
	for (unsigned i = 0; i < btf_vlen(type); i++) {
		int64_t value = hadal_types_enumerator(printer->types, type, i, &name);

		print_indented(1, name, "");
		if (btf_is_enum64(type) && !btf_kflag(type))
			printf(" = %" PRIu64 ",\n", (uint64_t)value);
		else
			printf(" = %" PRId64 ",\n", value);
	}
	printf("\n\t/* size: %" PRIu32 " */\n", type->size);
	print_indented(0, after, ";\n");
}

static void print_text(const struct types_printer *printer, const struct btf_type *type,
		       uint32_t id)
{
	const struct btf *btf = hadal_types_btf(printer->types);
	const char *name = hadal_types_string(printer->types, type->name_off);
	char text[HADAL_DECLARATION_MAX];
	const struct btf_type *target;

	if (btf_is_composite(type)) {
		print_structure(printer, type, id, "", "}");
		return;
	}
	if (btf_is_any_enum(type)) {
		print_enum(printer, type, "", "}");
		return;
	}
	target = btf_is_typedef(type) ? btf__type_by_id(btf, type->type) : NULL;
	/* What has no name of its own is shown where it gets one. */
	snprintf(text, sizeof(text), "} %s", name);
	if (target && !target->name_off && btf_is_composite(target)) {
		print_structure(printer, target, type->type, "typedef ", text);
		return;
	}
	if (target && !target->name_off && btf_is_any_enum(target)) {
		print_enum(printer, target, "typedef ", text);
		return;
	}
	hadal_types_declare(printer->types, btf_is_int(type) ? id : type->type,
			    btf_is_int(type) ? "" : name, text);
	print_indented(0, btf_is_typedef(type) ? "typedef " : "", "");
	print_indented(0, text, ";");
	if (hadal_types_bytes(printer->types, id))
		printf(" /* size: %" PRIu32 " */", hadal_types_bytes(printer->types, id));
	putchar('\n');
}

static void add_text(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, text_json(value, strlen(value)));
}

static struct json_object *json_of(struct output *output, const struct hadal_member *member)
{
	struct json_object *object = json_object_new_object();
	const struct hadal_field *where = &member->where;

	if (*member->name)
		add_text(object, "name", member->name);
	json_object_object_add(object, "offset", json_object_new_uint64(where->offset));
	json_object_object_add(object, "size", json_object_new_uint64(where->size));
	if (where->bit_count) {
		json_object_object_add(object, "bit_offset", json_object_new_int(where->bit_first));
		json_object_object_add(object, "bit_size", json_object_new_int(where->bit_count));
	}
	json_object_array_add(output->open[member->depth], object);
	return object;
}

static void json_member(void *ctx, const struct hadal_member *member)
{
	struct output *output = ctx;
	uint32_t id = member->type;
	char text[HADAL_DECLARATION_MAX];

	hadal_types_declare(output->printer->types, id, "", text);
	add_text(json_of(output, member), "type", text);
}

static void json_begin(void *ctx, const struct hadal_member *member)
{
	struct output *output = ctx;
	struct json_object *object = json_of(output, member);

	add_text(object, "type", member->declaration);
	output->open[member->depth + 1] = json_object_new_array();
	json_object_object_add(object, "members", output->open[member->depth + 1]);
}

static void json_end(void *ctx, const struct hadal_member *member)
{
	(void)ctx;
	(void)member;
}

static struct json_object *members_of(const struct types_printer *printer, uint32_t id)
{
	struct output output = {.printer = printer};

	output.open[1] = json_object_new_array();
	hadal_types_outline(printer->types, id, printer->expand,
			    &(struct hadal_outline){json_member, json_begin, json_end, &output});
	return output.open[1];
}

/* A name that is no UTF-8, which no compiler makes, is as in a table. */
static struct json_object *values_of(const struct types_printer *printer,
				     const struct btf_type *type)
{
	struct json_object *values = json_object_new_object();
	bool is_signed = !btf_is_enum64(type) || btf_kflag(type);

	for (unsigned i = 0; i < btf_vlen(type); i++) {
		char text[4 * HADAL_DECLARATION_MAX];
		const char *name;
		int64_t value = hadal_types_enumerator(printer->types, type, i, &name);

		text_for_terminal(name, strlen(name), text, sizeof(text));
		json_object_object_add(values, text,
				       is_signed ? json_object_new_int64(value)
						 : json_object_new_uint64(value));
	}
	return values;
}

/* A type; what it is made of is for JSON alone. */
struct row {
	uint32_t id;
	bool whole; /* all that is known of it, not a line of a list */
	const char *kind, *name;
	const char *module; /* NULL: the kernel's own */
	uint64_t size;
	const char *type;                     /* NULL: it is a structure, an enum or an integer */
	struct json_object *members, *values; /* NULL: has none */
};

static struct json_object *json_members(const void *record, void *ctx)
{
	(void)ctx;
	return ((const struct row *)record)->members;
}

static struct json_object *json_values(const void *record, void *ctx)
{
	(void)ctx;
	return ((const struct row *)record)->values;
}

static void print_row(const void *record, void *ctx)
{
	const struct types_printer *printer = ctx;
	const struct row *row = record;

	if (row->whole) {
		print_module(printer, "/* ", " */\n");
		print_text(printer, btf__type_by_id(hadal_types_btf(printer->types), row->id),
			   row->id);
		return;
	}
	printf("%-8s %8" PRIu64 " ", row->kind, row->size);
	print_indented(0, row->name, "");
	print_module(printer, "\t[", "]");
	putchar('\n');
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"kind", "KIND", -8, CLI_COLUMN_STRING, AT(kind),
	 "`struct`, `union`, `enum`, `typedef`, `function`, `variable` or `integer`"},
	{"name", "NAME", -32, CLI_COLUMN_STRING, AT(name), "its name"},
	{"module", NULL, 16, CLI_COLUMN_STRING, AT(module), "of a module's: which"},
	{"size", "SIZE", 8, CLI_COLUMN_U64, AT(size), "bytes; 0: has none"},
	{"type", NULL, 0, CLI_COLUMN_STRING, AT(type),
	 "of one asked for by its name: what a typedef, function or variable is, in C"},
	{"members", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_members,
	 "of a structure or union asked for by its name: array of objects with `name`, `offset` "
	 "and `size` in bytes, `type`, of bit-fields `bit_offset` and `bit_size`, and `members` "
	 "of what has them"},
	{"values", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_values,
	 "of an enum asked for by its name: object, each enumerator's number"},
	{0},
};

const struct cli_record_kind types_record_kind = {
	.name = "type", .columns = columns, .print = print_row};

/* Adds what the type is made of. text: for what it is in C. */
static void add_whole(const struct types_printer *printer, const struct btf_type *type,
		      struct row *row, char text[HADAL_DECLARATION_MAX])
{
	const struct btf_type *target = type;
	uint32_t id = row->id;

	if (!btf_is_composite(type) && !btf_is_any_enum(type) && !btf_is_int(type)) {
		id = type->type;
		target = btf__type_by_id(hadal_types_btf(printer->types), id);
		hadal_types_declare(printer->types, id, "", text);
		row->type = text;
	}
	if (!target || (target != type && target->name_off))
		return;
	if (btf_is_composite(target))
		row->members = members_of(printer, id);
	else if (btf_is_any_enum(target))
		row->values = values_of(printer, target);
}

static void print_type(struct types_printer *printer, uint32_t id, bool whole)
{
	const struct btf_type *type = btf__type_by_id(hadal_types_btf(printer->types), id);
	char text[HADAL_DECLARATION_MAX];
	struct row row = {
		.id = id,
		.whole = whole,
		.kind = types_kind(type),
		.name = hadal_types_string(printer->types, type->name_off),
		.module = printer->module,
		.size = hadal_types_bytes(printer->types, id),
	};

	if (whole && printer->records.json)
		add_whole(printer, type, &row, text);
	cli_printer_print(&printer->records, &row);
}

void types_list(struct types_printer *printer, uint32_t id)
{
	print_type(printer, id, false);
}

void types_print(struct types_printer *printer, uint32_t id)
{
	print_type(printer, id, true);
}
