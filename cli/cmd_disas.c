// SPDX-License-Identifier: MIT
/* hadal disas */
#include "disas/disas.h"
#include "system/symbolize.h"
#include "parse.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How many are printed when what is asked for is no function. */
#define DEFAULT_COUNT 16
/* No function of a kernel is as long; text that is not code may seem to be. */
#define FUNCTION_MAX (64u << 10)

struct options {
	struct cli_where where;
	const char *address;
	uint64_t count; /* 0: not given */
	int syntax;     /* which of att and intel */
	bool bytes;
};

/* Text to disassemble, and what addresses in it are called. */
struct listing {
	const struct options *options;
	struct cli_target *source;
	struct hadal_symbolizer *symbolizer; /* NULL: addresses have no names */
	struct hadal_disassembler *disassembler;
	uint64_t address, end; /* end: of the function; 0: not known */
	uint64_t at;           /* of the bytes that have been read */
	size_t len;
	uint8_t bytes[HADAL_PAGE_SIZE];
};

/* Where the symbol after an address begins. */
static uint64_t next_symbol(struct hadal_kallsyms *symbols, uint64_t address)
{
	ssize_t index = hadal_kallsyms_nearest(symbols, address);
	struct hadal_symbol symbol;

	if (index < 0)
		return address;
	while (!hadal_kallsyms_get(symbols, index, &symbol) && symbol.address <= address)
		index++;
	return symbol.address;
}

/* The address of the first symbol with a name, 0 without one, and how many there are. */
static uint64_t first_symbol(struct hadal_kallsyms *symbols, const char *name, size_t *count)
{
	struct hadal_symbol symbol;
	uint64_t address = 0;

	*count = 0;
	for (size_t i = 0; !hadal_kallsyms_get(symbols, i, &symbol); i++)
		if (!strcmp(symbol.name, name) && !(*count)++)
			address = symbol.address;
	return address;
}

static int find_symbol(struct listing *listing, const char *text, struct hadal_error *error)
{
	char name[HADAL_SYMBOL_NAME_MAX + 32];
	struct hadal_kernel *kernel = listing->source->kernel.kernel;
	struct hadal_kallsyms *symbols = hadal_kernel_symbols(kernel, error);
	char *plus;
	uint64_t offset = 0;
	size_t count;

	if (!symbols)
		return -ENOENT;
	snprintf(name, sizeof(name), "%s", text);
	plus = strchr(name, '+');
	if (plus && parse_number(plus + 1, &offset))
		return hadal_fail(error, EINVAL, "The offset in '%s' is no number", name);
	if (plus)
		*plus = '\0';
	listing->address = first_symbol(symbols, name, &count);
	if (!count)
		return hadal_fail(error, ENOENT, "This kernel has no symbol %s", name);
	if (count > 1)
		fprintf(stderr,
			"hadal: several symbols are called %s; this is the first, 'hadal symbols "
			"%s' lists them\n",
			name, name);
	if (!plus)
		listing->end = next_symbol(symbols, listing->address);
	if (listing->end - listing->address > FUNCTION_MAX)
		listing->end = listing->address + FUNCTION_MAX;
	listing->address += offset;
	return 0;
}

/* Makes sure that there are bytes for an instruction, as many as can be read. */
static bool fill(struct listing *listing, uint64_t address)
{
	ssize_t got;

	if (address >= listing->at && address - listing->at < listing->len &&
	    listing->len - (address - listing->at) >= HADAL_INSTRUCTION_MAX)
		return true;
	got = cli_target_read(listing->source, address, listing->bytes, sizeof(listing->bytes));
	listing->at = address;
	listing->len = got < 0 ? 0 : got;
	return got > 0;
}

static int next_instruction(struct listing *listing, uint64_t address,
			    struct hadal_instruction *instruction, struct hadal_error *error)
{
	size_t offset;

	if (fill(listing, address)) {
		offset = address - listing->at;
		if (hadal_disassemble(listing->disassembler, address, listing->bytes + offset,
				      listing->len - offset, instruction))
			return 0;
	}
	return hadal_fail(error, EFAULT, "The memory at %#" PRIx64 " cannot be read", address);
}

static bool name_of(const struct listing *listing, uint64_t address, char *text, size_t size)
{
	text[0] = '\0';
	if (!listing->symbolizer || !hadal_symbolize(listing->symbolizer, address, text, size))
		return false;
	cli_make_printable(text);
	return true;
}

static void print_text(const struct listing *listing, const struct hadal_instruction *instruction)
{
	char name[HADAL_SYMBOL_NAME_MAX + 32];

	printf("%#" PRIx64, instruction->address);
	if (name_of(listing, instruction->address, name, sizeof(name)))
		printf(" <%s>", name);
	putchar(':');
	if (listing->options->bytes) {
		printf("  ");
		for (size_t i = 0; i < instruction->len; i++)
			printf("%02x ", instruction->bytes[i]);
		for (size_t i = instruction->len; i < 10; i++)
			printf("   ");
	}
	printf("\t%s", instruction->mnemonic);
	if (instruction->operands[0])
		printf("\t%s", instruction->operands);
	if (instruction->has_target && !instruction->branches)
		printf("\t# %#" PRIx64, instruction->target);
	if (instruction->has_target && name_of(listing, instruction->target, name, sizeof(name)))
		printf(" <%s>", name);
	putchar('\n');
}

static void print_json(const struct listing *listing, const struct hadal_instruction *instruction)
{
	struct json_object *object = json_object_new_object();
	char name[HADAL_SYMBOL_NAME_MAX + 32];

	cli_json_hex(object, "address", instruction->address);
	if (name_of(listing, instruction->address, name, sizeof(name)))
		json_object_object_add(object, "symbol", json_object_new_string(name));
	cli_json_bytes(object, "bytes", instruction->bytes, instruction->len);
	json_object_object_add(object, "mnemonic", json_object_new_string(instruction->mnemonic));
	json_object_object_add(object, "operands", json_object_new_string(instruction->operands));
	if (instruction->has_target)
		cli_json_hex(object, "target", instruction->target);
	if (instruction->has_target && name_of(listing, instruction->target, name, sizeof(name)))
		json_object_object_add(object, "target_symbol", json_object_new_string(name));
	cli_print_json(object);
}

/* A function ends before the padding between it and the next. */
static uint64_t end_of_function(struct listing *listing)
{
	struct hadal_instruction instruction;
	uint64_t at = listing->address, end = at;

	for (; at < listing->end && !next_instruction(listing, at, &instruction, NULL);
	     at += instruction.len)
		if (!instruction.padding)
			end = at + instruction.len;
	return end > listing->address ? end : listing->end;
}

static int print_listing(struct listing *listing, struct hadal_error *error)
{
	bool whole = !listing->options->count && listing->end;
	uint64_t count = listing->options->count ? listing->options->count : DEFAULT_COUNT;
	uint64_t at = listing->address, end = whole ? end_of_function(listing) : 0;
	struct hadal_instruction instruction;
	int result = 0;

	for (uint64_t i = 0; !ferror(stdout) && (whole ? at < end : i < count); i++) {
		result = next_instruction(listing, at, &instruction, error);
		if (result)
			break;
		if (listing->options->where.json)
			print_json(listing, &instruction);
		else
			print_text(listing, &instruction);
		at += instruction.len;
	}
	return result;
}

static int disassemble(struct listing *listing, struct hadal_error *error)
{
	const struct options *options = listing->options;
	struct cli_target *target = listing->source;
	int result;

	if (options->where.space == CLI_SPACE_KERNEL && cli_address_is_symbol(options->address))
		result = find_symbol(listing, options->address, error);
	else
		result = cli_address(target, &options->where, options->address, &listing->address,
				     error);
	if (result)
		return result;
	if (options->where.space == CLI_SPACE_KERNEL) {
		listing->symbolizer = hadal_symbolizer_new(listing->source->kernel.kernel, error);
		if (!listing->symbolizer)
			return -ENOENT;
	}
	listing->disassembler = hadal_disassembler_new(
		options->syntax ? HADAL_SYNTAX_INTEL : HADAL_SYNTAX_ATT, error);
	return listing->disassembler ? print_listing(listing, error) : -ENOMEM;
}

static int run(void *data)
{
	struct options *options = data;
	struct cli_target source;
	struct listing listing = {.options = options, .source = &source};
	struct hadal_error error;
	int result;

	if (options->where.space == CLI_SPACE_DEFAULT)
		options->where.space = CLI_SPACE_KERNEL;
	if (!cli_target_open(&source, &options->where, false))
		return CLI_FAILURE;
	result = disassemble(&listing, &error);
	if (result)
		cli_fail(&error);
	hadal_disassembler_free(listing.disassembler);
	hadal_symbolizer_free(listing.symbolizer);
	cli_target_close(&source);
	return result ? CLI_FAILURE : CLI_OK;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_NUMBER('c', "count", "COUNT", "The same as the argument COUNT", count, 0, 0),
	CLI_OPTION_FLAG('b', "bytes", "Print the bytes of each instruction too", bytes),
	CLI_OPTION_WORD(0, "syntax", "SYNTAX", "att (default, as in gdb and crash) or intel",
			syntax, "att|intel"),
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("ADDRESS", CLI_TEXT, address),
						CLI_ARGUMENT_OPTIONAL("COUNT", CLI_NUMBER, count),
						{0}};

const struct cli_command command_disas = {
	.name = "disas",
	.group = CLI_GROUP_KERNEL,
	.summary = "disassemble the kernel's or a process's text",
	.about = "Disassemble text as it is in memory, with what the kernel has patched in it "
		 "while running.",
	.more = "ADDRESS is a symbol of the kernel, symbol+offset or an address. Prints COUNT "
		"instructions; without it all of a function whose name ADDRESS is, else 16.\n"
		"  hadal disas schedule\n"
		"  hadal disas do_syscall_64+0x20 5\n"
		"  hadal disas --pid 133 0x401000 20\n"
		"\n"
		"With --json, one object a line.",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(where),
	.run = run,
};
