// SPDX-License-Identifier: MIT
/* hadal show */
#include "show_print.h"

#include "kernel.h"

enum {
	KEY_DEPTH = CLI_KEY_COMMAND,
	KEY_ELEMENTS,
};

struct options {
	struct hadal_walk_options walk;
	bool hex;
	struct cli_view view;
	char **expressions;
	int expression_count;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;
	uint64_t depth;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->view;
		return 0;
	case KEY_DEPTH:
		depth = cli_argument(state, "DEPTH", text);
		options->walk.depth = depth > 1000 ? 1000 : depth;
		return 0;
	case KEY_ELEMENTS:
		options->walk.elements = cli_argument(state, "COUNT", text);
		return 0;
	case 'x':
		options->hex = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->expressions = state->argv + state->next;
		options->expression_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "EXPRESSION is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"depth", KEY_DEPTH, "DEPTH", 0,
			 "Print structures inside each other only so far (default: all)", 0},
			{"elements", KEY_ELEMENTS, "COUNT", 0,
			 "Print at most so many elements of an array (default: 200)", 0},
			{"hex", 'x', NULL, 0, "Print numbers in hexadecimal", 0},
			{0},
		},
	.parser = parse,
	.children = cli_view_options,
	.args_doc = "EXPRESSION...",
	.doc = "Print what a C-like expression leads to in the kernel's memory, with the names of "
	       "members, enumerators and symbols.\v"
	       "  hadal show init_task.cred->uid.val\n"
	       "  hadal show '*(struct cred *)0xffff888003a4e000'\n"
	       "  hadal show '(unsigned long)jiffies' '&init_task.tasks'\n"
	       "  hadal show 'container_of(init_task.tasks.next, struct task_struct, "
	       "tasks)->comm'\n"
	       "  hadal show 'per_cpu(runqueues, 0).curr->comm'\n\n"
	       "The kernel tells the types of per-CPU variables and of functions; Hadal knows "
	       "those "
	       "of some others, such as init_task. A symbol of an unknown type must be cast. With "
	       "--json, one object a line.",
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
	cli_print_json_line(object);
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
	if (options->view.json)
		result = show_json(source, symbolizer, expression, &value, type, &options->walk,
				   &error);
	else
		result = show_text(source, symbolizer, expression, &value, type, options, &error);
	return result ? cli_fail(&error) : CLI_OK;
}

int cmd_show(int argc, char **argv)
{
	struct options options = {.walk = {.depth = 1000, .elements = 200}};
	struct hadal_symbolizer *symbolizer;
	struct cli_kernel source;
	struct hadal_error error;
	int result = CLI_OK;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	options.walk.fold = !options.view.json;
	if (!cli_kernel_open(&source, options.view.image))
		return CLI_FAILURE;
	symbolizer = hadal_symbolizer_new(source.kernel, &error);
	if (!symbolizer)
		result = cli_fail(&error);
	for (int i = 0; symbolizer && i < options.expression_count; i++)
		if (show(&source, symbolizer, options.expressions[i], &options))
			result = CLI_FAILURE;
	hadal_symbolizer_free(symbolizer);
	cli_kernel_close(&source);
	return result;
}
