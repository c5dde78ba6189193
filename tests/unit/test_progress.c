// SPDX-License-Identifier: MIT
/* The bar of a long command, on terminals of several widths. */
// Sources: cli/progress.c
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../cli/progress.h"
#include "unit.h"

/* What a terminal of so many columns gets when half of a GiB is done after a second. */
static char *shown(unsigned short columns)
{
	const struct winsize size = {.ws_row = 24, .ws_col = columns};
	static char text[1024];
	struct progress progress;
	int error_output = dup(STDERR_FILENO), terminal, keyboard;
	size_t len = 0;

	assert_int_equal(openpty(&keyboard, &terminal, NULL, NULL, &size), 0);
	assert_int_equal(dup2(terminal, STDERR_FILENO), STDERR_FILENO);
	progress_begin(&progress, 1 << 30);
	progress_update(&progress, 1 << 20); /* too early to draw */
	progress.start -= 1;
	progress.drawn -= 1;
	progress_update(&progress, 1 << 29);
	dup2(error_output, STDERR_FILENO);
	do { /* it comes in parts */
		ssize_t got = read(keyboard, text + len, sizeof(text) - 1 - len);

		assert_true(got > 0);
		len += got;
		text[len] = 0;
	} while (!strstr(text, "\033[K"));
	close(error_output);
	close(terminal);
	close(keyboard);
	return text;
}

static void the_bar_tells_rate_and_time_left(void **state)
{
	char *text = shown(120);

	(void)state;
	assert_non_null(strstr(text, "\r[###############               ]  50%"));
	assert_non_null(strstr(text, "512.0 MiB of 1.0 GiB  "));
	assert_non_null(strstr(text, "MiB/s  0:01 left") ?: strstr(text, "MiB/s  0:00 left"));
	/* One line, drawn once. */
	assert_ptr_equal(strchr(text, '\r'), text);
	assert_ptr_equal(strrchr(text, '\r'), text);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	(void)state;
	for (unsigned short columns = 1; columns < 120; columns++) {
		char *text = shown(columns), *end = strstr(text, "\033[K");

		assert_non_null(end);
		assert_true(end - (text + 1) < columns);
	}
}

static void other_outputs_get_nothing(void **state)
{
	struct progress progress;
	int error_output = dup(STDERR_FILENO), ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	progress_begin(&progress, 100);
	progress.drawn -= 1;
	progress_update(&progress, 50);
	progress_end(&progress);
	dup2(error_output, STDERR_FILENO);
	close(ends[1]);
	assert_int_equal(read(ends[0], &(char){0}, 1), 0);
	close(ends[0]);
	close(error_output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bar_tells_rate_and_time_left),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(other_outputs_get_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
