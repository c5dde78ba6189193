// SPDX-License-Identifier: MIT
/* Parses a command's line as its description says, by argp. */
#include "command.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hadal/abi.h>

#include "parse.h"
#include "record.h"

/* Keys of options without a letter; those of a command's own come first. */
#define KEY_FIRST   0x100
#define OPTIONS_MAX 40

static const char *set_levels(void *options, const char *text)
{
	struct cli_where *where = options;

	if (strcmp(text, "4") && strcmp(text, "5"))
		return "4 or 5";
	where->flags |= *text == '5' ? HADAL_MEM_LA57 : HADAL_MEM_LA48;
	return NULL;
}

static const char *set_pid(void *options, const char *text)
{
	struct cli_where *where = options;

	if (parse_number(text, &where->pid))
		return "the number of a process";
	where->space = CLI_SPACE_PROCESS;
	return NULL;
}

static const char *set_root(void *options, const char *text)
{
	struct cli_where *where = options;

	if (parse_number(text, &where->root))
		return "a value of CR3, such as 0x1ff48000";
	where->space = CLI_SPACE_ROOT;
	return NULL;
}

static const char *set_mmio(void *options, const char *text)
{
	struct cli_where *where = options;

	(void)text;
	where->flags |= HADAL_MEM_MMIO;
	return NULL;
}

/* Offsets are in struct cli_where; of what set() stores, 0 where it excludes no other option. */
static const struct {
	unsigned takes;
	struct cli_option option;
} common[] = {
	{CLI_TAKES_WHERE,
	 {0,
	  "physical",
	  NULL,
	  "Addresses are physical",
	  CLI_CHOICE,
	  offsetof(struct cli_where, space),
	  {.value = CLI_SPACE_PHYSICAL},
	  false,
	  NULL}},
	{CLI_TAKES_WHERE,
	 {'k',
	  "kernel",
	  NULL,
	  "Addresses are the kernel's",
	  CLI_CHOICE,
	  offsetof(struct cli_where, space),
	  {.value = CLI_SPACE_KERNEL},
	  false,
	  NULL}},
	{CLI_TAKES_WHERE,
	 {'p',
	  "pid",
	  "PID",
	  "Addresses are those of this process",
	  CLI_SET,
	  offsetof(struct cli_where, space),
	  {.set = set_pid},
	  false,
	  NULL}},
	{CLI_TAKES_PID,
	 {'p',
	  "pid",
	  "PID",
	  "Only this process",
	  CLI_SET,
	  offsetof(struct cli_where, space),
	  {.set = set_pid},
	  false,
	  NULL}},
	{CLI_TAKES_WHERE,
	 {0,
	  "root",
	  "CR3",
	  "Addresses are virtual, under the page tables that this CR3 names",
	  CLI_SET,
	  offsetof(struct cli_where, space),
	  {.set = set_root},
	  false,
	  NULL}},
	{CLI_TAKES_WHERE,
	 {0,
	  "levels",
	  "LEVELS",
	  "With --root: levels of its page tables, 4 or 5 (default: as the system's)",
	  CLI_SET,
	  0,
	  {.set = set_levels},
	  false,
	  "4|5"}},
	{CLI_TAKES_MMIO,
	 {0,
	  "mmio",
	  NULL,
	  "Also access physical addresses that are not RAM; devices may react to it",
	  CLI_SET,
	  0,
	  {.set = set_mmio},
	  false,
	  NULL}},
	{CLI_TAKES_IMAGE,
	 {0,
	  "image",
	  "FILE",
	  "Look into FILE, a dump or raw memory, instead of this system",
	  CLI_TEXT,
	  offsetof(struct cli_where, image),
	  {0},
	  false,
	  NULL}},
	{CLI_TAKES_COLUMNS,
	 {0,
	  "columns",
	  "NAME,...",
	  "Print only these columns, named as in JSON; a wrong name lists them all",
	  CLI_TEXT,
	  offsetof(struct cli_where, columns),
	  {0},
	  false,
	  NULL}},
	{CLI_TAKES_JSON,
	 {0,
	  "json",
	  NULL,
	  "Print JSON, one object a line",
	  CLI_FLAG,
	  offsetof(struct cli_where, json),
	  {0},
	  false,
	  NULL}},
};

#define COMMON_COUNT (sizeof(common) / sizeof(common[0]))

const struct cli_option *cli_common_option(const struct cli_command *command, size_t index)
{
	for (size_t i = 0; i < COMMON_COUNT; i++)
		if (command->takes & common[i].takes && !index--)
			return &common[i].option;
	return NULL;
}

struct line {
	const struct cli_command *command;
	uint8_t *options;
	/* All options, and where each one's offset is counted from. */
	const struct cli_option *all[OPTIONS_MAX];
	uint8_t *base[OPTIONS_MAX];
	const struct cli_option *given[OPTIONS_MAX]; /* choices, to tell two of a kind */
	size_t count;
	struct argp_option argp[OPTIONS_MAX + 1];
};

static void add_option(struct line *line, const struct cli_option *option, uint8_t *base, int group)
{
	size_t i = line->count++;

	line->all[i] = option;
	line->base[i] = base;
	line->argp[i] = (struct argp_option){
		.name = option->name,
		.key = option->letter ? option->letter : KEY_FIRST + (int)i,
		.arg = option->argument,
		.flags = option->argument_optional ? OPTION_ARG_OPTIONAL : 0,
		.doc = option->help,
		.group = group,
	};
}

static void add_options(struct line *line)
{
	const struct cli_option *option = line->command->options;
	uint8_t *where = line->options + line->command->where_at;

	for (; option && option->name; option++)
		add_option(line, option, line->options, 0);
	for (size_t i = 0; (option = cli_common_option(line->command, i)); i++)
		add_option(line, option, where, 1);
}

static int find_word(const char *words, const char *text)
{
	size_t len = strlen(text);

	for (int i = 0; words; i++) {
		const char *end = strchr(words, '|');
		size_t size = end ? (size_t)(end - words) : strlen(words);

		if (size == len && !strncmp(words, text, len))
			return i;
		words = end ? end + 1 : NULL;
	}
	return -1;
}

/* "elf|lime|raw" as "elf, lime or raw". */
static const char *spell_words(const char *words)
{
	static char text[256];
	size_t len = 0;

	for (; *words && len < sizeof(text) - 8; words++) {
		if (*words == '|')
			len += sprintf(text + len, "%s", strchr(words + 1, '|') ? ", " : " or ");
		else
			text[len++] = *words;
	}
	text[len] = '\0';
	return text;
}

static const char *number_expected(uint64_t least, uint64_t most)
{
	static char text[96];

	snprintf(text, sizeof(text), "a number from %llu to %llu", (unsigned long long)least,
		 (unsigned long long)most);
	return most ? text : "a number, such as 4096 or 0x1000";
}

/* Returns NULL or what was expected. */
static const char *store_number(enum cli_kind kind, uint64_t least, uint64_t most, void *place,
				const char *text)
{
	uint64_t value;

	if (kind == CLI_LENGTH ? parse_length(text, &value) : parse_number(text, &value))
		return kind == CLI_LENGTH ? "4096, 0x1000 or 64k" : number_expected(least, most);
	if (most && (value < least || value > most))
		return number_expected(least, most);
	memcpy(place, &value, sizeof(value));
	return NULL;
}

static void exclude_other(struct line *line, size_t index, struct argp_state *state)
{
	const struct cli_option *option = line->all[index];

	for (size_t i = 0; i < line->count; i++)
		if (line->given[i] && line->given[i] != option &&
		    line->base[i] + line->all[i]->at == line->base[index] + option->at)
			argp_error(state, "--%s and --%s exclude each other", line->given[i]->name,
				   option->name);
	line->given[index] = option;
}

static void take_option(struct line *line, size_t index, const char *text, struct argp_state *state)
{
	const struct cli_option *option = line->all[index];
	uint8_t *base = line->base[index], *place = base + option->at;
	const char *expected = NULL;
	int word;

	switch (option->kind) {
	case CLI_FLAG:
		*(bool *)place = true;
		break;
	case CLI_CHOICE:
		exclude_other(line, index, state);
		memcpy(place, &option->value, sizeof(option->value));
		break;
	case CLI_NUMBER:
	case CLI_LENGTH:
		expected = store_number(option->kind, option->least, option->most, place, text);
		break;
	case CLI_TEXT:
		memcpy(place, &text, sizeof(text));
		break;
	case CLI_WORD:
		word = find_word(option->words, text);
		if (word < 0)
			expected = spell_words(option->words);
		else
			memcpy(place, &word, sizeof(word));
		break;
	default:
		if (option->at)
			exclude_other(line, index, state);
		expected = option->set(base, text);
	}
	if (expected)
		argp_error(state, "invalid %.*s '%s': expected %s",
			   (int)strcspn(option->argument, ","), option->argument, text ? text : "",
			   expected);
}

/* Returns 0, or ARGP_ERR_UNKNOWN: there are more arguments than the command has. */
static error_t take_argument(struct line *line, char *text, struct argp_state *state)
{
	const struct cli_argument *argument = line->command->arguments;
	const char *expected = NULL;
	uint8_t *place;
	int word;

	for (unsigned i = 0; argument && argument->name && i < state->arg_num; i++)
		argument++;
	if (!argument || !argument->name)
		argp_error(state, "too many arguments: '%s'", text);
	place = line->options + argument->at;
	switch (argument->kind) {
	case CLI_NUMBER:
	case CLI_LENGTH:
		expected = store_number(argument->kind, 0, 0, place, text);
		break;
	case CLI_TEXT:
		memcpy(place, &text, sizeof(text));
		break;
	case CLI_WORD:
		word = find_word(argument->words, text);
		if (word < 0)
			expected = spell_words(argument->words);
		else
			memcpy(place, &word, sizeof(word));
		break;
	case CLI_PID:
		if (((const struct cli_where *)(line->options + line->command->where_at))->space)
			argp_error(state, "%s and --pid exclude each other", argument->name);
		expected = set_pid(line->options + line->command->where_at, text);
		break;
	case CLI_REST:
		*(struct cli_rest *)place = (struct cli_rest){
			.items = state->argv + state->next - 1,
			.count = state->argc - state->next + 1,
		};
		state->next = state->argc;
		break;
	default:
		expected = argument->set(line->options, text);
	}
	if (expected)
		argp_error(state, "invalid %s '%s': expected %s", argument->name, text, expected);
	return 0;
}

static void check_line(struct line *line, struct argp_state *state)
{
	const struct cli_argument *argument = line->command->arguments;
	const struct cli_where *where = (void *)(line->options + line->command->where_at);
	const char *wrong = NULL;

	for (unsigned i = 0; argument && argument->name; i++, argument++)
		if (i >= state->arg_num && !argument->optional)
			argp_error(state, "%s is needed", argument->name);
	if (line->command->takes & CLI_TAKES_WHERE) {
		if (where->flags & (HADAL_MEM_LA48 | HADAL_MEM_LA57) &&
		    where->space != CLI_SPACE_ROOT)
			wrong = "--levels needs --root";
		else if (where->flags & HADAL_MEM_MMIO &&
			 (where->image || where->space > CLI_SPACE_PHYSICAL))
			wrong = "--mmio needs a physical address of this system";
	}
	if (line->command->takes & CLI_TAKES_COLUMNS && where->columns) {
		const char *expected = cli_columns_check(line->command->records, where->columns);

		if (expected)
			argp_error(state, "invalid NAME '%s': expected some of %s", where->columns,
				   expected);
	}
	if (!wrong && line->command->check)
		wrong = line->command->check(line->options);
	if (wrong)
		argp_error(state, "%s", wrong);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct line *line = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		return take_argument(line, text, state);
	case ARGP_KEY_END:
		check_line(line, state);
		return 0;
	default:
		for (size_t i = 0; i < line->count; i++)
			if (line->argp[i].key == key) {
				take_option(line, i, text, state);
				return 0;
			}
		return ARGP_ERR_UNKNOWN;
	}
}

/* "ADDRESS [LENGTH]", as --help shows it. */
static void spell_arguments(const struct cli_command *command, char *text, size_t size)
{
	const struct cli_argument *argument = command->arguments;
	size_t len = 0;

	*text = '\0';
	for (; argument && argument->name && len < size; argument++)
		len += snprintf(text + len, size - len, "%s%s%s%s%s", len ? " " : "",
				argument->optional ? "[" : "", argument->name,
				argument->optional ? "]" : "",
				argument->kind == CLI_REST ? "..." : "");
}

int cli_command_run(const struct cli_command *command, int argc, char **argv)
{
	uint8_t options[command->options_bytes + sizeof(struct cli_where)]
		__attribute__((aligned(16)));
	struct line line = {.command = command, .options = options};
	char arguments[128], about[4096], name[64];
	struct argp argp = {
		.options = line.argp, .parser = parse, .args_doc = arguments, .doc = about};

	memset(options, 0, sizeof(options));
	if (command->defaults)
		command->defaults(options);
	add_options(&line);
	spell_arguments(command, arguments, sizeof(arguments));
	snprintf(about, sizeof(about), "%s\v%s", command->about,
		 command->more ? command->more : "");
	snprintf(name, sizeof(name), "hadal %s", command->name);
	argv[0] = name;
	argp_parse(&argp, argc, argv, command->takes & CLI_TAKES_COMMAND ? ARGP_IN_ORDER : 0, NULL,
		   &line);
	return command->run(options);
}
