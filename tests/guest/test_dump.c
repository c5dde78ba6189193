// SPDX-License-Identifier: MIT
/*
 * Reads an ELF core of this machine from standard input, a file or as it is written, and compares
 * it with what the kernel says: ranges of RAM, CPUs, VMCOREINFO, and the banner where the kernel
 * has it. test_dump head: only what comes before the memory.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define HEAD_BYTES 65536
#define BANNER_MAX 1024
#define TEXT_MIN   0xffffffff80000000ull

static uint8_t head[HEAD_BYTES];
static uint64_t position;

static void die(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

static void take(void *to, size_t len)
{
	if (fread(to, 1, len, stdin) != len)
		die("the core ends early");
	position += len;
}

static void skip_to(uint64_t offset)
{
	static uint8_t nothing[1 << 16];

	if (!fseeko(stdin, offset, SEEK_SET)) /* a file */
		position = offset;
	while (position < offset)
		take(nothing,
		     offset - position < sizeof(nothing) ? offset - position : sizeof(nothing));
}

static const Elf64_Phdr *segments(void)
{
	return (const Elf64_Phdr *)(head + sizeof(Elf64_Ehdr));
}

static unsigned int segment_count(void)
{
	return ((const Elf64_Ehdr *)head)->e_phnum;
}

/* Each line "START-END : System RAM", in whole pages, is one segment, and there are no others. */
static void check_ranges(void)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	const Elf64_Phdr *segment = segments();
	unsigned int found = 0, loads = 0;
	char line[256];

	while (fgets(line, sizeof(line), iomem)) {
		uint64_t start, end;

		if (line[0] == ' ' || !strstr(line, ": System RAM") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		start = (start + 4095) & ~4095ull;
		end = (end + 1) & ~4095ull;
		for (unsigned int i = 0; i < segment_count(); i++)
			found += segment[i].p_type == PT_LOAD && segment[i].p_paddr == start &&
				 segment[i].p_filesz == end - start;
	}
	fclose(iomem);
	for (unsigned int i = 0; i < segment_count(); i++)
		loads += segment[i].p_type == PT_LOAD && segment[i].p_vaddr < TEXT_MIN;
	if (!found || found != loads)
		die("the segments are not the ranges of System RAM in /proc/iomem");
}

static void check_notes(void)
{
	const Elf64_Phdr *notes = segments();
	unsigned int cpus = 0, infos = 0;
	char release[sizeof(((struct utsname *)0)->release) + 16];
	struct utsname system;
	uint64_t at = notes->p_offset, end = at + notes->p_filesz;

	uname(&system);
	snprintf(release, sizeof(release), "OSRELEASE=%s\n", system.release);
	if (notes->p_type != PT_NOTE || end > HEAD_BYTES)
		die("the first segment is no note");
	while (at < end) {
		const Elf64_Nhdr *note = (const Elf64_Nhdr *)(head + at);
		const char *name = (const char *)(note + 1);
		const char *content = name + ((note->n_namesz + 3) & ~3u);

		cpus += !strcmp(name, "CORE") && note->n_type == NT_PRSTATUS;
		infos += !strcmp(name, "VMCOREINFO") &&
			 !strncmp(content, release, strlen(release)) &&
			 memmem(content, note->n_descsz, "\nKERNELOFFSET=", 14);
		at += sizeof(*note) + ((note->n_namesz + 3) & ~3u) + ((note->n_descsz + 3) & ~3u);
	}
	if (cpus != sysconf(_SC_NPROCESSORS_ONLN))
		die("the core has not as many CPUs as the machine");
	if (infos != 1)
		die("there is no VMCOREINFO of this kernel");
}

static uint64_t symbol(const char *wanted)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	uint64_t address, result = 0;
	char line[512], name[256];

	while (!result && fgets(line, sizeof(line), symbols))
		if (sscanf(line, "%" SCNx64 " %*c %255s", &address, name) == 2 &&
		    !strcmp(name, wanted))
			result = address;
	fclose(symbols);
	return result;
}

/* The file offset of a virtual address. */
static uint64_t offset_of(uint64_t address)
{
	const Elf64_Phdr *segment = segments();

	for (unsigned int i = 0; i < segment_count(); i++)
		if (segment[i].p_type == PT_LOAD && address >= segment[i].p_vaddr &&
		    address - segment[i].p_vaddr < segment[i].p_filesz)
			return address - segment[i].p_vaddr + segment[i].p_offset;
	die("the kernel's image has no segment");
	return 0;
}

static void check_banner(void)
{
	char expected[BANNER_MAX] = "", banner[BANNER_MAX];
	FILE *version = fopen("/proc/version", "r");

	if (!fgets(expected, sizeof(expected), version))
		die("cannot read /proc/version");
	fclose(version);
	skip_to(offset_of(symbol("linux_banner")));
	take(banner, sizeof(banner));
	if (strncmp(banner, expected, strlen(expected)))
		die("the banner is not where the kernel has it");
}

static void check_length(void)
{
	const Elf64_Phdr *last = &segments()[segment_count() - 1];

	skip_to(last->p_offset + last->p_filesz);
	if (getchar() != EOF)
		die("the core is longer than its segments");
}

int main(int argc, char **argv)
{
	take(head, sizeof(head));
	if (memcmp(head, ELFMAG, SELFMAG) || ((const Elf64_Ehdr *)head)->e_type != ET_CORE)
		die("it is no core");
	check_ranges();
	check_notes();
	if (argc > 1 && !strcmp(argv[1], "head"))
		return 0;
	check_banner();
	check_length();
	return 0;
}
