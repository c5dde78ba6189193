// SPDX-License-Identifier: MIT
/* hadal show */
#include "show_print.h"

#include "kernel.h"
#include "record.h"
#include "text.h"

#include <errno.h>
#include <string.h>

struct options {
	uint64_t depth, elements;
	struct hadal_walk_options walk; /* made of them */
	bool hex;
	struct cli_where where;
	struct cli_rest expressions;
};

/* An expression and its value, as JSON. */
struct row {
	const char *expression, *type;
	const uint64_t *address; /* NULL: it is not in memory */
	struct json_object *value;
	uint64_t left_out;
};

static struct json_object *json_value(const void *record, void *ctx)
{
	(void)ctx;
	return ((const struct row *)record)->value;
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"expression", NULL, 0, CLI_COLUMN_STRING, AT(expression), "what was asked for"},
	{"type", NULL, 0, CLI_COLUMN_STRING, AT(type), "its type in C"},
	{"address", NULL, 18, CLI_COLUMN_HEX_MAYBE, AT(address), "where it is in memory"},
	{"value", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_value,
	 "an object of a structure's members, an array, a string (char array; enumerator; "
	 "`0x...` of a pointer or of more than 64 bits), a number, true or false; `null` inside "
	 "them for what cannot be read or is deeper than --depth"},
	{"left_out", NULL, 8, CLI_COLUMN_COUNT, AT(left_out),
	 "how many elements of arrays are not in it, by --elements, and strings that are cut"},
	{0},
};

static const struct cli_record_kind kind = {.name = "value", .columns = columns};

static int fail_unreadable(unsigned parts, const char *expression, struct hadal_error *error)
{
	return parts ? hadal_fail(error, EFAULT,
				  "%u part%s of %.200s cannot be read; nothing is mapped there",
				  parts, parts > 1 ? "s" : "", expression)
		     : 0;
}

static int show_json(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
		     const char *expression, const struct hadal_value *value, const char *type,
		     const struct options *options, struct hadal_error *error)
{
	struct show_json json = {0};
	struct hadal_value_visitor visitor = show_json_visitor(&json);
	int result = hadal_value_walk(kernel, symbolizer, value, &options->walk, &visitor, error);
	const struct row row = {
		.expression = expression,
		.type = type,
		.address = value->in_memory ? &value->address : NULL,
		.value = json.result,
		.left_out = json.left_out,
	};

	cli_print_one(&kind, &options->where, &row, NULL);
	return result ? result : fail_unreadable(json.unreadable, expression, error);
}

/* As gdb does, with its type for a pointer. */
static int show_text(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
		     const char *expression, const struct hadal_value *value, const char *type,
		     const struct options *options, struct hadal_error *error)
{
	const struct hadal_types *types = value->types;
	char safe[4 * HADAL_DECLARATION_MAX];
	struct hadal_value_type target;
	bool pointer = value->type.pointers || (hadal_scalar_bytes(types, value) &&
						hadal_value_target(types, &value->type, &target));
	struct show_text text = {.expression = expression, .hex = options->hex};
	struct hadal_value_visitor visitor = show_text_visitor(&text);
	int result;

	text_for_terminal(type, strlen(type), safe, sizeof(safe));
	text.type = pointer ? safe : NULL;
	result = hadal_value_walk(kernel, symbolizer, value, &options->walk, &visitor, error);
	if (text.begun)
		putchar('\n');
	return result ? result : fail_unreadable(text.unreadable, expression, error);
}

static int show(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
		const char *expression, const struct options *options, struct hadal_error *error)
{
	char type[HADAL_DECLARATION_MAX];
	struct hadal_value value;
	int result = hadal_value_evaluate(kernel, symbolizer, expression, &value, error);

	if (result)
		return result;
	if (value.in_memory && !value.type.id && !value.type.pointers) {
		hadal_value_untyped(&value, error);
		return -EINVAL;
	}
	hadal_value_declare(value.types, &value.type, type);
	return (options->where.json ? show_json : show_text)(kernel, symbolizer, expression, &value,
							     type, options, error);
}

/* Each says itself what failed. */
static int show_all(struct hadal_kernel *kernel, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct hadal_symbolizer *symbolizer = hadal_symbolizer_new(kernel, error);
	int result = CLI_OK;

	if (!symbolizer)
		return -ENOENT;
	for (int i = 0; i < options->expressions.count; i++)
		if (show(kernel, symbolizer, options->expressions.items[i], options, error))
			result = cli_fail(error);
	hadal_symbolizer_free(symbolizer);
	return result;
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->depth = 1000;
	options->elements = 200;
}

static int run(void *data)
{
	struct options *options = data;

	options->walk =
		(struct hadal_walk_options){.depth = options->depth, .elements = options->elements};
	options->walk.fold = !options->where.json;
	return cli_kernel_run(options->where.image, show_all, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_NUMBER(0, "depth", "DEPTH", "Print nested structures DEPTH deep (default: all)",
			  depth, 0, 1000),
	CLI_OPTION_NUMBER(0, "elements", "COUNT",
			  "Print at most COUNT elements of an array (default: 200)", elements, 0,
			  0),
	CLI_OPTION_FLAG('x', "hex", "Print numbers in hexadecimal", hex),
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("EXPRESSION", CLI_REST, expressions),
						{0}};

const struct cli_command command_show = {
	.name = "show",
	.group = CLI_GROUP_KERNEL,
	.summary = "print what an expression leads to in kernel memory",
	.about = "Print what a C-like expression leads to in the kernel's memory, with the "
		 "names of members, enumerators and symbols.",
	.more = "  hadal show init_task.cred->uid.val\n"
		"  hadal show '*(struct cred *)0xffff888003a4e000'\n"
		"  hadal show '(unsigned long)jiffies' '&init_task.tasks'\n"
		"  hadal show 'container_of(modules.next, struct module, list)->name'\n"
		"  hadal show 'per_cpu(runqueues, 0).curr->comm'\n"
		"\n"
		"The kernel's type information has the types of per-CPU variables and of "
		"functions; "
		"Hadal knows those of some other symbols, such as init_task. A symbol of an "
		"unknown type must be cast. A name that the kernel has not may be a module's; "
		"where several have it, MODULE:NAME says which, as in struct fuse:fuse_conn.",
	.options = options_table,
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.run = run,
};
