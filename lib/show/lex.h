/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SHOW_LEX_H
#define HADAL_LIB_SHOW_LEX_H

#include <stdint.h>

#define HADAL_TOKEN_NAME_MAX 512

enum hadal_token_kind {
	HADAL_TOKEN_END,
	HADAL_TOKEN_NUMBER,
	HADAL_TOKEN_NAME,
	HADAL_TOKEN_ARROW, /* -> */
	HADAL_TOKEN_SIGN,  /* one character, in sign */
	HADAL_TOKEN_WRONG, /* nothing that an expression is made of, or a number or name too long */
};

struct hadal_token {
	enum hadal_token_kind kind;
	const char *start; /* in the text */
	const char *end;
	uint64_t number;
	char sign;
	char name[HADAL_TOKEN_NAME_MAX];
};

/* The first token of text; the next one begins at its end. */
void hadal_token_read(const char *text, struct hadal_token *token);

#endif
