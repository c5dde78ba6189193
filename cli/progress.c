// SPDX-License-Identifier: MIT
/* How far a long command is, for a terminal. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BAR_CHARACTERS 30
#define USUAL_COLUMNS  80
#define DRAW_SECONDS   0.2

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

const char *format_bytes(char text[16], double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, 16, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return text;
}

void progress_begin(struct progress *progress, uint64_t total)
{
	progress->shown = isatty(STDERR_FILENO);
	progress->there = false;
	progress->total = total;
	progress->start = now();
	progress->drawn = progress->start;
}

static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return USUAL_COLUMNS;
	return size.ws_col;
}

/* One line that never wraps, for then the next could not take its place. */
static void draw(double part, const char *text)
{
	static const char full[BAR_CHARACTERS + 1] = "##############################";
	int room = columns() - 1, bar = room - (int)strlen(text) - (int)strlen("[] ");

	if (bar > BAR_CHARACTERS)
		bar = BAR_CHARACTERS;
	fputc('\r', stderr);
	if (bar > 0)
		fprintf(stderr, "[%-*.*s] ", bar, (int)(bar * part), full);
	fprintf(stderr, "%.*s\033[K", room, text);
	fflush(stderr);
}

void progress_update(struct progress *progress, uint64_t done)
{
	char text[128], done_text[16], total_text[16], rate_text[16];
	double time, rate, left;

	if (!progress->shown || !progress->total)
		return;
	time = now();
	if (time - progress->drawn < DRAW_SECONDS)
		return;
	progress->drawn = time;
	rate = done / (time - progress->start);
	left = rate > 0 ? (progress->total - done) / rate : 0;
	snprintf(text, sizeof(text), "%3.0f%%  %s of %s  %s/s  %.0f:%02.0f left",
		 100.0 * done / progress->total, format_bytes(done_text, done),
		 format_bytes(total_text, progress->total), format_bytes(rate_text, rate),
		 (double)((uint64_t)left / 60), (double)((uint64_t)left % 60));
	draw((double)done / progress->total, text);
	progress->there = true;
}

void progress_hide(struct progress *progress)
{
	if (progress->there)
		fputs("\r\033[K", stderr);
	progress->there = false;
}

double progress_end(struct progress *progress)
{
	progress_hide(progress);
	return now() - progress->start;
}
