// SPDX-License-Identifier: MIT
/* Parses conditions over registers and memory into clauses: alternatives of comparisons. */
#include "show/condition.h"

#include <errno.h>
#include <hadal/abi.h>
#include <stdbool.h>
#include <string.h>

#include "show/lex.h"

/* How deep parentheses may be; each is tried in two ways. */
#define DEPTH_MAX 6

struct condition {
	struct hadal_clause clauses[HADAL_MAX_CLAUSES];
	size_t count;
};

struct parser {
	struct hadal_token token; /* the one that comes next */
	struct hadal_error *error;
	unsigned depth;
};

static void next(struct parser *parser)
{
	hadal_token_read(parser->token.end, &parser->token);
}

/* lex.h has no signs of two characters and none of comparisons; the text has. */
static bool take(struct parser *parser, const char *sign)
{
	size_t len = strlen(sign);

	if (strncmp(parser->token.start, sign, len))
		return false;
	hadal_token_read(parser->token.start + len, &parser->token);
	return true;
}

static int wrong(struct parser *parser, const char *expected)
{
	const char *at = parser->token.start;

	if (!*at)
		return hadal_fail(parser->error, EINVAL, "Expected %s at the end of the condition",
				  expected);
	return hadal_fail(parser->error, EINVAL, "Expected %s in the condition, at '%.32s'",
			  expected, at);
}

static int expect(struct parser *parser, const char *sign, const char *expected)
{
	return take(parser, sign) ? 0 : wrong(parser, expected);
}

/* The registers by number, as the processor encodes them. */
static const char *const wide[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
				   "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const narrow[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
				     "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};

static bool find(const char *const *names, const char *name, uint8_t *index)
{
	for (uint8_t i = 0; i < 16; i++)
		if (!strcmp(names[i], name)) {
			*index = i;
			return true;
		}
	return false;
}

static int parse_name(struct parser *parser, struct hadal_clause *clause)
{
	static const struct {
		const char *name;
		uint8_t value, index;
	} others[] = {
		{"rip", HADAL_FILTER_REGISTER, HADAL_REG_RIP},
		{"rflags", HADAL_FILTER_REGISTER, HADAL_REG_RFLAGS},
		{"cpu", HADAL_FILTER_CPU, 0},
		{"cpl", HADAL_FILTER_CPL, 0},
		{"cr3", HADAL_FILTER_CR3, 0},
	};
	const char *name = parser->token.name;

	*clause = (struct hadal_clause){.value = HADAL_FILTER_REGISTER, .mask = UINT64_MAX};
	if (find(narrow, name, &clause->index)) {
		clause->mask = UINT32_MAX;
	} else if (!find(wide, name, &clause->index)) {
		size_t i = 0;

		while (i < sizeof(others) / sizeof(others[0]) && strcmp(others[i].name, name))
			i++;
		if (i == sizeof(others) / sizeof(others[0]))
			return wrong(parser, "a register, cpu, cpl, cr3 or memory such as "
					     "*(u32 *)(rdi + 8)");
		clause->value = others[i].value;
		clause->index = others[i].index;
	}
	next(parser);
	return 0;
}

static int parse_signed(struct parser *parser, uint64_t *number)
{
	bool minus = take(parser, "-");

	if (parser->token.kind != HADAL_TOKEN_NUMBER)
		return wrong(parser, "a number");
	*number = minus ? -parser->token.number : parser->token.number;
	next(parser);
	return 0;
}

static int parse_base(struct parser *parser, struct hadal_clause *clause)
{
	if (parser->token.kind != HADAL_TOKEN_NAME ||
	    !find(wide, parser->token.name, &clause->index))
		return wrong(parser, "a general register of 64 bits");
	next(parser);
	return 0;
}

/* "rdi", "(rdi)" or "(rdi + 8)" */
static int parse_place(struct parser *parser, struct hadal_clause *clause)
{
	uint64_t offset = 0;
	bool minus;
	int result;

	if (!take(parser, "("))
		return parse_base(parser, clause);
	result = parse_base(parser, clause);
	minus = !result && take(parser, "-");
	if (minus || (!result && take(parser, "+")))
		result = parse_signed(parser, &offset);
	clause->offset = minus ? -offset : offset;
	return result ? result : expect(parser, ")", "')' behind a register and an offset");
}

/* What comes behind the star of "*(u32 *)(rdi + 8)". */
static int parse_memory(struct parser *parser, struct hadal_clause *clause)
{
	static const char *const types[] = {"u8", "u16", "u32", "u64"};
	size_t i = 0;
	int result = expect(parser, "(", "a type such as (u32 *)");

	if (result)
		return result;
	while (i < 4 &&
	       (parser->token.kind != HADAL_TOKEN_NAME || strcmp(types[i], parser->token.name)))
		i++;
	if (i == 4)
		return wrong(parser, "u8, u16, u32 or u64");
	next(parser);
	*clause = (struct hadal_clause){
		.value = HADAL_FILTER_MEMORY, .bytes = 1 << i, .mask = UINT64_MAX};
	result = expect(parser, "*", "'*' behind the type");
	if (!result)
		result = expect(parser, ")", "')' behind the type");
	return result ? result : parse_place(parser, clause);
}

static int parse_value(struct parser *parser, struct hadal_clause *clause)
{
	uint64_t mask;
	int result;

	if (parser->depth++ == DEPTH_MAX)
		return hadal_fail(parser->error, EINVAL,
				  "Expected fewer parentheses in the condition");
	if (take(parser, "(")) {
		result = parse_value(parser, clause);
		if (!result)
			result = expect(parser, ")", "')'");
	} else if (take(parser, "*")) {
		result = parse_memory(parser, clause);
	} else {
		result = parser->token.kind == HADAL_TOKEN_NAME
				 ? parse_name(parser, clause)
				 : wrong(parser, "a register or memory");
	}
	while (!result && strncmp(parser->token.start, "&&", 2) && take(parser, "&")) {
		result = parse_signed(parser, &mask);
		clause->mask &= mask;
	}
	parser->depth--;
	return result;
}

static int parse_operator(struct parser *parser, uint8_t *compare)
{
	static const struct {
		const char *sign;
		uint8_t compare;
	} signs[] = {
		{"==", HADAL_FILTER_EQUAL},      {"!=", HADAL_FILTER_NOT_EQUAL},
		{"<=", HADAL_FILTER_LESS_EQUAL}, {">=", HADAL_FILTER_GREATER_EQUAL},
		{"<", HADAL_FILTER_LESS},        {">", HADAL_FILTER_GREATER},
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (take(parser, signs[i].sign)) {
			*compare = signs[i].compare;
			return 0;
		}
	return -ENOENT;
}

static uint64_t all_bits(const struct hadal_clause *clause)
{
	return clause->bytes && clause->bytes < 8 ? (1ull << 8 * clause->bytes) - 1 : UINT64_MAX;
}

static int parse_comparison(struct parser *parser, struct condition *condition)
{
	struct hadal_clause *clause = condition->clauses;
	bool negative;
	int result = parse_value(parser, clause);

	condition->count = 1;
	if (result)
		return result;
	clause->mask &= all_bits(clause);
	if (parse_operator(parser, &clause->compare)) {
		clause->compare = HADAL_FILTER_NOT_EQUAL;
		return 0;
	}
	if (parser->token.kind == HADAL_TOKEN_NAME)
		return hadal_fail(parser->error, EINVAL,
				  "Expected a number to compare with in the condition, at '%.32s'",
				  parser->token.start);
	negative = *parser->token.start == '-';
	result = parse_signed(parser, &clause->operand);
	if (result)
		return result;
	if (negative) /* of the value's size */
		clause->operand &= clause->mask;
	if (clause->operand & ~clause->mask && clause->compare <= HADAL_FILTER_NOT_EQUAL)
		return hadal_fail(
			parser->error, EINVAL,
			"Expected a number in the condition that the value can be, and not %#llx",
			(unsigned long long)clause->operand);
	return 0;
}

static int append(struct parser *parser, struct condition *to, const struct hadal_clause *clauses,
		  size_t count, bool alternative)
{
	if (to->count + count > HADAL_MAX_CLAUSES)
		return hadal_fail(
			parser->error, E2BIG,
			"Expected at most %u comparisons in the condition, written without "
			"parentheses",
			HADAL_MAX_CLAUSES);
	for (size_t i = 0; i < count; i++) {
		to->clauses[to->count] = clauses[i];
		to->clauses[to->count++].alternative = i == 0 && alternative;
	}
	return 0;
}

/* How many clauses, from the first on, are joined by "and". */
static size_t joined(const struct condition *condition, size_t first)
{
	size_t end = first + 1;

	while (end < condition->count && !condition->clauses[end].alternative)
		end++;
	return end - first;
}

/* Each alternative of the one with each of the other. */
static int join(struct parser *parser, struct condition *left, const struct condition *right)
{
	struct condition all = {.count = 0};
	int result = 0;

	for (size_t i = 0; i < left->count; i += joined(left, i))
		for (size_t j = 0; !result && j < right->count; j += joined(right, j)) {
			result = append(parser, &all, &left->clauses[i], joined(left, i),
					all.count != 0);
			if (!result)
				result = append(parser, &all, &right->clauses[j], joined(right, j),
						false);
		}
	*left = all;
	return result;
}

static int parse_alternatives(struct parser *parser, struct condition *condition);

/* A comparison; or, when what a parenthesis holds is none, a condition in it. */
static int parse_term(struct parser *parser, struct condition *condition)
{
	struct parser before = *parser;
	int result = parse_comparison(parser, condition);

	if (!result || *before.token.start != '(')
		return result;
	*parser = before;
	if (parser->depth++ == DEPTH_MAX)
		return hadal_fail(parser->error, EINVAL,
				  "Expected fewer parentheses in the condition");
	take(parser, "(");
	result = parse_alternatives(parser, condition);
	parser->depth = before.depth;
	return result ? result : expect(parser, ")", "')', && or ||");
}

static int parse_joined(struct parser *parser, struct condition *condition)
{
	struct condition right;
	int result = parse_term(parser, condition);

	while (!result && take(parser, "&&")) {
		result = parse_term(parser, &right);
		if (!result)
			result = join(parser, condition, &right);
	}
	return result;
}

static int parse_alternatives(struct parser *parser, struct condition *condition)
{
	struct condition right;
	int result = parse_joined(parser, condition);

	while (!result && take(parser, "||")) {
		result = parse_joined(parser, &right);
		for (size_t i = 0; !result && i < right.count; i += joined(&right, i))
			result = append(parser, condition, &right.clauses[i], joined(&right, i),
					true);
	}
	return result;
}

int hadal_condition_parse(const char *text, struct hadal_clause *clauses, struct hadal_error *error)
{
	struct parser parser = {.error = error};
	struct condition condition;
	int result;

	hadal_token_read(text, &parser.token);
	result = parse_alternatives(&parser, &condition);
	if (!result && parser.token.kind != HADAL_TOKEN_END)
		result = wrong(&parser, "a comparison, && or ||");
	if (result)
		return result;
	memcpy(clauses, condition.clauses, condition.count * sizeof(*clauses));
	return condition.count;
}
