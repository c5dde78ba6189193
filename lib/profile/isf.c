// SPDX-License-Identifier: MIT
/*
 * Symbols and types as JSON in volatility3's intermediate symbol format. Nothing in the kernel's
 * types is trusted: names are escaped, and chains of types are followed only so far.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "profile/symbols.h"
#include "system/module_symbols.h"
#include "system/module_types.h"
#include "types/variables.h"

/* Longest chain of pointers, arrays and typedefs; real ones have less than 10. */
#define MAX_DEPTH  32
#define BANNER_MAX 1024
/* Of a name that is made from a number. */
#define NAME_BYTES (HADAL_MODULE_NAME_MAX + 24)

struct writer {
	FILE *out;
	const struct hadal_types *kernel_types;
	const struct hadal_module_types *modules; /* NULL: only the kernel's own are written */
	/* Those that are written at the time: the kernel's or a module's own, from an id on. */
	const struct hadal_types *types;
	const struct btf *btf;
	const char *module; /* NULL: the kernel */
	const struct hadal_kernel_info *info;
	void *seen; /* names written in this section (tsearch) */
	bool failed;
	bool first; /* of the members of the section */
};

static void write_string(struct writer *writer, const char *text)
{
	fputc('"', writer->out);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
			fprintf(writer->out, "\\u%04x", c);
		else
			fputc(c, writer->out);
	}
	fputc('"', writer->out);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* True the first time a name comes in its section. */
static bool is_new(struct writer *writer, const char *name)
{
	char *copy = strdup(name);
	char **found = copy ? tsearch(copy, &writer->seen, compare_names) : NULL;

	if (!found)
		writer->failed = true;
	if (!found || *found != copy)
		free(copy);
	return found && *found == copy;
}

static void begin_section(struct writer *writer, const char *name)
{
	fprintf(writer->out, ",\n\"%s\": {", name);
	writer->first = true;
}

static void end_section(struct writer *writer)
{
	tdestroy(writer->seen, free);
	writer->seen = NULL;
	fputs("\n}", writer->out);
}

static void begin_member(struct writer *writer, const char *name)
{
	fputs(writer->first ? "\n" : ",\n", writer->out);
	writer->first = false;
	write_string(writer, name);
	fputs(": ", writer->out);
}

static const char *string_at(const struct writer *writer, uint32_t offset)
{
	const char *name = btf__name_by_offset(writer->btf, offset);

	return name ? name : "";
}

/* Without a name a type gets one from its number. */
static const char *type_name(const struct writer *writer, uint32_t id, char buffer[NAME_BYTES])
{
	const struct btf_type *type = btf__type_by_id(writer->btf, id);

	if (type && type->name_off)
		return string_at(writer, type->name_off);
	if (id >= hadal_types_first(writer->types) && writer->module)
		snprintf(buffer, NAME_BYTES, "unnamed_%s_%08" PRIx32, writer->module, id);
	else
		snprintf(buffer, NAME_BYTES, "unnamed_%08" PRIx32, id);
	return buffer;
}

/* Past typedefs and qualifiers, which may be a circle; NULL: void. */
static const struct btf_type *strip(const struct writer *writer, uint32_t *id)
{
	for (int i = 0; i < MAX_DEPTH && *id; i++) {
		const struct btf_type *type = btf__type_by_id(writer->btf, *id);

		if (!type)
			return NULL;
		if (!btf_is_mod(type) && !btf_is_typedef(type) && !btf_is_type_tag(type))
			return type;
		*id = type->type;
	}
	return NULL;
}

/* A structure that is only declared where it is used may be defined elsewhere. */
static bool is_defined(const struct writer *writer, const struct btf_type *declared)
{
	return btf__find_by_name_kind(writer->btf, string_at(writer, declared->name_off),
				      btf_kflag(declared) ? BTF_KIND_UNION : BTF_KIND_STRUCT) > 0;
}

static void write_named(struct writer *writer, const char *kind, const char *name)
{
	fprintf(writer->out, "{\"kind\": \"%s\", \"name\": ", kind);
	write_string(writer, name);
	fputc('}', writer->out);
}

static void write_type(struct writer *writer, uint32_t id, int depth)
{
	const struct btf_type *type = depth < MAX_DEPTH ? strip(writer, &id) : NULL;
	char name[NAME_BYTES];

	switch (type ? btf_kind(type) : BTF_KIND_UNKN) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
		write_named(writer, "base", type_name(writer, id, name));
		break;
	case BTF_KIND_STRUCT:
		write_named(writer, "struct", type_name(writer, id, name));
		break;
	case BTF_KIND_UNION:
		write_named(writer, "union", type_name(writer, id, name));
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		write_named(writer, "enum", type_name(writer, id, name));
		break;
	case BTF_KIND_PTR:
		fputs("{\"kind\": \"pointer\", \"subtype\": ", writer->out);
		write_type(writer, type->type, depth + 1);
		fputc('}', writer->out);
		break;
	case BTF_KIND_ARRAY:
		fprintf(writer->out, "{\"kind\": \"array\", \"count\": %" PRIu32 ", \"subtype\": ",
			btf_array(type)->nelems);
		write_type(writer, btf_array(type)->type, depth + 1);
		fputc('}', writer->out);
		break;
	case BTF_KIND_FUNC_PROTO:
		fputs("{\"kind\": \"function\"}", writer->out);
		break;
	case BTF_KIND_FWD:
		if (is_defined(writer, type)) {
			write_named(writer, btf_kflag(type) ? "union" : "struct",
				    type_name(writer, id, name));
			break;
		}
		/* fall through */
	default:
		write_named(writer, "base", "void");
	}
}

static void write_base(struct writer *writer, const char *name, uint32_t size, bool is_signed,
		       const char *kind)
{
	if (!is_new(writer, name))
		return;
	begin_member(writer, name);
	fprintf(writer->out,
		"{\"size\": %" PRIu32 ", \"signed\": %s, \"kind\": \"%s\", \"endian\": \"little\"}",
		size, is_signed ? "true" : "false", kind);
}

/* The integers that enums are made of must be there, whatever the kernel uses. */
static const char *enum_base(uint32_t size, bool is_signed)
{
	switch (size) {
	case 1:
		return is_signed ? "signed char" : "unsigned char";
	case 2:
		return is_signed ? "short int" : "short unsigned int";
	case 8:
		return is_signed ? "long int" : "long unsigned int";
	default:
		return is_signed ? "int" : "unsigned int";
	}
}

static void use_types(struct writer *writer, const struct hadal_types *types, const char *module)
{
	writer->types = types;
	writer->btf = hadal_types_btf(types);
	writer->module = module;
}

/* Lets a section write its part of the kernel's types, and of those that modules add. */
static void for_all_types(struct writer *writer, void (*write)(struct writer *writer))
{
	use_types(writer, writer->kernel_types, NULL);
	write(writer);
	for (size_t i = 0; writer->modules && i < writer->modules->count; i++) {
		const struct hadal_module_type_set *set = &writer->modules->items[i];

		use_types(writer, set->types, set->name);
		write(writer);
	}
	use_types(writer, writer->kernel_types, NULL);
}

static void write_integers(struct writer *writer)
{
	uint32_t count = btf__type_cnt(writer->btf);
	char name[NAME_BYTES];

	for (uint32_t id = hadal_types_first(writer->types); id < count; id++) {
		const struct btf_type *type = btf__type_by_id(writer->btf, id);

		if (btf_is_int(type))
			write_base(writer, type_name(writer, id, name), type->size,
				   btf_int_encoding(type) & BTF_INT_SIGNED,
				   btf_int_encoding(type) & BTF_INT_BOOL ? "bool"
				   : type->size == 1                     ? "char"
									 : "int");
		else if (btf_is_float(type))
			write_base(writer, type_name(writer, id, name), type->size, true, "float");
	}
}

static void write_bases(struct writer *writer)
{
	begin_section(writer, "base_types");
	write_base(writer, "void", 0, false, "void");
	write_base(writer, "pointer", 8, false, "int");
	for_all_types(writer, write_integers);
	for (uint32_t size = 1; size <= 8; size *= 2) {
		write_base(writer, enum_base(size, true), size, true, size > 1 ? "int" : "char");
		write_base(writer, enum_base(size, false), size, false, size > 1 ? "int" : "char");
	}
	end_section(writer);
}

static void write_enumerators(struct writer *writer, const struct btf_type *type)
{
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		bool wide = btf_is_enum64(type);
		uint32_t name = wide ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;

		fputs(i ? ", " : "", writer->out);
		write_string(writer, string_at(writer, name));
		if (wide && btf_kflag(type))
			fprintf(writer->out, ": %" PRId64,
				(int64_t)btf_enum64_value(&btf_enum64(type)[i]));
		else if (wide)
			fprintf(writer->out, ": %" PRIu64,
				(uint64_t)btf_enum64_value(&btf_enum64(type)[i]));
		else if (btf_kflag(type))
			fprintf(writer->out, ": %" PRId32, btf_enum(type)[i].val);
		else
			fprintf(writer->out, ": %" PRId64, (int64_t)btf_enum(type)[i].val);
	}
}

static void write_enums(struct writer *writer)
{
	uint32_t count = btf__type_cnt(writer->btf);
	char name[NAME_BYTES];

	for (uint32_t id = hadal_types_first(writer->types); id < count; id++) {
		const struct btf_type *type = btf__type_by_id(writer->btf, id);

		if (!btf_is_any_enum(type) || !is_new(writer, type_name(writer, id, name)))
			continue;
		begin_member(writer, type_name(writer, id, name));
		fprintf(writer->out, "{\"size\": %" PRIu32 ", \"base\": \"%s\", \"constants\": {",
			type->size, enum_base(type->size, btf_kflag(type)));
		write_enumerators(writer, type);
		fputs("}}", writer->out);
	}
}

/* A bit-field lies in a unit of its type's size, or from a byte on when it crosses such units. */
static void write_bit_field(struct writer *writer, uint32_t id, uint32_t bit, uint32_t length)
{
	int64_t size = btf__resolve_size(writer->btf, id);
	uint32_t unit = size >= 1 && size <= 8 ? 8 * size : 8;

	if (bit % unit + length > unit)
		unit = 8;
	fprintf(writer->out,
		"{\"offset\": %" PRIu32 ", \"type\": {\"kind\": \"bitfield\", \"bit_position\": "
		"%" PRIu32 ", \"bit_length\": %" PRIu32 ", \"type\": ",
		bit / unit * (unit / 8), bit % unit, length);
	write_type(writer, id, 0);
	fputs("}}", writer->out);
}

static void write_member(struct writer *writer, const struct btf_type *type, uint32_t index)
{
	const struct btf_member *member = &btf_members(type)[index];
	uint32_t bit = btf_member_bit_offset(type, index);
	uint32_t length = btf_member_bitfield_size(type, index);

	fputs(index ? ", " : "", writer->out);
	if (member->name_off)
		write_string(writer, string_at(writer, member->name_off));
	else
		fprintf(writer->out, "\"unnamed_field_%" PRIx32 "\"", index);
	fputs(": ", writer->out);
	if (length) {
		write_bit_field(writer, member->type, bit, length);
		return;
	}
	fprintf(writer->out, "{\"offset\": %" PRIu32 ", %s\"type\": ", bit / 8,
		member->name_off ? "" : "\"anonymous\": true, ");
	write_type(writer, member->type, 0);
	fputc('}', writer->out);
}

static void write_structures(struct writer *writer)
{
	uint32_t count = btf__type_cnt(writer->btf);
	char name[NAME_BYTES];

	for (uint32_t id = hadal_types_first(writer->types); id < count; id++) {
		const struct btf_type *type = btf__type_by_id(writer->btf, id);

		if (!btf_is_composite(type) || !is_new(writer, type_name(writer, id, name)))
			continue;
		begin_member(writer, type_name(writer, id, name));
		fprintf(writer->out, "{\"size\": %" PRIu32 ", \"kind\": \"%s\", \"fields\": {",
			type->size, btf_is_union(type) ? "union" : "struct");
		for (uint32_t i = 0; i < btf_vlen(type); i++)
			write_member(writer, type, i);
		fputs("}}", writer->out);
	}
}

static void write_base64(struct writer *writer, const uint8_t *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t group = bytes[i] << 16 | (i + 1 < len ? bytes[i + 1] << 8 : 0) |
				 (i + 2 < len ? bytes[i + 2] : 0);

		fputc(digits[group >> 18], writer->out);
		fputc(digits[group >> 12 & 63], writer->out);
		fputc(i + 1 < len ? digits[group >> 6 & 63] : '=', writer->out);
		fputc(i + 2 < len ? digits[group & 63] : '=', writer->out);
	}
}

/* The banner's text goes with it: by that volatility3 finds the profile of an image. */
static void write_banner(struct writer *writer, struct hadal_kernel *kernel, uint64_t address)
{
	char banner[BANNER_MAX];
	ssize_t len = hadal_space_read_string(hadal_kernel_space(kernel), address, banner,
					      sizeof(banner));

	if (len < 0)
		return;
	fprintf(writer->out,
		", \"type\": {\"kind\": \"array\", \"count\": %zd, \"subtype\": {\"kind\": "
		"\"base\", \"name\": \"char\"}}, \"constant_data\": \"",
		len + 1);
	write_base64(writer, (const uint8_t *)banner, len + 1);
	fputc('"', writer->out);
}

static void write_variable_type(struct writer *writer, const char *name)
{
	bool pointer;
	uint32_t id = hadal_types_variable(writer->types, name, &pointer);

	if (!id)
		return;
	fprintf(writer->out, ", \"type\": %s",
		pointer ? "{\"kind\": \"pointer\", \"subtype\": " : "");
	write_type(writer, id, 0);
	fputs(pointer ? "}" : "", writer->out);
}

static void write_module_symbols(struct writer *writer, struct hadal_kernel *kernel,
				 const struct hadal_module *module)
{
	struct hadal_module_symbols symbols;

	/* What cannot be read is missing; the caller has said that it may be. */
	hadal_module_symbols(kernel, module, &symbols, NULL);
	for (size_t i = 0; i < symbols.count; i++) {
		if (!is_new(writer, symbols.items[i].name))
			continue;
		begin_member(writer, symbols.items[i].name);
		fprintf(writer->out, "{\"address\": %" PRIu64 "}",
			linked_address(writer->info, symbols.items[i].address));
	}
	hadal_module_symbols_free(&symbols);
}

static void write_symbols(struct writer *writer, struct hadal_kernel *kernel,
			  struct hadal_kallsyms *symbols, const struct hadal_module_list *modules)
{
	struct hadal_symbol symbol;

	begin_section(writer, "symbols");
	for (size_t i = 0; !hadal_kallsyms_get(symbols, i, &symbol); i++) {
		if (!is_new(writer, symbol.name))
			continue;
		begin_member(writer, symbol.name);
		fprintf(writer->out, "{\"address\": %" PRIu64,
			linked_address(writer->info, symbol.address));
		if (!strcmp(symbol.name, "linux_banner"))
			write_banner(writer, kernel, symbol.address);
		else
			write_variable_type(writer, symbol.name);
		fputc('}', writer->out);
	}
	for (size_t i = 0; modules && i < modules->count; i++)
		write_module_symbols(writer, kernel, &modules->items[i]);
	end_section(writer);
}

static void write_section(struct writer *writer, const char *name,
			  void (*write)(struct writer *writer))
{
	begin_section(writer, name);
	for_all_types(writer, write);
	end_section(writer);
}

static void write_all(struct writer *writer, struct hadal_kernel *kernel,
		      struct hadal_kallsyms *symbols, const struct hadal_module_list *modules)
{
	fputs("{\n\"metadata\": {\"format\": \"6.2.0\", \"producer\": {\"name\": \"hadal\", "
	      "\"version\": \"0.1\"}, \"linux\": {\"symbols\": [{\"kind\": \"symtab\", \"name\": "
	      "\"kallsyms in memory\"}]}}",
	      writer->out);
	write_bases(writer);
	write_section(writer, "enums", write_enums);
	write_section(writer, "user_types", write_structures);
	write_symbols(writer, kernel, symbols, modules);
	fputs("\n}\n", writer->out);
}

int hadal_profile_isf(struct hadal_kernel *kernel, bool with_modules, FILE *out,
		      struct hadal_error *error)
{
	struct hadal_kallsyms *symbols = hadal_kernel_symbols(kernel, error);
	struct hadal_module_types types = {0};
	struct hadal_module_list modules = {0};
	struct writer writer = {.out = out, .info = hadal_kernel_info(kernel)};
	int result = 0;

	writer.kernel_types = hadal_kernel_types(kernel, error);
	if (!symbols || !writer.kernel_types)
		return -ENOENT;
	if (with_modules) {
		result = hadal_modules(kernel, &modules, error);
		if (!result)
			result = hadal_module_types(kernel, &types, error);
		writer.modules = &types;
	}
	if (!result)
		write_all(&writer, kernel, symbols, with_modules ? &modules : NULL);
	hadal_module_types_free(&types);
	hadal_modules_free(&modules);
	if (result)
		return result;
	return writer.failed ? hadal_fail(error, ENOMEM, "Out of memory") : 0;
}
