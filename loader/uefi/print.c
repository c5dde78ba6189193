// SPDX-License-Identifier: MIT
/* Lines on the firmware's console. */
#include <stdarg.h>

#include "print.h"

#define LINE 200

static struct efi_text_output *console;

void print_init(struct efi_system_table *system)
{
	console = system->out;
}

struct line {
	uint16_t text[LINE];
	size_t used;
};

static void put(struct line *line, char c)
{
	if (line->used < LINE - 3)
		line->text[line->used++] = c;
}

static void put_text(struct line *line, const char *text)
{
	while (*text)
		put(line, *text++);
}

static void put_number(struct line *line, uint64_t value, unsigned int base)
{
	char digits[24];
	size_t count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		put(line, digits[--count]);
}

void say(const char *format, ...)
{
	struct line line = {.used = 0};
	va_list arguments;

	va_start(arguments, format);
	put_text(&line, "hadal: ");
	for (; *format; format++) {
		if (*format != '%') {
			put(&line, *format);
			continue;
		}
		format++;
		if (*format == 's')
			put_text(&line, va_arg(arguments, const char *));
		else
			put_number(&line, va_arg(arguments, uint64_t), *format == 'x' ? 16 : 10);
	}
	va_end(arguments);
	line.text[line.used++] = '\r';
	line.text[line.used++] = '\n';
	line.text[line.used] = 0;
	if (console)
		console->output(console, line.text);
}
