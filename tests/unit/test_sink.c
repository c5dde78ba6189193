// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/dump/sink.c
// Libraries: -lzstd
/* Where dumps go: files whole or not at all, sparse, compressed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "dump/sink.h"
#include "unit.h"

static char folder[] = "/tmp/hadal-dump-XXXXXX";

static char *path_of(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int files_in_folder(void)
{
	char command[64], count[16] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", folder);
	pipe = popen(command, "r");
	assert_non_null(fgets(count, sizeof(count), pipe));
	pclose(pipe);
	return atoi(count);
}

static void a_file_has_its_name_when_it_is_whole(void **state)
{
	uint8_t page[4096] = {1}, got[4096];
	struct hadal_sink *sink;
	struct stat file;
	int fd;

	(void)state;
	assert_int_equal(hadal_sink_open(path_of("a"), false, 3 << 20, &sink, NULL), 0);
	assert_int_equal(hadal_sink_write(sink, page, sizeof(page), NULL), 0);
	assert_int_equal(hadal_sink_skip(sink, 1 << 20, NULL), 0);
	assert_int_equal(access(path_of("a"), F_OK), -1);
	hadal_sink_abandon(sink);
	assert_int_equal(files_in_folder(), 0);

	assert_int_equal(hadal_sink_open(path_of("a"), false, 3 << 20, &sink, NULL), 0);
	assert_int_equal(hadal_sink_skip(sink, 1 << 20, NULL), 0);
	assert_int_equal(hadal_sink_write(sink, page, sizeof(page), NULL), 0);
	memset(page, 0, sizeof(page));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(hadal_sink_write(sink, page, sizeof(page), NULL), 0);
	assert_int_equal(hadal_sink_commit(sink, NULL), 0);
	assert_int_equal(files_in_folder(), 1);
	fd = open(path_of("a"), O_RDONLY);
	assert_int_equal(fstat(fd, &file), 0);
	assert_int_equal(file.st_size, (1 << 20) + 1001 * 4096);
	assert_true(file.st_blocks * 512 < 1 << 20);
	assert_int_equal(pread(fd, got, sizeof(got), 1 << 20), sizeof(got));
	assert_int_equal(got[0], 1);
	close(fd);
	unlink(path_of("a"));
}

static void only_pages_of_zeros_are_holes(void **state)
{
	uint8_t page[4096] = {0}, got[4096];
	struct hadal_sink *sink;
	int fd;

	(void)state;
	assert_int_equal(hadal_sink_open(path_of("a"), false, sizeof(page), &sink, NULL), 0);
	for (size_t i = 0; i < sizeof(page); i += 819) {
		page[i] = 1;
		assert_int_equal(hadal_sink_write(sink, page, sizeof(page), NULL), 0);
		page[i] = 0;
	}
	assert_int_equal(hadal_sink_commit(sink, NULL), 0);
	fd = open(path_of("a"), O_RDONLY);
	for (size_t i = 0; i < sizeof(page); i += 819) {
		page[i] = 1;
		assert_int_equal(read(fd, got, sizeof(got)), sizeof(got));
		assert_memory_equal(got, page, sizeof(page));
		page[i] = 0;
	}
	close(fd);
	unlink(path_of("a"));
}

/* The name is taken meanwhile by what cannot be replaced. */
static void a_file_that_cannot_have_its_name_goes(void **state)
{
	struct hadal_error error = {0};
	struct hadal_sink *sink;

	(void)state;
	assert_int_equal(hadal_sink_open(path_of("a"), false, 4096, &sink, NULL), 0);
	assert_int_equal(mkdir(path_of("a"), 0700), 0);
	assert_int_equal(hadal_sink_commit(sink, &error), -EISDIR);
	assert_non_null(strstr(error.text, "Is a directory"));
	assert_int_equal(rmdir(path_of("a")), 0);
	assert_int_equal(files_in_folder(), 0);
}

static void compressed_data_comes_back(void **state)
{
	size_t size = 3 << 20;
	uint8_t *from = malloc(size), *back = malloc(size), *file = malloc(size);
	struct hadal_sink *sink;
	size_t len;
	int fd;

	(void)state;
	for (size_t i = 0; i < size; i++)
		from[i] = i < size / 2 ? i * i >> 5 : 0;
	assert_int_equal(hadal_sink_open(path_of("z"), true, size, &sink, NULL), 0);
	assert_int_equal(hadal_sink_write(sink, from, size / 2, NULL), 0);
	assert_int_equal(hadal_sink_skip(sink, size / 2, NULL), 0);
	assert_int_equal(hadal_sink_commit(sink, NULL), 0);
	fd = open(path_of("z"), O_RDONLY);
	len = read(fd, file, size);
	close(fd);
	assert_int_equal(ZSTD_getFrameContentSize(file, len), size);
	assert_int_equal(ZSTD_decompress(back, size, file, len), size);
	assert_memory_equal(from, back, size);
	unlink(path_of("z"));
	free(from);
	free(back);
	free(file);
}

static void what_cannot_be_written_is_told(void **state)
{
	struct hadal_error error = {0};
	struct hadal_sink *sink;
	uint8_t page[4096] = {0};

	(void)state;
	assert_int_equal(hadal_sink_open("/nowhere/x", false, 1, &sink, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nowhere/x"));
	assert_int_equal(hadal_sink_open(folder, false, 1, &sink, &error), -EISDIR);
	assert_int_equal(hadal_sink_open("/dev/full", false, 4096, &sink, &error), 0);
	assert_int_equal(hadal_sink_write(sink, page, sizeof(page), &error), -ENOSPC);
	assert_non_null(strstr(error.text, "No space"));
	hadal_sink_abandon(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_has_its_name_when_it_is_whole),
		cmocka_unit_test(only_pages_of_zeros_are_holes),
		cmocka_unit_test(a_file_that_cannot_have_its_name_goes),
		cmocka_unit_test(compressed_data_comes_back),
		cmocka_unit_test(what_cannot_be_written_is_told),
	};
	int result;

	if (!mkdtemp(folder))
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return result;
}
