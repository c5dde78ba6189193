// SPDX-License-Identifier: MIT
/* Files as physical memory: ELF cores, LiME, raw; compressed ones are opened by memory/packed.c. */
#include "memory/image.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/format.h"
#include "memory/lime.h"
#include "memory/packed.h"

/* More ranges of RAM than any file has that a tool wrote: 64 TiB of AVML's, of 16 MiB each. */
#define MAX_SEGMENTS (4u << 20)
/* Ends the name of a file, before the hole that its raw memory lacks. */
#define HOLE ",hole="

/* A range of RAM and where the file has it. */
struct segment {
	struct hadal_range range;
	uint64_t offset;
};

struct image {
	const char *path; /* as it was given, also with a hole */
	int fd;
	uint64_t size;           /* of the file, bytes */
	struct hadal_range hole; /* of raw memory, left out of the file; its end is 0 for none */
	struct segment *segments;
	size_t count, room;
	struct hadal_range *ranges; /* those of the segments, in one where they follow each other */
	size_t range_count;
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
	if (image->count == image->room) {
		size_t room = image->room ? 2 * image->room : 64;

		grown = realloc(image->segments, room * sizeof(*grown));
		if (!grown)
			return no_memory(error);
		image->segments = grown;
		image->room = room;
	}
	image->segments[image->count++] = (struct segment){{pa, pa + size}, offset};
	return 0;
}

/* A process's core has addresses of its own and no physical ones. */
static bool is_of_process(const GElf_Phdr *header)
{
	return !header->p_paddr && header->p_vaddr && !(header->p_vaddr >> 47);
}

static int damaged_elf(const struct image *image, const char *how, struct hadal_error *error)
{
	return hadal_fail(error, EINVAL, "%s is a damaged ELF file: %s", image->path, how);
}

/* Is it the core of a machine, and its table of segments in the file? */
static int check_elf(const struct image *image, Elf *elf, struct hadal_error *error)
{
	GElf_Ehdr header;
	uint64_t table;

	if (!elf)
		return damaged_elf(image, elf_errmsg(-1), error);
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		return damaged_elf(image, "its header makes no sense", error);
	if (header.e_type != ET_CORE)
		return hadal_fail(error, EINVAL,
				  "%s is an ELF file, but a program, a library or an object and no "
				  "core with memory",
				  image->path);
	if (header.e_machine != EM_X86_64)
		return hadal_fail(error, EINVAL, "%s is the core of a machine other than x86-64",
				  image->path);
	table = (uint64_t)header.e_phentsize * header.e_phnum;
	if (header.e_phnum != PN_XNUM &&
	    (header.e_phoff > image->size || table > image->size - header.e_phoff))
		return hadal_fail(error, EINVAL,
				  "%s is cut short: its table of segments ends at byte %#llx, and "
				  "the file at %#llx",
				  image->path, (unsigned long long)(header.e_phoff + table),
				  (unsigned long long)image->size);
	return 0;
}

static int read_elf_segments(struct image *image, Elf *elf, struct hadal_error *error)
{
	size_t count, of_process = 0;
	int result = 0;

	if (elf_getphdrnum(elf, &count))
		return damaged_elf(image, elf_errmsg(-1), error);
	for (size_t i = 0; !result && i < count; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(elf, i, &header))
			return damaged_elf(image, elf_errmsg(-1), error);
		if (header.p_type != PT_LOAD)
			continue;
		of_process += is_of_process(&header);
		result =
			add_segment(image, header.p_paddr, header.p_offset, header.p_filesz, error);
	}
	if (!result && of_process && of_process >= image->count)
		return hadal_fail(error, EINVAL,
				  "%s is the core of a process, and a machine's memory is needed",
				  image->path);
	return result;
}

static int read_elf(struct image *image, struct hadal_error *error)
{
	Elf *elf;
	int result;

	elf_version(EV_CURRENT);
	elf = elf_begin(image->fd, ELF_C_READ, NULL);
	result = check_elf(image, elf, error);
	if (!result)
		result = read_elf_segments(image, elf, error);
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
	for (size_t i = 0; i < kept; i++) {
		const struct hadal_range *range = &image->segments[i].range;

		if (image->range_count && image->ranges[image->range_count - 1].end == range->start)
			image->ranges[image->range_count - 1].end = range->end;
		else
			image->ranges[image->range_count++] = *range;
	}
	return 0;
}

/* Raw memory: the offset is the physical address, but for a hole that the file leaves out. */
static int read_raw(struct image *image, struct hadal_error *error)
{
	const struct hadal_range *hole = &image->hole;
	int result;

	if (!hole->end)
		return add_segment(image, 0, 0, image->size, error);
	if (hole->start >= image->size)
		return hadal_fail(error, EINVAL,
				  "%s ends at byte %#llx, before the hole that was given",
				  image->path, (unsigned long long)image->size);
	result = add_segment(image, 0, 0, hole->start, error);
	return result ? result
		      : add_segment(image, hole->end, hole->start, image->size - hole->start,
				    error);
}

static int own_places(const struct image *image, struct hadal_error *error)
{
	return hadal_fail(error, EINVAL,
			  "%s says itself where its memory is; a hole can be given for raw "
			  "memory only",
			  image->path);
}

static int read_segments(struct image *image, const uint8_t magic[HADAL_FORMAT_BYTES],
			 struct hadal_error *error)
{
	static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	static const uint8_t lime[] = {'E', 'M', 'i', 'L'};
	const struct hadal_format *format;
	bool is_elf, is_lime;

	if (!memcmp(magic, zstd, sizeof(zstd)))
		return hadal_fail_kind(error, EINVAL, HADAL_ERROR_COMPRESSED,
				       "%s is compressed with zstd", image->path);
	format = hadal_format_of(magic);
	if (format)
		return hadal_fail(error, EINVAL,
				  "%s %s; Hadal reads ELF cores, LiME, AVML, kdump and raw memory: "
				  "%s",
				  image->path, format->what, format->remedy);
	is_elf = !memcmp(magic, ELFMAG, SELFMAG);
	is_lime = !memcmp(magic, lime, sizeof(lime));
	if (image->hole.end && (is_elf || is_lime))
		return own_places(image, error);
	return is_elf    ? read_elf(image, error)
	       : is_lime ? read_lime(image, error)
			 : read_raw(image, error);
}

/* Reads "START-END" of a hole: whole pages, in order. */
static int parse_hole(struct image *image, const char *text, struct hadal_error *error)
{
	char *rest;

	errno = 0;
	image->hole.start = strtoull(text, &rest, 0);
	if (*rest == '-')
		image->hole.end = strtoull(rest + 1, &rest, 0);
	if (errno || *rest || image->hole.start >= image->hole.end ||
	    (image->hole.start | image->hole.end) % 4096)
		return hadal_fail(error, EINVAL,
				  "The hole '%s' is not START-END in whole pages, such as "
				  "0xc0000000-0x100000000",
				  text);
	return 0;
}

/* Opens the file, or what its name begins with when it ends in a hole and is no file's. */
static int open_named(struct image *image, struct hadal_error *error)
{
	const char *hole = strstr(image->path, HOLE);
	char *name;
	int result;

	image->fd = open(image->path, O_RDONLY | O_CLOEXEC);
	if (image->fd >= 0 || errno != ENOENT || !hole)
		return 0;
	result = parse_hole(image, hole + strlen(HOLE), error);
	if (result)
		return result;
	name = strndup(image->path, hole - image->path);
	if (!name)
		return no_memory(error);
	image->fd = open(name, O_RDONLY | O_CLOEXEC);
	free(name);
	return 0;
}

static int open_file(struct image *image, struct hadal_error *error)
{
	struct stat st;
	int result = open_named(image, error);

	if (result)
		return result;
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

/* A file with its memory as it is. */
static int open_plain(struct image *image, const uint8_t magic[HADAL_FORMAT_BYTES],
		      struct hadal_memory *memory, struct hadal_error *error)
{
	int result = read_segments(image, magic, error);

	if (!result)
		result = arrange(image, error);
	if (result)
		return result;
	*memory = (struct hadal_memory){
		.read = image_read,
		.close = image_close,
		.ctx = image,
		.ranges = image->ranges,
		.range_count = image->range_count,
		.is_image = true,
	};
	return 0;
}

/* One with compressed memory has its own place for what it needs. */
static int open_by_format(struct image *image, struct hadal_memory *memory, bool *is_packed,
			  struct hadal_error *error)
{
	uint8_t magic[HADAL_FORMAT_BYTES] = {0};
	int result;

	if (pread(image->fd, magic, sizeof(magic), 0) < 0)
		return hadal_fail(error, errno, "Cannot read memory image %s: %s", image->path,
				  strerror(errno));
	result = packed_open(image->fd, image->path, image->size, magic, is_packed, memory, error);
	if (!*is_packed)
		return open_plain(image, magic, memory, error);
	if (result || !image->hole.end)
		return result;
	hadal_memory_close(memory);
	image->fd = -1;
	return own_places(image, error);
}

int hadal_image_open(const char *path, struct hadal_memory *memory, struct hadal_error *error)
{
	struct image *image = calloc(1, sizeof(*image));
	bool is_packed = false;
	int result;

	if (!image)
		return no_memory(error);
	image->fd = -1;
	image->path = path;
	result = open_file(image, error);
	if (!result)
		result = open_by_format(image, memory, &is_packed, error);
	/* The memory has the file, or all of the image. */
	if (!result && is_packed)
		image->fd = -1;
	if (result || is_packed)
		image_free(image);
	return result;
}
