// SPDX-License-Identifier: MIT
// Sources: KERNEL lib/show/*.c tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/*
 * Expressions, made of words that mean something, with a machine whose memory and types are changed
 * meanwhile.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "patch.h"
#include "show/walk.h"

static const char *const words[] = {
	"init_task",
	"modules",
	"struct ",
	"task_struct",
	"list_head",
	"module",
	"cred",
	".",
	"->",
	"*",
	"&",
	"(",
	")",
	"[",
	"]",
	"+",
	"-",
	",",
	"tasks",
	"next",
	"comm",
	"mem",
	"pid",
	"uid",
	"1",
	"0",
	"0x20",
	"0xffff888000c02000",
	"unsigned ",
	"long ",
	"char ",
	"int",
	"void ",
	"container_of(",
	"per_cpu(",
	"sizeof(",
	"real_parent",
	" ",
	"linux_banner",
	"cred->uid",
};

static struct machine *machine;
static struct hadal_kernel *kernel;
static struct hadal_symbolizer *symbolizer;

static void make_machine(void)
{
	libbpf_set_print(NULL);
	machine = machine_new(&(struct machine_options){.new_modules = true});
	machine_add_task(machine, 1, "first", 0);
	machine_add_module(machine, "module", 0xffffffffc0000000ull);
	kernel = machine_open(machine);
	symbolizer = hadal_symbolizer_new(kernel, NULL);
	if (!symbolizer)
		abort();
}

static void begin(void *ctx, const char *name, bool array)
{
	(void)ctx;
	(void)name;
	(void)array;
}

static void end(void *ctx, bool array)
{
	(void)ctx;
	(void)array;
}

static void leaf(void *ctx, const char *name, const struct hadal_leaf *told)
{
	(void)ctx;
	(void)name;
	if (told->text_len >= sizeof(told->text))
		abort();
}

/* A byte below 128 stands for a word, another one for a character. */
static void write_expression(const uint8_t *input, size_t len, char *text, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < len && at + 40 < size; i++)
		at += input[i] < 128
			      ? snprintf(text + at, size - at, "%s",
					 words[input[i] % (sizeof(words) / sizeof(words[0]))])
			      : snprintf(text + at, size - at, "%c", input[i] - 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	const struct hadal_value_visitor visitor = {begin, end, leaf, NULL};
	const struct hadal_walk_options options = {.depth = 6, .elements = 20, .fold = true};
	struct hadal_value value;
	struct patches patches;
	char text[2048] = "";
	size_t words_len;

	if (!machine)
		make_machine();
	if (len < 1)
		return 0;
	words_len = input[0] < len ? input[0] : len - 1;
	write_expression(input + 1, words_len, text, sizeof(text));
	patches_apply(&patches, machine->ram + 0xc01000, 0x3000, input + 1 + words_len,
		      len - 1 - words_len);
	hadal_space_flush(hadal_kernel_space(kernel));
	if (!hadal_value_evaluate(kernel, symbolizer, text, &value, NULL))
		hadal_value_walk(kernel, symbolizer, &value, &options, &visitor, NULL);
	patches_undo(&patches);
	return 0;
}
