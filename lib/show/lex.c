// SPDX-License-Identifier: MIT
/* Expressions cut into tokens. */
#include "show/lex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_name_part(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Decimal, or hexadecimal with 0x, as C writes them but for octal; suffixes are passed over. */
static void read_number(struct hadal_token *token)
{
	int hex = token->start[0] == '0' && (token->start[1] == 'x' || token->start[1] == 'X');
	char *end;

	errno = 0;
	token->number = strtoull(token->start + (hex ? 2 : 0), &end, hex ? 16 : 10);
	token->kind = errno || end == token->start + (hex ? 2 : 0) ? HADAL_TOKEN_WRONG
								   : HADAL_TOKEN_NUMBER;
	while (*end && strchr("uUlL", *end))
		end++;
	if (is_name_part(*end))
		token->kind = HADAL_TOKEN_WRONG;
	token->end = end;
}

static void read_name(struct hadal_token *token)
{
	size_t len = 0;

	while (is_name_part(token->start[len]))
		len++;
	/* MODULE:NAME is one name. */
	if (token->start[len] == ':' && is_name_part(token->start[len + 1]))
		len++;
	while (is_name_part(token->start[len]))
		len++;
	token->end = token->start + len;
	if (len >= sizeof(token->name)) {
		token->kind = HADAL_TOKEN_WRONG;
		return;
	}
	token->kind = HADAL_TOKEN_NAME;
	memcpy(token->name, token->start, len);
	token->name[len] = '\0';
}

void hadal_token_read(const char *text, struct hadal_token *token)
{
	while (isspace((unsigned char)*text))
		text++;
	token->start = text;
	token->end = text + 1;
	token->sign = *text;
	if (!*text) {
		token->kind = HADAL_TOKEN_END;
		token->end = text;
	} else if (isdigit((unsigned char)*text)) {
		read_number(token);
	} else if (is_name_part(*text)) {
		read_name(token);
	} else if (text[0] == '-' && text[1] == '>') {
		token->kind = HADAL_TOKEN_ARROW;
		token->end = text + 2;
	} else {
		token->kind = strchr("()[].,*&+-", *text) ? HADAL_TOKEN_SIGN : HADAL_TOKEN_WRONG;
	}
}
