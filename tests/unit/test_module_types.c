// SPDX-License-Identifier: MIT
// Sources: KERNEL lib/show/*.c lib/profile/*.c tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz -ljson-c
/* Types of modules: found by name, in expressions and in profiles, and damaged. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <json-c/json.h>

#include "machine.h"
#include "profile/profile.h"
#include "show/value.h"
#include "system/module_types.h"
#include "unit.h"

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	struct hadal_symbolizer *symbolizer;
	uint64_t blobs[3]; /* of alpha, beta and gamma */
	struct hadal_error error;
};

/* Three modules: two have a structure called gadget, the third one called widget. */
static struct fixture *make(bool no_module_types)
{
	static const char *const modules[] = {"alpha", "beta", "gamma"};
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct machine *machine =
		machine_new(&(struct machine_options){.no_module_types = no_module_types});

	fixture->machine = machine;
	for (int i = 0; i < 3; i++) {
		uint64_t base = 0xffffffffc0100000ull + 0x10000 * i;
		uint64_t module = machine_add_module(machine, modules[i], base);

		fixture->blobs[i] =
			machine_module_types(machine, module, i < 2 ? "gadget" : "widget");
	}
	fixture->kernel = machine_open(machine);
	fixture->symbolizer = hadal_symbolizer_new(fixture->kernel, NULL);
	assert_non_null(fixture->symbolizer);
	return fixture;
}

static void drop(struct fixture *fixture)
{
	hadal_symbolizer_free(fixture->symbolizer);
	machine_free(fixture->machine);
	free(fixture);
}

static void types_go_on_behind_the_kernels(void **state)
{
	struct fixture *fixture = make(false);
	const struct hadal_types *base = hadal_kernel_types(fixture->kernel, NULL);
	struct hadal_module_types types;
	struct hadal_field field;
	const struct hadal_types *gamma;

	(void)state;
	assert_int_equal(hadal_module_types(fixture->kernel, &types, NULL), 0);
	assert_int_equal(types.count, 3);
	assert_int_equal(types.lost, 0);
	assert_string_equal(types.items[2].name, "gamma");
	gamma = types.items[2].types;
	assert_int_equal(hadal_types_first(gamma), btf__type_cnt(hadal_types_btf(base)));
	assert_int_equal(hadal_types_find(base, "widget", BTF_KIND_STRUCT), 0);
	assert_int_not_equal(hadal_types_find(gamma, "widget", BTF_KIND_STRUCT), 0);
	assert_int_equal(hadal_types_find_own(gamma, "task_struct", BTF_KIND_STRUCT), 0);
	assert_int_equal(hadal_types_find(gamma, "task_struct", BTF_KIND_STRUCT),
			 hadal_types_find(base, "task_struct", BTF_KIND_STRUCT));
	assert_int_equal(hadal_types_field(gamma, "widget", "task", &field), 0);
	assert_int_equal(field.offset, 8);
	hadal_module_types_free(&types);
	drop(fixture);
}

/* The number that an expression is, or the failure. */
static int64_t number(struct fixture *fixture, const char *expression)
{
	struct hadal_value value;
	int result = hadal_value_evaluate(fixture->kernel, fixture->symbolizer, expression, &value,
					  &fixture->error);

	return result ? result : (int64_t)value.number;
}

static void expect_failure(struct fixture *fixture, const char *expression, const char *why)
{
	assert_true(number(fixture, expression) < 0);
	if (!strstr(fixture->error.text, why))
		fail_msg("'%s' does not say '%s'", fixture->error.text, why);
}

static void expressions_know_them(void **state)
{
	struct fixture *fixture = make(false);
	struct hadal_value value;
	char text[HADAL_DECLARATION_MAX];

	(void)state;
	assert_int_equal(number(fixture, "sizeof(struct widget)"), 16);
	assert_int_equal(number(fixture, "sizeof(widget_t)"), 16);
	assert_int_equal(number(fixture, "sizeof(struct alpha:gadget) + sizeof(struct list_head)"),
			 32);
	assert_int_equal(number(fixture, "WIDGET + 1"), 43);
	assert_int_equal(number(fixture, "&((widget_t *)16)->task"), 24);
	assert_int_equal(number(fixture, "&((struct beta:gadget *)0)->task->pid"), -EFAULT);
	assert_int_equal(hadal_value_evaluate(fixture->kernel, fixture->symbolizer,
					      "*(struct gamma:widget *)&init_task", &value, NULL),
			 0);
	hadal_value_declare(value.types, &value.type, text);
	assert_string_equal(text, "struct widget");
	expect_failure(fixture, "sizeof(struct gadget)", "alpha and beta both have gadget");
	expect_failure(fixture, "GADGET", "say which, as alpha:GADGET");
	expect_failure(fixture, "sizeof(struct delta:gadget)", "no type 'struct delta:gadget'");
	expect_failure(fixture, "sizeof(struct gamma:gadget)", "no type");
	expect_failure(fixture, "sizeof(struct alpha:gadget) + sizeof(struct widget)",
		       "one module only");
	expect_failure(fixture, "sizeof(struct nothing)", "no type 'struct nothing'");
	drop(fixture);
}

static void a_kernel_that_keeps_none_says_so(void **state)
{
	struct fixture *fixture = make(true);
	struct hadal_module_types types;

	(void)state;
	assert_int_equal(hadal_module_types(fixture->kernel, &types, &fixture->error), -ENOENT);
	assert_non_null(strstr(fixture->error.text, "CONFIG_DEBUG_INFO_BTF_MODULES"));
	expect_failure(fixture, "sizeof(struct widget)", "CONFIG_DEBUG_INFO_BTF_MODULES");
	drop(fixture);
}

static void damage_is_counted(void **state)
{
	struct fixture *fixture = make(false);
	struct hadal_module_types types;
	struct btf_header *header = machine_at(fixture->machine, fixture->blobs[0]);
	struct btf_header *other = machine_at(fixture->machine, fixture->blobs[1]);

	(void)state;
	header->magic = 0;
	other->type_len = UINT32_MAX - 3;
	assert_int_equal(hadal_module_types(fixture->kernel, &types, NULL), 0);
	assert_int_equal(types.count, 1);
	assert_int_equal(types.lost, 2);
	hadal_module_types_free(&types);
	drop(fixture);
}

static struct json_object *member(struct json_object *object, const char *section, const char *name)
{
	struct json_object *found = NULL;

	assert_true(json_object_object_get_ex(object, section, &object));
	json_object_object_get_ex(object, name, &found);
	return found;
}

static struct json_object *profile(struct fixture *fixture, bool modules)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct json_object *isf;

	assert_int_equal(hadal_profile_isf(fixture->kernel, modules, out, NULL), 0);
	fclose(out);
	isf = json_tokener_parse(text);
	assert_non_null(isf);
	free(text);
	return isf;
}

static void profiles_have_them_when_asked(void **state)
{
	struct fixture *fixture = make(false);
	struct json_object *isf = profile(fixture, false);
	uint32_t id = btf__type_cnt(hadal_types_btf(hadal_kernel_types(fixture->kernel, NULL))) + 3;
	char unnamed[64];

	(void)state;
	assert_null(member(isf, "user_types", "widget"));
	json_object_put(isf);
	isf = profile(fixture, true);
	assert_non_null(member(isf, "user_types", "widget"));
	assert_non_null(member(isf, "user_types", "gadget"));
	/* Numbers are the same in all modules. */
	snprintf(unnamed, sizeof(unnamed), "unnamed_gamma_%08x", id);
	assert_non_null(member(isf, "enums", unnamed));
	snprintf(unnamed, sizeof(unnamed), "unnamed_alpha_%08x", id);
	assert_non_null(member(isf, "enums", unnamed));
	json_object_put(isf);
	drop(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_go_on_behind_the_kernels),
		cmocka_unit_test(expressions_know_them),
		cmocka_unit_test(a_kernel_that_keeps_none_says_so),
		cmocka_unit_test(damage_is_counted),
		cmocka_unit_test(profiles_have_them_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
