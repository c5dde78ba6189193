// SPDX-License-Identifier: MIT
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
	int fd;
	struct hadal_range range;
};

static ssize_t image_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct image *image = ctx;
	ssize_t got;

	if (pa >= image->range.end)
		return -EFAULT;
	got = pread(image->fd, buf, len, pa);
	return got < 0 ? -errno : got;
}

static void image_close(void *ctx)
{
	struct image *image = ctx;

	close(image->fd);
	free(image);
}

int hadal_image_open(const char *path, struct hadal_memory *memory, struct hadal_error *error)
{
	struct image *image;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return hadal_fail(error, errno, "Cannot open memory image %s: %s", path,
				  strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size) {
		close(fd);
		return hadal_fail(error, EINVAL,
				  "%s is not a memory image: a non-empty regular file is needed",
				  path);
	}
	image = malloc(sizeof(*image));
	if (!image) {
		close(fd);
		return hadal_fail(error, ENOMEM, "Out of memory");
	}
	*image = (struct image){.fd = fd, .range = {.end = st.st_size}};
	*memory = (struct hadal_memory){
		.read = image_read,
		.close = image_close,
		.ctx = image,
		.ranges = &image->range,
		.range_count = 1,
	};
	return 0;
}
