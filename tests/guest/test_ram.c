// SPDX-License-Identifier: MIT
/*
 * test_ram COMMAND [ARGUMENT...]: runs a command, after which RAM that it has nothing to do with
 * must be as before:
 * - what this program holds, half of the RAM that was free; each word tells its place,
 * - all files of the root file system, which is in RAM, but those below /tmp and /var,
 * - the kernel's code and read-only data, read through the memory window.
 * And at the end all RAM must show itself: what the kernel reads at an address (/proc/kcore) is
 * what is there as seen from below (the window). Not compared, for it changes by itself: the
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
#include "window.h"

#define PAGE             4096ull
#define PIECE            (64 * PAGE)
#define FILES_MAX        4096
#define RANGES_MAX       8
#define TRIES            20
#define SEGMENTS         64
#define WORDS_OF_READING 8
#define MIB(bytes)       ((unsigned long long)(bytes) >> 20)

static const struct hadal_window *window;
static struct hadal_info info;

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

static uint64_t *held;
static uint64_t held_bytes;

static uint64_t held_word(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15ull;
}

static void hold(void)
{
	held_bytes = sysconf(_SC_AVPHYS_PAGES) * PAGE / 2;
	held = mmap(NULL, held_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(held != MAP_FAILED);
	for (uint64_t i = 0; i < held_bytes / 8; i++)
		held[i] = held_word(i);
}

static void check_held(void)
{
	for (uint64_t i = 0; i < held_bytes / 8; i++)
		if (held[i] != held_word(i))
			EQUAL(held[i], held_word(i));
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

/* A part of the kernel that nobody writes, and the sum of each of its pages. */
struct constant {
	struct hadal_range range;
	uint64_t *sums;
};
static struct constant constants[RANGES_MAX];
static int constant_count;

static uint64_t constant_bytes(void)
{
	uint64_t bytes = 0;

	for (int i = 0; i < constant_count; i++)
		bytes += constants[i].range.end - constants[i].range.start;
	return bytes;
}

static void visit_constant(struct constant *constant, bool is_check)
{
	uint64_t *sum = constant->sums, found;

	for (uint64_t pa = constant->range.start; pa < constant->range.end; pa += PAGE, sum++) {
		found = sum_of(at(pa, PAGE), PAGE);
		if (is_check && found != *sum)
			printf("the kernel's page at %#llx has changed\n", (unsigned long long)pa);
		CHECK(!is_check || found == *sum);
		*sum = found;
	}
}

static void find_constants(void)
{
	FILE *file = fopen("/proc/iomem", "r");
	unsigned long start, end;
	char line[128];

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if ((!strstr(line, "Kernel code") && !strstr(line, "Kernel rodata")) ||
		    sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		CHECK(constant_count < RANGES_MAX);
		constants[constant_count].range = (struct hadal_range){start & -PAGE, end & -PAGE};
		constants[constant_count++].sums = calloc((end - start) / PAGE + 2, 8);
	}
	fclose(file);
	CHECK(constant_bytes());
}

static void visit_constants(bool is_check)
{
	for (int i = 0; i < constant_count; i++)
		visit_constant(&constants[i], is_check);
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

/* False when the kernel has no such memory. */
static bool kcore_read(uint64_t pa, void *bytes, uint64_t count)
{
	for (int i = 0; i < segment_count; i++) {
		const Elf64_Phdr *segment = &segments[i];

		if (segment->p_type == PT_LOAD && segment->p_paddr != -1ull &&
		    pa >= segment->p_paddr && pa + count <= segment->p_paddr + segment->p_memsz)
			return pread(kcore, bytes, count,
				     segment->p_offset + pa - segment->p_paddr) == (ssize_t)count;
	}
	return false;
}

static unsigned int words_that_differ(const uint64_t *one, const uint64_t *other)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PAGE / 8; i++)
		count += one[i] != other[i];
	return count;
}

/*
 * False when it is not at rest. In a few pages of the kernel some words differ because it is the
 * kernel that reads; a page that shows another one differs in most.
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

static void check_all_shows_itself(void)
{
	uint8_t *piece = malloc(PIECE);
	uint64_t ram = 0, same = 0;

	for (uint32_t i = 0; i < info.ram_count; i++) {
		uint64_t pa = info.ram[i].start, end = info.ram[i].end, bytes;

		for (; pa < end; pa += bytes) {
			bytes = end - pa < PIECE ? end - pa : PIECE;
			ram += bytes;
			if (!kcore_read(pa, piece, bytes))
				continue;
			if (!memcmp(piece, at(pa, bytes), bytes))
				same += bytes;
			else
				for (uint64_t page = pa; page < pa + bytes; page += PAGE)
					same += page_shows_itself(page) ? PAGE : 0;
		}
	}
	free(piece);
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
	CHECK(!hadal_open(&hadal, NULL) && !hadal_info(hadal, &info, NULL));
	CHECK(!hadal_window_open(hadal, &opened, NULL));
	window = opened;
	find_constants();
	kcore_open();
	hold();
	visit_files();
	visit_constants(false);
	printf("held: %llu MiB; files: %llu MiB; kernel: %llu MiB\n", MIB(held_bytes),
	       MIB(file_bytes), MIB(constant_bytes()));
	run(argv + 1);
	check_held();
	visit_files();
	visit_constants(true);
	check_all_shows_itself();
	hadal_window_close(opened);
	hadal_close(hadal);
	return 0;
}
