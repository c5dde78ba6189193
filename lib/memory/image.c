// SPDX-License-Identifier: MIT
/* Files as physical memory: ELF cores, LiME, raw. */
#include "memory/image.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/lime.h"

/* More ranges of RAM than any file has that a tool wrote. */
#define MAX_SEGMENTS 65536u

/* A range of RAM and where the file has it. */
struct segment {
	struct hadal_range range;
	uint64_t offset;
};

struct image {
	const char *path;
	int fd;
	uint64_t size; /* of the file, bytes */
	struct segment *segments;
	struct hadal_range *ranges; /* those of the segments */
	size_t count;
};

static const struct segment *segment_of(const struct image *image, uint64_t pa)
{
	size_t low = 0, high = image->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pa >= image->segments[middle].range.end)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == image->count || pa < image->segments[low].range.start)
		return NULL;
	return &image->segments[low];
}

static ssize_t image_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct image *image = ctx;
	const struct segment *segment = segment_of(image, pa);
	ssize_t got;

	if (!segment)
		return -EFAULT;
	if (len > segment->range.end - pa)
		len = segment->range.end - pa;
	got = pread(image->fd, buf, len, segment->offset + (pa - segment->range.start));
	return got < 0 ? -errno : got ? got : -EFAULT;
}

static void image_free(struct image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	free(image->segments);
	free(image->ranges);
	free(image);
}

static void image_close(void *ctx)
{
	image_free(ctx);
}

static int no_memory(struct hadal_error *error)
{
	return hadal_fail(error, ENOMEM, "Out of memory");
}

/* Adds size bytes of RAM at pa that the file has at offset. */
static int add_segment(struct image *image, uint64_t pa, uint64_t offset, uint64_t size,
		       struct hadal_error *error)
{
	struct segment *grown;

	if (!size)
		return 0;
	if (offset > image->size || size > image->size - offset)
		return hadal_fail(error, EINVAL,
				  "%s is cut short: it should have memory up to byte %#llx, and "
				  "ends at %#llx",
				  image->path, (unsigned long long)(offset + size),
				  (unsigned long long)image->size);
	if (pa + size < pa || image->count == MAX_SEGMENTS)
		return hadal_fail(error, EINVAL, "%s is damaged: it describes no sound memory",
				  image->path);
	grown = realloc(image->segments, (image->count + 1) * sizeof(*grown));
	if (!grown)
		return no_memory(error);
	image->segments = grown;
	grown[image->count++] = (struct segment){{pa, pa + size}, offset};
	return 0;
}

static int read_elf(struct image *image, struct hadal_error *error)
{
	Elf *elf;
	size_t count = 0;
	int result = 0;

	elf_version(EV_CURRENT);
	elf = elf_begin(image->fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &count))
		result = hadal_fail(error, EINVAL, "%s is a damaged ELF file: %s", image->path,
				    elf_errmsg(-1));
	for (size_t i = 0; !result && i < count; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(elf, i, &header))
			result = hadal_fail(error, EINVAL, "%s is a damaged ELF file: %s",
					    image->path, elf_errmsg(-1));
		else if (header.p_type == PT_LOAD)
			result = add_segment(image, header.p_paddr, header.p_offset,
					     header.p_filesz, error);
	}
	elf_end(elf);
	return result;
}

static int read_lime(struct image *image, struct hadal_error *error)
{
	struct lime_header header;
	uint64_t offset = 0;
	int result = 0;

	while (!result && offset < image->size) {
		if (pread(image->fd, &header, sizeof(header), offset) != sizeof(header) ||
		    header.magic != LIME_MAGIC || header.version != LIME_VERSION ||
		    header.last < header.first || header.last - header.first == UINT64_MAX)
			return hadal_fail(error, EINVAL,
					  "%s is damaged: no LiME header is at byte %#llx",
					  image->path, (unsigned long long)offset);
		offset += sizeof(header);
		result = add_segment(image, header.first, offset, header.last - header.first + 1,
				     error);
		offset += header.last - header.first + 1;
	}
	return result;
}

static int compare_segments(const void *left, const void *right)
{
	const struct segment *a = left, *b = right;

	if (a->range.start != b->range.start)
		return a->range.start < b->range.start ? -1 : 1;
	return a->range.end > b->range.end ? -1 : a->range.end < b->range.end;
}

/*
 * Puts the segments in order and cuts what an earlier one has already: cores have the kernel's
 * image a second time, for its second virtual address.
 */
static int arrange(struct image *image, struct hadal_error *error)
{
	uint64_t end = 0;
	size_t kept = 0;

	if (!image->count)
		return hadal_fail(error, EINVAL, "%s has no memory in it", image->path);
	qsort(image->segments, image->count, sizeof(*image->segments), compare_segments);
	for (size_t i = 0; i < image->count; i++) {
		struct segment segment = image->segments[i];

		if (segment.range.end <= end)
			continue;
		if (segment.range.start < end) {
			segment.offset += end - segment.range.start;
			segment.range.start = end;
		}
		end = segment.range.end;
		image->segments[kept++] = segment;
	}
	image->count = kept;
	image->ranges = calloc(kept, sizeof(*image->ranges));
	if (!image->ranges)
		return no_memory(error);
	for (size_t i = 0; i < kept; i++)
		image->ranges[i] = image->segments[i].range;
	return 0;
}

static int read_segments(struct image *image, struct hadal_error *error)
{
	static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	static const uint8_t lime[] = {'E', 'M', 'i', 'L'};
	uint8_t magic[8] = {0};

	if (pread(image->fd, magic, sizeof(magic), 0) < 0)
		return hadal_fail(error, errno, "Cannot read memory image %s: %s", image->path,
				  strerror(errno));
	if (!memcmp(magic, zstd, sizeof(zstd)))
		return hadal_fail_kind(error, EINVAL, HADAL_ERROR_COMPRESSED,
				       "%s is compressed with zstd", image->path);
	if (!memcmp(magic, "KDUMP   ", 8))
		return hadal_fail(error, EINVAL,
				  "%s is compressed by kdump; Hadal reads ELF cores, LiME and raw "
				  "memory",
				  image->path);
	if (!memcmp(magic, ELFMAG, SELFMAG))
		return read_elf(image, error);
	if (!memcmp(magic, lime, sizeof(lime)))
		return read_lime(image, error);
	return add_segment(image, 0, 0, image->size, error);
}

static int open_file(struct image *image, struct hadal_error *error)
{
	struct stat st;

	image->fd = open(image->path, O_RDONLY | O_CLOEXEC);
	if (image->fd < 0)
		return hadal_fail(error, errno, "Cannot open memory image %s: %s", image->path,
				  strerror(errno));
	if (fstat(image->fd, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return hadal_fail(error, EINVAL,
				  "%s is not a memory image: a non-empty regular file is needed",
				  image->path);
	image->size = st.st_size;
	return 0;
}

int hadal_image_open(const char *path, struct hadal_memory *memory, struct hadal_error *error)
{
	struct image *image = calloc(1, sizeof(*image));
	int result;

	if (!image)
		return no_memory(error);
	image->path = path;
	result = open_file(image, error);
	if (!result)
		result = read_segments(image, error);
	if (!result)
		result = arrange(image, error);
	if (result) {
		image_free(image);
		return result;
	}
	*memory = (struct hadal_memory){
		.read = image_read,
		.close = image_close,
		.ctx = image,
		.ranges = image->ranges,
		.range_count = image->count,
	};
	return 0;
}
