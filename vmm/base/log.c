// SPDX-License-Identifier: MIT
/* The log: lines into a ring that outlives the image's running. */
#include <stdarg.h>
#include <stdbool.h>
#include <hadal/boot.h>
#include "base/log.h"
#include "base/percpu.h"

struct hadal_log_ring log_ring;

/* Not struct lock: the log must work while any lock is held, and after a CPU died with this one. */
static uint32_t busy;

struct line {
	char text[240];
	size_t used;
};

static void put(struct line *line, char c)
{
	if (line->used < sizeof(line->text))
		line->text[line->used++] = c;
}

static void put_string(struct line *line, const char *s)
{
	for (s = s ? s : "(null)"; *s; s++)
		put(line, *s);
}

static void put_number(struct line *line, uint64_t value, unsigned base)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		put(line, digits[--n]);
}

static void put_signed(struct line *line, int64_t value)
{
	if (value < 0)
		put(line, '-');
	put_number(line, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

static void format_line(struct line *line, const char *format, va_list args)
{
	for (; *format; format++) {
		bool wide = false;

		if (*format != '%') {
			put(line, *format);
			continue;
		}
		if (*++format == 'l') {
			wide = true;
			format++;
		}
		switch (*format) {
		case 's':
			put_string(line, va_arg(args, const char *));
			break;
		case 'c':
			put(line, va_arg(args, int));
			break;
		case 'd':
			put_signed(line, wide ? va_arg(args, int64_t) : va_arg(args, int));
			break;
		case 'u':
			put_number(line, wide ? va_arg(args, uint64_t) : va_arg(args, unsigned),
				   10);
			break;
		case 'x':
			put_number(line, wide ? va_arg(args, uint64_t) : va_arg(args, unsigned),
				   16);
			break;
		case '%':
			put(line, '%');
			break;
		default:
			return;
		}
	}
}

/* Waits for another CPU's line, but not for ever: it may have died while writing. */
static void append(const struct line *line)
{
	for (int i = 0; i < 100000 && __atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE); i++)
		__builtin_ia32_pause();
	for (size_t i = 0; i < line->used; i++)
		log_ring.data[(log_ring.head + i) % HADAL_LOG_BYTES] = line->text[i];
	__atomic_store_n(&log_ring.head, log_ring.head + line->used, __ATOMIC_RELEASE);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

void log_line(const char *format, ...)
{
	struct line line = {.used = 0};
	uint32_t cpu = percpu_index();
	va_list args;

	put(&line, '[');
	put_number(&line, __builtin_ia32_rdtsc(), 10);
	put_string(&line, "] cpu");
	put_number(&line, cpu == PERCPU_NONE ? 0 : cpu, 10);
	put_string(&line, ": ");
	va_start(args, format);
	format_line(&line, format, args);
	va_end(args);
	if (line.used == sizeof(line.text))
		line.used--;
	put(&line, '\n');
	append(&line);
}

size_t log_read(uint64_t *position, char *out, size_t bytes)
{
	uint64_t head = __atomic_load_n(&log_ring.head, __ATOMIC_ACQUIRE);
	uint64_t oldest = head > HADAL_LOG_BYTES ? head - HADAL_LOG_BYTES : 0;
	size_t done = 0;

	if (*position < oldest)
		*position = oldest;
	while (done < bytes && *position < head)
		out[done++] = log_ring.data[(*position)++ % HADAL_LOG_BYTES];
	return done;
}
