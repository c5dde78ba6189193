// SPDX-License-Identifier: MIT
/* The words of the load options. */
#include "options.h"

static struct word next_word(const struct options *options, uint32_t at)
{
	const uint16_t *text = options->text;
	struct word word;

	while (at < options->count && text[at] == ' ')
		at++;
	word.start = at;
	while (at < options->count && text[at] && text[at] != ' ')
		at++;
	word.length = at - word.start;
	return word;
}

static uint32_t end_of(struct word word)
{
	return word.start + word.length;
}

/* Letters of either case. */
static bool is_text(const uint16_t *at, uint32_t length, const char *text)
{
	for (uint32_t i = 0; i < length; i++)
		if ((at[i] | 0x20) != (text[i] | 0x20))
			return false;
	return true;
}

static bool begins_with(const struct options *options, struct word word, const char *text,
			uint32_t length)
{
	return word.length >= length && is_text(options->text + word.start, length, text);
}

static bool is_word(const struct options *options, struct word word, const char *text)
{
	uint32_t length = 0;

	while (text[length])
		length++;
	return word.length == length && begins_with(options, word, text, length);
}

static uint16_t folded(uint16_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/*
 * The shell puts the program's own name in front, with a path or without; a boot entry does not. To
 * start that would be to start this program again.
 */
static bool is_own_name(const struct options *options, struct word word, const struct name *own)
{
	const uint16_t *at;

	if (!own->length || word.length < own->length)
		return false;
	at = options->text + end_of(word) - own->length;
	for (uint32_t i = 0; i < own->length; i++)
		if (folded(at[i]) != folded(own->text[i]))
			return false;
	return word.length == own->length || at[-1] == '\\' || at[-1] == '/' || at[-1] == ':';
}

static bool read_number(const uint16_t *at, uint32_t length, uint32_t most, uint32_t *value)
{
	uint64_t number = 0;

	for (uint32_t i = 0; i < length; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		number = number * 10 + at[i] - '0';
		if (number > most)
			return false;
	}
	*value = number;
	return length;
}

static void read_own(struct options *options, struct word word)
{
	static const char pool[] = "--pool=";
	uint32_t value = sizeof(pool) - 1;

	if (begins_with(options, word, pool, value) &&
	    read_number(options->text + word.start + value, word.length - value, POOL_MIB_MAX,
			&options->pool_mib))
		return;
	if (is_word(options, word, "--off"))
		options->off = true;
	else if (is_word(options, word, "--allow-stop"))
		options->allow_stop = true;
	else if (!options->unknown.length)
		options->unknown = word;
}

void options_read(const uint16_t *text, uint32_t count, const struct name *own,
		  struct options *options)
{
	struct word word;

	*options = (struct options){.text = text, .count = text ? count : 0};
	word = next_word(options, 0);
	if (is_own_name(options, word, own))
		word = next_word(options, end_of(word));
	while (begins_with(options, word, "--", 2)) {
		read_own(options, word);
		word = next_word(options, end_of(word));
	}
	options->program = word;
}
