// SPDX-License-Identifier: MIT
/*
 * test_ram COMMAND [ARGUMENT...]: runs a command, after which RAM that it has nothing to do with
 * must be as before:
 * - what this program holds, half of the RAM that was free; each page has its number,
 * - all files of the root file system, which is in RAM, but those below /tmp and /var,
 * - the kernel's code, but for a few words of a page, and its read-only data, by the window.
 *
 * And at the end all RAM must show itself: what the kernel reads at an address (/proc/kcore) is
 * what is there as seen from below (the memory window). Not compared, for it changes by itself: the
 * kernel's data, page tables and stacks, free memory, and that of other programs.
 */
#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/open.h"
#include "device/window.h"

#define PAGE              4096ull
#define IMAGE_MAPPING     0xffffffff80000000ull
#define PIECE             (64 * PAGE)
#define FILES_MAX         4096
#define RANGES_MAX        2
#define TRIES             20
#define SEGMENTS          64
#define WORDS_OF_READING  128
#define WORDS_OF_BRANCHES 32
#define MIB(bytes)        ((unsigned long long)(bytes) >> 20)

static const struct hadal_window *window;
static struct hadal_ram ranges;

static uint64_t sum_of(const void *bytes, uint64_t count)
{
	const uint64_t *words = bytes;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count / 8; i++)
		sum = sum * 0x9e3779b97f4a7c15ull + words[i];
	for (uint64_t i = count & ~7ull; i < count; i++)
		sum = sum * 31 + ((const uint8_t *)bytes)[i];
	return sum;
}

/* Each page held has the same content, but for its number in the first word. */
static uint8_t *held;
static uint64_t held_bytes, held_content[PAGE / 8];

static bool is_held(const void *page)
{
	return !memcmp((const uint64_t *)page + 1, held_content + 1, PAGE - 8);
}

static void hold(void)
{
	held_bytes = sysconf(_SC_AVPHYS_PAGES) * PAGE / 2 & -PAGE;
	held = mmap(NULL, held_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(held != MAP_FAILED);
	for (unsigned int i = 0; i < PAGE / 8; i++)
		held_content[i] = (i + 1) * 0x9e3779b97f4a7c15ull;
	for (uint64_t i = 0; i < held_bytes / PAGE; i++) {
		held_content[0] = i;
		memcpy(held + i * PAGE, held_content, PAGE);
	}
}

static void check_held(void)
{
	for (uint64_t i = 0; i < held_bytes / PAGE; i++) {
		EQUAL(*(uint64_t *)(held + i * PAGE), i);
		CHECK(is_held(held + i * PAGE));
	}
}

static uint64_t file_sums[FILES_MAX], file_bytes;
static int files, files_before;

static int visit_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
	uint64_t sum;
	void *bytes;
	int fd;

	(void)place;
	if (type != FTW_F || !S_ISREG(status->st_mode) || !status->st_size ||
	    !strncmp(path, "/tmp/", 5) || !strncmp(path, "/var/", 5))
		return 0;
	fd = open(path, O_RDONLY);
	bytes = mmap(NULL, status->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(bytes != MAP_FAILED && files < FILES_MAX);
	sum = sum_of(bytes, status->st_size);
	munmap(bytes, status->st_size);
	close(fd);
	if (files_before && file_sums[files] != sum)
		printf("%s has changed\n", path);
	CHECK(!files_before || file_sums[files] == sum);
	file_sums[files++] = sum;
	file_bytes += status->st_size;
	return 0;
}

static void visit_files(void)
{
	files_before = files;
	files = 0;
	file_bytes = 0;
	CHECK(!nftw("/", visit_file, 16, FTW_MOUNT | FTW_PHYS));
	CHECK(files && (!files_before || files == files_before));
}

static const void *at(uint64_t pa, uint64_t bytes)
{
	uint64_t length;
	const void *there = hadal_window_at(window, pa, &length);

	CHECK(there && length >= bytes);
	return there;
}

static unsigned int words_that_differ(const uint64_t *one, const uint64_t *other)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PAGE / 8; i++)
		count += one[i] != other[i];
	return count;
}

/* A part of the kernel that nobody writes, but for branches in its code that the kernel turns. */
struct constant {
	struct hadal_range range;
	uint64_t *copy;
	unsigned int words; /* of each page, that may differ */
};
static struct constant constants[RANGES_MAX];
static int constant_count;
static uint64_t constant_bytes;

static void constant_add(uint64_t start, uint64_t end, unsigned int words)
{
	struct constant *constant = &constants[constant_count++];

	CHECK(constant_count <= RANGES_MAX && end > start);
	constant->range = (struct hadal_range){start, end};
	constant->words = words;
	constant->copy = malloc(end - start);
	memcpy(constant->copy, at(start, end - start), end - start);
	constant_bytes += end - start;
}

static void find_constants(void)
{
	FILE *file = fopen("/proc/iomem", "r");
	unsigned long start, end;
	char line[128];

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		if (strstr(line, "Kernel code"))
			constant_add(start & -PAGE, end & -PAGE, WORDS_OF_BRANCHES);
		else if (strstr(line, "Kernel rodata"))
			constant_add(start & -PAGE, end & -PAGE, 0);
	}
	fclose(file);
	CHECK(constant_count == 2);
}

static void check_constant(const struct constant *constant)
{
	const struct hadal_range *range = &constant->range;
	const uint64_t *copy = constant->copy;

	for (uint64_t pa = range->start; pa < range->end; pa += PAGE, copy += PAGE / 8) {
		unsigned int words = words_that_differ(copy, at(pa, PAGE));

		if (words > constant->words) {
			printf("the kernel's page at %#llx has changed in %u words\n",
			       (unsigned long long)pa, words);
			exit(1);
		}
	}
}

static int kcore;
static Elf64_Phdr segments[SEGMENTS];
static int segment_count;

static void kcore_open(void)
{
	Elf64_Ehdr header;

	kcore = open("/proc/kcore", O_RDONLY);
	CHECK(kcore >= 0 && pread(kcore, &header, sizeof(header), 0) == sizeof(header));
	segment_count = header.e_phnum < SEGMENTS ? header.e_phnum : SEGMENTS;
	CHECK(pread(kcore, segments, segment_count * sizeof(segments[0]), header.e_phoff) > 0);
}

/*
 * False when the kernel has no such memory. It is read where all RAM is mapped: with KPTI the
 * mapping of the kernel's image lacks what the kernel has freed of it.
 */
static bool kcore_read(uint64_t pa, void *bytes, uint64_t count)
{
	for (int i = 0; i < segment_count; i++) {
		const Elf64_Phdr *segment = &segments[i];

		if (segment->p_type == PT_LOAD && segment->p_vaddr < IMAGE_MAPPING &&
		    segment->p_paddr != -1ull && pa >= segment->p_paddr &&
		    pa + count <= segment->p_paddr + segment->p_memsz)
			return pread(kcore, bytes, count,
				     segment->p_offset + pa - segment->p_paddr) == (ssize_t)count;
	}
	return false;
}

/*
 * False when it is not at rest. In some pages, such as the kernel's stack, words differ because it
 * is the kernel that reads; a page that shows another one differs in most.
 */
static bool page_shows_itself(uint64_t pa)
{
	static uint64_t first[PAGE / 8], second[PAGE / 8], below[PAGE / 8];

	for (int i = 0; i < TRIES; i++) {
		CHECK(kcore_read(pa, first, PAGE));
		memcpy(below, at(pa, PAGE), PAGE);
		if (words_that_differ(first, below) <= WORDS_OF_READING)
			return true;
		usleep(1000);
		CHECK(kcore_read(pa, second, PAGE));
		if (!memcmp(first, second, PAGE) && !memcmp(below, at(pa, PAGE), PAGE)) {
			printf("the page at %#llx shows another\n", (unsigned long long)pa);
			exit(1);
		}
	}
	return false;
}

static uint64_t count_showing_itself(uint64_t pa, uint64_t bytes)
{
	static uint8_t piece[PIECE];
	uint64_t same = 0;

	if (!kcore_read(pa, piece, bytes))
		return 0;
	if (!memcmp(piece, at(pa, bytes), bytes))
		return bytes;
	for (uint64_t page = pa; page < pa + bytes; page += PAGE)
		same += page_shows_itself(page) ? PAGE : 0;
	return same;
}

/* What is held has shown itself already, each page with its own number. */
static void check_all_shows_itself(void)
{
	uint64_t ram = 0, same = 0, bytes;

	for (uint32_t i = 0; i < ranges.count; i++) {
		uint64_t end = ranges.range[i].end;

		for (uint64_t pa = ranges.range[i].start; pa < end; pa += bytes) {
			if (is_held(at(pa, PAGE))) {
				bytes = PAGE;
				same += PAGE;
			} else {
				bytes = end - pa < PIECE ? end - pa : PIECE;
				same += count_showing_itself(pa, bytes);
			}
			ram += bytes;
		}
	}
	printf("%llu of %llu MiB show themselves, the rest does not rest\n", MIB(same), MIB(ram));
	CHECK(same > ram / 100 * 95);
}

static void run(char **command)
{
	pid_t child = fork();
	int status;

	if (!child) {
		execvp(command[0], command);
		_exit(127);
	}
	CHECK(waitpid(child, &status, 0) == child);
	if (status)
		exit(1);
}

int main(int argc, char **argv)
{
	struct hadal *hadal;
	struct hadal_window *opened;

	CHECK(argc > 1);
	setlinebuf(stdout);
	hadal = open_hadal();
	CHECK(!hadal_ram(hadal, &ranges, NULL));
	CHECK(!hadal_window_open(hadal, &opened, NULL));
	window = opened;
	find_constants();
	kcore_open();
	hold();
	visit_files();
	printf("held: %llu MiB; files: %llu MiB; kernel: %llu MiB\n", MIB(held_bytes),
	       MIB(file_bytes), MIB(constant_bytes));
	run(argv + 1);
	check_held();
	visit_files();
	for (int i = 0; i < constant_count; i++)
		check_constant(&constants[i]);
	check_all_shows_itself();
	hadal_window_close(opened);
	hadal_close(hadal);
	return 0;
}
