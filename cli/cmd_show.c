// SPDX-License-Identifier: MIT
/* hadal show */
#include "show_print.h"

#include "kernel.h"

struct options {
	uint64_t depth, elements;
	struct hadal_walk_options walk; /* made of them */
	bool hex;
	struct cli_where where;
	struct cli_rest expressions;
};

static int show_json(struct cli_kernel *source, struct hadal_symbolizer *symbolizer,
		     const char *expression, const struct hadal_value *value, const char *type,
		     const struct hadal_walk_options *walk, struct hadal_error *error)
{
	struct show_json json = {0};
	struct hadal_value_visitor visitor = show_json_visitor(&json);
	int result = hadal_value_walk(source->kernel, symbolizer, value, walk, &visitor, error);
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "expression", json_object_new_string(expression));
	json_object_object_add(object, "type", json_object_new_string(type));
	if (value->in_memory)
		cli_json_hex(object, "address", value->address);
	json_object_object_add(object, "value", json.result);
	cli_print_json(object);
	return result;
}

/* As gdb does, with its type for a pointer. */
static int show_text(struct cli_kernel *source, struct hadal_symbolizer *symbolizer,
		     const char *expression, const struct hadal_value *value, const char *type,
		     const struct options *options, struct hadal_error *error)
{
	const struct hadal_types *types = hadal_kernel_types(source->kernel, error);
	struct hadal_value_type target;
	bool pointer = value->type.pointers || (hadal_scalar_bytes(types, value) &&
						hadal_value_target(types, &value->type, &target));
	struct show_text text = {
		.expression = expression, .type = pointer ? type : NULL, .hex = options->hex};
	struct hadal_value_visitor visitor = show_text_visitor(&text);
	int result = hadal_value_walk(source->kernel, symbolizer, value, &options->walk, &visitor,
				      error);

	if (text.begun)
		putchar('\n');
	return result;
}

static int show(struct cli_kernel *source, struct hadal_symbolizer *symbolizer,
		const char *expression, const struct options *options)
{
	char type[HADAL_DECLARATION_MAX];
	struct hadal_value value;
	struct hadal_error error;
	int result = hadal_value_evaluate(source->kernel, expression, &value, &error);

	if (result)
		return cli_fail(&error);
	if (value.in_memory && !value.type.id && !value.type.pointers) {
		hadal_value_untyped(&value, &error);
		return cli_fail(&error);
	}
	hadal_value_declare(hadal_kernel_types(source->kernel, &error), &value.type, type);
	cli_make_printable(type);
	if (options->where.json)
		result = show_json(source, symbolizer, expression, &value, type, &options->walk,
				   &error);
	else
		result = show_text(source, symbolizer, expression, &value, type, options, &error);
	return result ? cli_fail(&error) : CLI_OK;
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
	struct hadal_symbolizer *symbolizer;
	struct cli_kernel source;
	struct hadal_error error;
	int result = CLI_OK;

	options->walk =
		(struct hadal_walk_options){.depth = options->depth, .elements = options->elements};
	options->walk.fold = !options->where.json;
	if (!cli_kernel_open(&source, options->where.image))
		return CLI_FAILURE;
	symbolizer = hadal_symbolizer_new(source.kernel, &error);
	if (!symbolizer)
		result = cli_fail(&error);
	for (int i = 0; symbolizer && i < options->expressions.count; i++)
		if (show(&source, symbolizer, options->expressions.items[i], options))
			result = CLI_FAILURE;
	hadal_symbolizer_free(symbolizer);
	cli_kernel_close(&source);
	return result;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_NUMBER(0, "depth", "DEPTH",
			  "Print structures inside each other only so far (default: all)", depth, 0,
			  1000),
	CLI_OPTION_NUMBER(0, "elements", "COUNT",
			  "Print at most so many elements of an array (default: 200)", elements, 0,
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
		"  hadal show 'container_of(init_task.tasks.next, struct task_struct, "
		"tasks)->comm'\n"
		"  hadal show 'per_cpu(runqueues, 0).curr->comm'\n"
		"\n"
		"The kernel tells the types of per-CPU variables and of functions; Hadal "
		"knows those of some others, such as init_task. A symbol of an unknown type "
		"must be cast. With --json, one object a line.",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.run = run,
};
