// SPDX-License-Identifier: MIT
/* The names of types, as they stand in casts. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "show/expression.h"

/* More stars than anybody needs. */
#define MAX_POINTERS 16

/* The words that integers are made of, in any order. */
enum word { UNSIGNED, SIGNED, LONG, SHORT, INT, CHAR, WORDS };
static const char *const words[WORDS] = {"unsigned", "signed", "long", "short", "int", "char"};

static enum word word_of(const struct hadal_token *token)
{
	enum word word = 0;

	if (token->kind != HADAL_TOKEN_NAME)
		return WORDS;
	while (word < WORDS && strcmp(token->name, words[word]))
		word++;
	return word;
}

static bool is_word(const struct hadal_token *token, const char *word)
{
	return token->kind == HADAL_TOKEN_NAME && !strcmp(token->name, word);
}

static bool is_qualifier(const struct hadal_token *token)
{
	return is_word(token, "const") || is_word(token, "volatile");
}

bool expression_begins_cast(struct expression *expression)
{
	struct hadal_token token, after;

	if (!expression_is(expression, '('))
		return false;
	hadal_token_read(expression->token.end, &token);
	if (is_word(&token, "struct") || is_word(&token, "union") || is_word(&token, "enum") ||
	    is_word(&token, "void") || is_qualifier(&token) || word_of(&token) < WORDS)
		return true;
	if (token.kind != HADAL_TOKEN_NAME)
		return false;
	hadal_token_read(token.end, &after);
	return after.kind == HADAL_TOKEN_SIGN && (after.sign == '*' || after.sign == ')') &&
	       (expression_find_type(expression, token.name, BTF_KIND_TYPEDEF) ||
		expression_find_type(expression, token.name, BTF_KIND_INT));
}

/* Integers have one name each in the blob, however they are written. */
static int parse_integer(struct expression *expression)
{
	unsigned count[WORDS] = {0};
	char name[64];

	for (; word_of(&expression->token) < WORDS; expression_next(expression))
		count[word_of(&expression->token)]++;
	if (count[CHAR])
		snprintf(name, sizeof(name), "%schar",
			 count[UNSIGNED] ? "unsigned "
			 : count[SIGNED] ? "signed "
					 : "");
	else
		snprintf(name, sizeof(name), "%s%s%sint",
			 count[SHORT]      ? "short "
			 : count[LONG] > 1 ? "long long "
			 : count[LONG]     ? "long "
					   : "",
			 count[UNSIGNED] ? "unsigned " : "", "");
	return hadal_types_find(expression->types, name, BTF_KIND_INT);
}

static int parse_composite(struct expression *expression)
{
	const struct hadal_token *token = &expression->token;
	bool is_enum = is_word(token, "enum");
	uint32_t kind = is_word(token, "union") ? BTF_KIND_UNION
			: is_enum               ? BTF_KIND_ENUM
						: BTF_KIND_STRUCT;
	int id;

	expression_next(expression);
	if (token->kind != HADAL_TOKEN_NAME)
		return -ENOENT;
	id = expression_find_type(expression, token->name, kind);
	if (!id && is_enum)
		id = expression_find_type(expression, token->name, BTF_KIND_ENUM64);
	return id ? id : -ENOENT;
}

static int typedef_or_integer(struct expression *expression, const char *name)
{
	int id = expression_find_type(expression, name, BTF_KIND_TYPEDEF);

	if (!id)
		id = expression_find_type(expression, name, BTF_KIND_INT);
	return id ? id : -ENOENT;
}

/* The id of the named type that comes next, 0 for void, or negative. */
static int parse_named(struct expression *expression)
{
	const struct hadal_token *token = &expression->token;
	int id;

	if (word_of(token) < WORDS) {
		id = parse_integer(expression);
		return id ? id : -ENOENT;
	}
	if (token->kind != HADAL_TOKEN_NAME)
		return -ENOENT;
	if (is_word(token, "struct") || is_word(token, "union") || is_word(token, "enum"))
		id = parse_composite(expression);
	else if (is_word(token, "void"))
		id = 0;
	else
		id = typedef_or_integer(expression, token->name);
	if (id >= 0)
		expression_next(expression);
	return id;
}

int expression_type(struct expression *expression, struct hadal_value_type *type)
{
	const char *start = expression->token.start;
	int id;

	while (is_qualifier(&expression->token))
		expression_next(expression);
	id = parse_named(expression);
	if (id < 0)
		return hadal_fail(expression->error, ENOENT, "This kernel has no type '%.*s'%s%s",
				  (int)(expression->token.end - start), start,
				  expression->problem.text[0] ? ". " : "",
				  expression->problem.text);
	*type = (struct hadal_value_type){.id = id};
	for (;;) {
		if (is_qualifier(&expression->token))
			expression_next(expression);
		else if (expression_take(expression, '*'))
			type->pointers++;
		else
			break;
		if (type->pointers > MAX_POINTERS)
			return expression_wrong(expression, "an end of pointers");
	}
	return 0;
}
