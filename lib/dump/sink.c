// SPDX-License-Identifier: MIT
/* Where a dump goes: a file that is there whole or not at all, a pipe, compressed or sparse. */
#include "dump/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#define PAGE_BYTES 4096u
/* zstd's fastest regular level: memory compresses well, and a dump should not take long. */
#define ZSTD_LEVEL 1

struct hadal_sink {
	const char *path;
	int fd;
	bool sparse;
	bool standard_output;
	char *directory; /* where a new file comes to be; NULL: fd is the file itself */
	char *temporary; /* its name until then; NULL: it has none */
	uint64_t offset; /* of a sparse file, in bytes */
	ZSTD_CCtx *zstd;
	uint8_t *compressed;
	size_t compressed_room;
};

static const uint8_t zeros[1 << 16];

static int fail(struct hadal_sink *sink, int code, struct hadal_error *error)
{
	return hadal_fail(error, code, "Cannot write %s: %s",
			  sink->standard_output ? "to standard output" : sink->path,
			  strerror(code));
}

static int write_all(struct hadal_sink *sink, const void *bytes, size_t len,
		     struct hadal_error *error)
{
	const uint8_t *from = bytes;

	while (len) {
		ssize_t done = write(sink->fd, from, len);

		if (done < 0)
			return fail(sink, errno, error);
		from += done;
		len -= done;
		sink->offset += done;
	}
	return 0;
}

/* A name beside the final one, on the same file system. */
static char *temporary_name(const struct hadal_sink *sink)
{
	const char *slash = strrchr(sink->path, '/');
	char *name;

	if (asprintf(&name, "%s/.%s.partial.%ld", sink->directory, slash ? slash + 1 : sink->path,
		     (long)getpid()) < 0)
		return NULL;
	return name;
}

/* Without a name if the file system can: then not even SIGKILL leaves anything. */
static int create(struct hadal_sink *sink)
{
	const char *slash = strrchr(sink->path, '/');

	sink->directory = slash == sink->path ? strdup("/")
			  : slash             ? strndup(sink->path, slash - sink->path)
					      : strdup(".");
	if (!sink->directory)
		return -ENOMEM;
	sink->sparse = true;
	sink->fd = open(sink->directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (sink->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return -errno;
	sink->temporary = temporary_name(sink);
	if (!sink->temporary)
		return -ENOMEM;
	sink->fd = open(sink->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (sink->fd >= 0)
		return 0;
	free(sink->temporary);
	sink->temporary = NULL;
	return -errno;
}

static int open_output(struct hadal_sink *sink)
{
	struct stat file;

	sink->fd = -1;
	if (!strcmp(sink->path, "-")) {
		sink->standard_output = true;
		sink->fd = STDOUT_FILENO;
		return 0;
	}
	if (stat(sink->path, &file) || S_ISREG(file.st_mode))
		return create(sink);
	if (S_ISDIR(file.st_mode))
		return -EISDIR;
	sink->fd = open(sink->path, O_WRONLY | O_CLOEXEC);
	return sink->fd < 0 ? -errno : 0;
}

static int prepare_compression(struct hadal_sink *sink, uint64_t size)
{
	sink->zstd = ZSTD_createCCtx();
	sink->compressed_room = ZSTD_CStreamOutSize();
	sink->compressed = malloc(sink->compressed_room);
	if (!sink->zstd || !sink->compressed)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_checksumFlag, 1);
	/* Refused by a library without threads, which then compresses in this one. */
	ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_nbWorkers, sysconf(_SC_NPROCESSORS_ONLN));
	ZSTD_CCtx_setPledgedSrcSize(sink->zstd, size);
	sink->sparse = false;
	return 0;
}

int hadal_sink_open(const char *path, bool compress, uint64_t size, struct hadal_sink **out,
		    struct hadal_error *error)
{
	struct hadal_sink *sink = calloc(1, sizeof(*sink));
	int code;

	if (!sink)
		return hadal_fail(error, ENOMEM, "Out of memory");
	sink->path = path;
	code = open_output(sink);
	if (!code && sink->standard_output && isatty(sink->fd))
		code = hadal_fail_kind(error, EINVAL, HADAL_ERROR_TERMINAL,
				       "A dump is not for a terminal");
	else if (code)
		fail(sink, -code, error);
	else if (compress && prepare_compression(sink, size))
		code = hadal_fail(error, ENOMEM, "Out of memory");
	if (code) {
		hadal_sink_abandon(sink);
		return code;
	}
	*out = sink;
	return 0;
}

static int compress(struct hadal_sink *sink, const void *bytes, size_t len, ZSTD_EndDirective end,
		    struct hadal_error *error)
{
	ZSTD_inBuffer in = {.src = bytes, .size = len};
	size_t left;

	do {
		ZSTD_outBuffer out = {.dst = sink->compressed, .size = sink->compressed_room};
		int code;

		left = ZSTD_compressStream2(sink->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return hadal_fail(error, EIO, "Cannot compress: %s",
					  ZSTD_getErrorName(left));
		code = write_all(sink, sink->compressed, out.pos, error);
		if (code)
			return code;
	} while (end == ZSTD_e_end ? left : in.pos < in.size);
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* Of the next whole pages, how many bytes are alike in being zero or not? */
static size_t alike(const uint8_t *bytes, size_t len, bool *zero)
{
	size_t done = len < PAGE_BYTES ? len : PAGE_BYTES;

	*zero = is_zero(bytes, done);
	while (done < len) {
		size_t part = len - done < PAGE_BYTES ? len - done : PAGE_BYTES;

		if (is_zero(bytes + done, part) != *zero)
			break;
		done += part;
	}
	return done;
}

static int seek_over(struct hadal_sink *sink, uint64_t len, struct hadal_error *error)
{
	sink->offset += len;
	if (lseek(sink->fd, sink->offset, SEEK_SET) < 0)
		return fail(sink, errno, error);
	return 0;
}

static int write_sparse(struct hadal_sink *sink, const uint8_t *bytes, size_t len,
			struct hadal_error *error)
{
	while (len) {
		bool zero;
		size_t part = alike(bytes, len, &zero);
		int code =
			zero ? seek_over(sink, part, error) : write_all(sink, bytes, part, error);

		if (code)
			return code;
		bytes += part;
		len -= part;
	}
	return 0;
}

int hadal_sink_write(struct hadal_sink *sink, const void *bytes, size_t len,
		     struct hadal_error *error)
{
	if (sink->zstd)
		return compress(sink, bytes, len, ZSTD_e_continue, error);
	if (sink->sparse)
		return write_sparse(sink, bytes, len, error);
	return write_all(sink, bytes, len, error);
}

int hadal_sink_skip(struct hadal_sink *sink, uint64_t len, struct hadal_error *error)
{
	int code = 0;

	if (sink->sparse)
		return seek_over(sink, len, error);
	while (!code && len) {
		size_t part = len < sizeof(zeros) ? len : sizeof(zeros);

		code = hadal_sink_write(sink, zeros, part, error);
		len -= part;
	}
	return code;
}

/* The name is given at once to the whole file, over whatever had it before. */
static int give_name(struct hadal_sink *sink)
{
	char self[32];

	if (fsync(sink->fd))
		return -errno;
	if (!sink->temporary) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", sink->fd);
		sink->temporary = temporary_name(sink);
		if (!sink->temporary)
			return -ENOMEM;
		if (linkat(AT_FDCWD, self, AT_FDCWD, sink->temporary, AT_SYMLINK_FOLLOW)) {
			free(sink->temporary);
			sink->temporary = NULL;
			return -errno;
		}
	}
	if (rename(sink->temporary, sink->path))
		return -errno;
	free(sink->temporary);
	sink->temporary = NULL;
	return 0;
}

int hadal_sink_commit(struct hadal_sink *sink, struct hadal_error *error)
{
	int code = 0;

	if (sink->zstd)
		code = compress(sink, NULL, 0, ZSTD_e_end, error);
	if (!code && sink->sparse && ftruncate(sink->fd, sink->offset))
		code = fail(sink, errno, error);
	if (!code && sink->directory) {
		code = give_name(sink);
		if (code)
			fail(sink, -code, error);
	}
	hadal_sink_abandon(sink);
	return code;
}

void hadal_sink_abandon(struct hadal_sink *sink)
{
	if (!sink)
		return;
	if (sink->temporary)
		unlink(sink->temporary);
	if (sink->fd >= 0 && !sink->standard_output)
		close(sink->fd);
	ZSTD_freeCCtx(sink->zstd);
	free(sink->compressed);
	free(sink->temporary);
	free(sink->directory);
	free(sink);
}
