// SPDX-License-Identifier: MIT
/* Types declared in the language C. */
#include "types/declare.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <string.h>

/* Pointers, arrays and functions inside each other; real ones have less than 10. */
#define MAX_DEPTH 16
/* Types in one declaration: a hostile blob has functions of functions of functions. */
#define MAX_TYPES 256

struct declaration {
	const struct hadal_types *types;
	unsigned budget;
};

/*
 * A declaration is written from its name outwards: inner is what is known of it, and what the type
 * adds goes around that.
 */
static void declare(struct declaration *declaration, uint32_t id, const char *inner, int depth,
		    char *text);

/* What is cut ends with dots; so does what that is put into, for it has no room for it all. */
static void write_at(char *text, size_t len, const char *format, va_list arguments)
{
	if (vsnprintf(text + len, HADAL_DECLARATION_MAX - len, format, arguments) >=
	    (int)(HADAL_DECLARATION_MAX - len))
		strcpy(text + HADAL_DECLARATION_MAX - sizeof("..."), "...");
}

__attribute__((format(printf, 2, 3))) static void join(char *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_at(text, 0, format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void append(char *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_at(text, strlen(text), format, arguments);
	va_end(arguments);
}

static void name_last(const char *type, const char *name, const char *inner, char *text)
{
	join(text, "%s%s%s%s", type, name, *inner ? " " : "", inner);
}

static bool is_pointer(const struct declaration *declaration, uint32_t id)
{
	for (int i = 0; i < MAX_DEPTH; i++) {
		const struct btf_type *type =
			btf__type_by_id(hadal_types_btf(declaration->types), id);

		if (!type || !btf_is_mod(type))
			return type && btf_is_ptr(type);
		id = type->type;
	}
	return false;
}

static void declare_pointer(struct declaration *declaration, const struct btf_type *type,
			    const char *inner, int depth, char *text)
{
	const struct btf_type *target =
		btf__type_by_id(hadal_types_btf(declaration->types), type->type);
	char around[HADAL_DECLARATION_MAX];

	if (target && (btf_is_array(target) || btf_is_func_proto(target)))
		join(around, "(*%s)", inner);
	else
		join(around, "*%s", inner);
	declare(declaration, type->type, around, depth, text);
}

/* A qualifier of a pointer stands behind the star, that of another type in front of all. */
static void declare_qualified(struct declaration *declaration, const struct btf_type *type,
			      const char *word, const char *inner, int depth, char *text)
{
	char part[HADAL_DECLARATION_MAX];

	if (is_pointer(declaration, type->type)) {
		name_last(word, "", inner, part);
		declare(declaration, type->type, part, depth, text);
		return;
	}
	declare(declaration, type->type, inner, depth, part);
	join(text, "%s %s", word, part);
}

static void declare_function(struct declaration *declaration, const struct btf_type *type,
			     const char *inner, int depth, char *text)
{
	const struct btf_param *parameter = btf_params(type);
	char around[HADAL_DECLARATION_MAX], one[HADAL_DECLARATION_MAX];

	join(around, "%s(%s", inner, btf_vlen(type) ? "" : "void");
	for (unsigned i = 0; i < btf_vlen(type) && declaration->budget; i++) {
		/* The last one without a type stands for those that are not named. */
		if (!parameter[i].type && i + 1 == btf_vlen(type))
			strcpy(one, "...");
		else
			declare(declaration, parameter[i].type,
				hadal_types_string(declaration->types, parameter[i].name_off),
				depth, one);
		append(around, "%s%s", i ? ", " : "", one);
	}
	append(around, ")");
	declare(declaration, type->type, around, depth, text);
}

static void declare_named(struct declaration *declaration, const struct btf_type *type,
			  const char *inner, char *text)
{
	const char *name = hadal_types_string(declaration->types, type->name_off);
	const char *keyword = "";

	if (btf_is_any_enum(type))
		keyword = "enum ";
	else if (btf_is_union(type) || (btf_is_fwd(type) && btf_kflag(type)))
		keyword = "union ";
	else if (btf_is_struct(type) || btf_is_fwd(type))
		keyword = "struct ";
	name_last(keyword, *name ? name : "{...}", inner, text);
}

static void declare(struct declaration *declaration, uint32_t id, const char *inner, int depth,
		    char *text)
{
	const struct btf_type *type = btf__type_by_id(hadal_types_btf(declaration->types), id);
	char around[HADAL_DECLARATION_MAX];

	if (!id) {
		name_last("void", "", inner, text);
		return;
	}
	if (!type || depth > MAX_DEPTH || !declaration->budget) {
		name_last("...", "", inner, text);
		return;
	}
	declaration->budget--;
	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
		declare_pointer(declaration, type, inner, depth + 1, text);
		break;
	case BTF_KIND_CONST:
		declare_qualified(declaration, type, "const", inner, depth + 1, text);
		break;
	case BTF_KIND_VOLATILE:
		declare_qualified(declaration, type, "volatile", inner, depth + 1, text);
		break;
	case BTF_KIND_RESTRICT:
		declare_qualified(declaration, type, "restrict", inner, depth + 1, text);
		break;
	case BTF_KIND_TYPE_TAG:
		declare(declaration, type->type, inner, depth + 1, text);
		break;
	case BTF_KIND_ARRAY:
		join(around, "%s[%u]", inner, btf_array(type)->nelems);
		declare(declaration, btf_array(type)->type, around, depth + 1, text);
		break;
	case BTF_KIND_FUNC_PROTO:
		declare_function(declaration, type, inner, depth + 1, text);
		break;
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
		declare(declaration, type->type,
			*inner ? inner : hadal_types_string(declaration->types, type->name_off),
			depth + 1, text);
		break;
	default:
		declare_named(declaration, type, inner, text);
	}
}

void hadal_types_declare(const struct hadal_types *types, uint32_t id, const char *name,
			 char text[HADAL_DECLARATION_MAX])
{
	struct declaration declaration = {.types = types, .budget = MAX_TYPES};

	declare(&declaration, id, name, 0, text);
}
