// SPDX-License-Identifier: MIT
/* hadal disas */
#include "disas/disas.h"
#include "system/symbolize.h"
#include "parse.h"
#include "record.h"
#include "target.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How many are printed when what is asked for is no function. */
#define DEFAULT_COUNT 16
/* No function of a kernel is as long; text that is not code may seem to be. */
#define FUNCTION_MAX (64u << 10)
/* Bytes of an instruction, at most. */
#define INSTRUCTION_MAX 15

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
	bool cut;              /* the function goes on behind the end */
	uint64_t at;           /* of the bytes that have been read */
	size_t len;
	uint8_t bytes[HADAL_PAGE_SIZE];
	struct cli_printer printer;
};

static int find_symbol(struct listing *listing, const char *text, struct hadal_error *error)
{
	char name[HADAL_SYMBOL_NAME_MAX + HADAL_MODULE_NAME_MAX + 32];
	struct hadal_symbol_place place;
	char *plus;
	uint64_t offset = 0;
	size_t count;

	snprintf(name, sizeof(name), "%s", text);
	plus = strchr(name, '+');
	if (plus && parse_number(plus + 1, &offset))
		return hadal_fail(error, EINVAL,
				  "invalid ADDRESS '%s': expected a number behind the +", name);
	if (plus)
		*plus = '\0';
	if (!hadal_symbol_find(listing->symbolizer, name, &place, &count))
		return hadal_fail(error, ENOENT, "This kernel has no symbol %s", name);
	if (count > 1)
		fprintf(stderr,
			"hadal: Several symbols are called %s; this is the first, 'hadal symbols "
			"%s' lists them\n",
			name, name);
	listing->address = place.symbol.address;
	if (!plus)
		listing->end = hadal_symbol_end(listing->symbolizer, &place);
	listing->cut = listing->end && listing->end - listing->address > FUNCTION_MAX;
	if (listing->cut)
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

#define PLACE_MAX (HADAL_SYMBOL_NAME_MAX + 32)

/* An instruction, and what its addresses are called. */
struct row {
	uint64_t address;
	struct cli_bytes bytes;
	const uint64_t *target;             /* NULL: it has none */
	const char *symbol, *target_symbol; /* NULL: none is known */
	const char *mnemonic, *operands;
	bool branches;
};

static const char *name_of(const struct listing *listing, uint64_t address, char text[PLACE_MAX])
{
	if (!listing->symbolizer || !hadal_symbolize(listing->symbolizer, address, text, PLACE_MAX))
		return NULL;
	return text;
}

static void print_name(const char *name)
{
	char text[4 * PLACE_MAX];

	if (name)
		printf(" <%s>", text_for_terminal(name, strlen(name), text, sizeof(text)));
}

static void print_line(const void *record, void *ctx)
{
	const struct row *row = record;
	const struct listing *listing = ctx;

	printf("%#" PRIx64, row->address);
	print_name(row->symbol);
	putchar(':');
	if (listing->options->bytes) {
		printf("  ");
		for (size_t i = 0; i < row->bytes.len; i++)
			printf("%02x ", row->bytes.bytes[i]);
		for (size_t i = row->bytes.len; i < 10; i++)
			printf("   ");
	}
	printf("\t%s", row->mnemonic);
	if (row->operands[0])
		printf("\t%s", row->operands);
	if (row->target && !row->branches)
		printf("\t# %#" PRIx64, *row->target);
	print_name(row->target_symbol);
	putchar('\n');
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"address", "ADDRESS", 18, CLI_COLUMN_HEX, AT(address), "of the instruction"},
	{"symbol", "SYMBOL", -32, CLI_COLUMN_STRING, AT(symbol), "the symbol that it is in"},
	{"bytes", NULL, -30, CLI_COLUMN_BYTES, AT(bytes), "its bytes"},
	{"mnemonic", "MNEMONIC", -8, CLI_COLUMN_STRING, AT(mnemonic), "what it does"},
	{"operands", "OPERANDS", -32, CLI_COLUMN_STRING, AT(operands), "empty for none"},
	{"target", "TARGET", 18, CLI_COLUMN_HEX_MAYBE, AT(target),
	 "the address that it branches to or accesses, where the instruction itself has it"},
	{"target_symbol", "TARGET SYMBOL", 0, CLI_COLUMN_STRING, AT(target_symbol),
	 "the symbol that this is in"},
	{0},
};

static const struct cli_record_kind kind = {
	.name = "instruction", .columns = columns, .print = print_line};

static void print_instruction(struct listing *listing, const struct hadal_instruction *instruction)
{
	char symbol[PLACE_MAX], target[PLACE_MAX];
	struct row row = {
		.address = instruction->address,
		.bytes = {instruction->bytes, instruction->len},
		.symbol = name_of(listing, instruction->address, symbol),
		.mnemonic = instruction->mnemonic,
		.operands = instruction->operands,
		.branches = instruction->branches,
	};

	if (instruction->has_target) {
		row.target = &instruction->target;
		row.target_symbol = name_of(listing, instruction->target, target);
	}
	cli_printer_print(&listing->printer, &row);
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
		print_instruction(listing, &instruction);
		at += instruction.len;
	}
	/* Not so where all that was cut off is padding. */
	if (!result && whole && listing->cut && end + INSTRUCTION_MAX > listing->end)
		result = hadal_fail(error, E2BIG,
				    "What follows %s is longer than %u KiB; this is its beginning, "
				    "and with COUNT there is more",
				    listing->options->address, FUNCTION_MAX / 1024);
	return result;
}

static int print_with(struct listing *listing, struct hadal_error *error)
{
	const struct options *options = listing->options;

	listing->disassembler = hadal_disassembler_new(
		options->syntax ? HADAL_SYNTAX_INTEL : HADAL_SYNTAX_ATT, error);
	if (!listing->disassembler)
		return -ENOMEM;
	cli_printer_begin(&listing->printer, &kind, &options->where, NULL, listing);
	return print_listing(listing, error);
}

static int disassemble(struct cli_target *target, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct listing listing = {.options = options, .source = target};
	int result;

	if (options->where.space == CLI_SPACE_KERNEL) {
		listing.symbolizer = hadal_symbolizer_new(target->kernel.kernel, error);
		if (!listing.symbolizer)
			return -ENOENT;
	}
	if (listing.symbolizer && cli_address_is_symbol(options->address))
		result = find_symbol(&listing, options->address, error);
	else
		result = cli_address(target, &options->where, options->address, &listing.address,
				     error);
	if (!result)
		result = print_with(&listing, error);
	if (!result && listing.symbolizer && hadal_symbolizer_lost(listing.symbolizer))
		result = hadal_fail(error, EFAULT,
				    "Not all modules or their symbols could be read, so that some "
				    "addresses may lack their names");
	hadal_disassembler_free(listing.disassembler);
	hadal_symbolizer_free(listing.symbolizer);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	if (options->where.space == CLI_SPACE_DEFAULT)
		options->where.space = CLI_SPACE_KERNEL;
	return cli_target_run(&options->where, false, disassemble, options);
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
	.more = "ADDRESS is a symbol of the kernel or of a module, MODULE:SYMBOL, symbol+offset, "
		"or "
		"a number. Prints COUNT instructions; without COUNT all of the function that "
		"ADDRESS names, else 16.\n"
		"  hadal disas schedule\n"
		"  hadal disas do_syscall_64+0x20 5\n"
		"  hadal disas --pid 133 0x401000 20",
	.options = options_table,
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_LIST | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(where),
	.run = run,
};
