// SPDX-License-Identifier: MIT
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_CHARACTERS 30
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

void progress_update(struct progress *progress, uint64_t done)
{
	static const char full[BAR_CHARACTERS + 1] = "##############################";
	char done_text[16], total_text[16], rate_text[16];
	double time, rate, left;
	int filled;

	if (!progress->shown || !progress->total)
		return;
	time = now();
	if (time - progress->drawn < DRAW_SECONDS)
		return;
	progress->drawn = time;
	rate = done / (time - progress->start);
	left = rate > 0 ? (progress->total - done) / rate : 0;
	filled = BAR_CHARACTERS * ((double)done / progress->total);
	fprintf(stderr, "\r[%-*.*s] %3.0f%%  %s of %s  %s/s  %.0f:%02.0f left\033[K",
		BAR_CHARACTERS, filled, full, 100.0 * done / progress->total,
		format_bytes(done_text, done), format_bytes(total_text, progress->total),
		format_bytes(rate_text, rate), (double)((uint64_t)left / 60),
		(double)((uint64_t)left % 60));
	fflush(stderr);
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
