// SPDX-License-Identifier: MIT
// Sources: KERNEL lib/dump/view.c lib/dump/elf.c
// Sources: tests/unit/machine.c tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* What a dump of each format has in it, byte for byte. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "dump/view.h"
#include "kernel/layout.h"
#include "machine.h"
#include "unit.h"

#define HOLE_PAGE  700 /* cannot be read though it is inside a range */
#define OWN_PAGE   2500
#define LOW_END    0x9f000u
#define HIGH_START 0x100000u

/* RAM in two ranges with a gap, of which one page is lost and one is the hypervisor's. */
struct fixture {
	struct machine *machine;
	struct hadal_memory memory;
	struct hadal_range ranges[2];
	struct hadal_view *view;
};

static ssize_t fixture_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct fixture *fixture = ctx;

	for (int i = 0; i < 2; i++) {
		if (pa < fixture->ranges[i].start || pa >= fixture->ranges[i].end)
			continue;
		if (pa / 4096 == HOLE_PAGE)
			return -EFAULT;
		if (pa / 4096 == OWN_PAGE)
			return -EACCES;
		/* Short reads, as a device may give. */
		if (len > 4096 - pa % 4096)
			len = 4096 - pa % 4096;
		memcpy(buf, fixture->machine->ram + pa, len);
		return len;
	}
	fail_msg("a hole was touched at %#lx", (unsigned long)pa);
	return -EFAULT;
}

static void setup(struct fixture *fixture)
{
	*fixture = (struct fixture){
		.machine = machine_new(&(struct machine_options){0}),
		.ranges = {{0x1000, LOW_END}, {HIGH_START, MACHINE_RAM}},
	};
	fixture->memory = (struct hadal_memory){
		.read = fixture_read,
		.ctx = fixture,
		.ranges = fixture->ranges,
		.range_count = 2,
	};
	for (uint32_t i = 0x1000; i < MACHINE_RAM; i += 4096 * 7)
		memset(fixture->machine->ram + i + 8, 0x40 + i % 61, 64);
}

static void teardown(struct fixture *fixture)
{
	hadal_view_free(fixture->view);
	machine_free(fixture->machine);
}

/* What a dump must have at a physical address. */
static void expect_page(struct fixture *fixture, const uint8_t *got, uint64_t pa)
{
	static const uint8_t zeros[4096];
	bool lost = pa / 4096 == HOLE_PAGE || pa / 4096 == OWN_PAGE;

	assert_memory_equal(got, lost ? zeros : fixture->machine->ram + pa, 4096);
}

static uint8_t *read_all(struct hadal_view *view)
{
	uint64_t size = hadal_view_size(view);
	uint8_t *all = malloc(size);

	assert_non_null(all);
	memset(all, 0xa5, size); /* as a buffer is that has been used */
	assert_int_equal(hadal_view_read(view, 0, all, size), size);
	return all;
}

static void raw_has_every_page_at_its_address(void **state)
{
	static const uint8_t zeros[4096];
	struct fixture fixture;
	uint8_t *all;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_view_raw(&fixture.memory, &fixture.view), 0);
	assert_int_equal(hadal_view_size(fixture.view), MACHINE_RAM);
	all = read_all(fixture.view);
	for (uint64_t pa = 0; pa < MACHINE_RAM; pa += 4096) {
		if (pa < 0x1000 || (pa >= LOW_END && pa < HIGH_START))
			assert_memory_equal(all + pa, zeros, 4096);
		else
			expect_page(&fixture, all + pa, pa);
	}
	assert_int_equal(hadal_view_unreadable(fixture.view), 4096);
	free(all);
	teardown(&fixture);
}

static void lime_has_a_header_before_each_range(void **state)
{
	struct fixture fixture;
	uint64_t header[4];
	const uint8_t *at;
	uint8_t *all;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_view_lime(&fixture.memory, &fixture.view), 0);
	at = all = read_all(fixture.view);
	for (int i = 0; i < 2; i++) {
		const struct hadal_range *range = &fixture.ranges[i];

		assert_memory_equal(at, "EMiL\1\0\0\0", 8);
		memcpy(header, at, sizeof(header));
		assert_int_equal(header[1], range->start);
		assert_int_equal(header[2], range->end - 1);
		assert_int_equal(header[3], 0);
		at += 32;
		for (uint64_t pa = range->start; pa < range->end; pa += 4096, at += 4096)
			expect_page(&fixture, at, pa);
	}
	assert_int_equal(at - all, hadal_view_size(fixture.view));
	free(all);
	teardown(&fixture);
}

static const Elf64_Phdr *load_of(const uint8_t *all, uint64_t physical, uint64_t virtual)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)all;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(all + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD && segment[i].p_paddr == physical &&
		    segment[i].p_vaddr == virtual)
			return &segment[i];
	fail_msg("no segment for %#lx", (unsigned long)virtual);
	return NULL;
}

/* Registers that are all different; cpu goes into some. */
static struct hadal_regs make_registers(unsigned int cpu)
{
	struct hadal_regs regs = {
		.cpu = cpu,
		.rax = 0x100,
		.rcx = 0x101,
		.rdx = 0x102,
		.rbx = 0x103,
		.rsp = 0x104,
		.rbp = 0x105,
		.rsi = 0x106,
		.rdi = 0x107,
		.r8 = 0x108,
		.r9 = 0x109,
		.r10 = 0x10a,
		.r11 = 0x10b,
		.r12 = 0x10c,
		.r13 = 0x10d,
		.r14 = 0x10e,
		.r15 = 0x10f,
		.rip = 0x1000 + cpu,
		.rflags = 0x246,
	};

	regs.cs.selector = 0x10;
	regs.ss.selector = 0x18;
	regs.ds.selector = 0x20;
	regs.es.selector = 0x28;
	regs.fs.selector = 0x30;
	regs.gs.selector = 0x38;
	regs.fs.base = 0x3000;
	regs.gs.base = 0x4000;
	return regs;
}

static void expect_registers(const struct elf_prstatus *status, unsigned int cpu)
{
	const struct user_regs_struct expected = {
		.rax = 0x100,
		.rcx = 0x101,
		.rdx = 0x102,
		.rbx = 0x103,
		.rsp = 0x104,
		.rbp = 0x105,
		.rsi = 0x106,
		.rdi = 0x107,
		.r8 = 0x108,
		.r9 = 0x109,
		.r10 = 0x10a,
		.r11 = 0x10b,
		.r12 = 0x10c,
		.r13 = 0x10d,
		.r14 = 0x10e,
		.r15 = 0x10f,
		.rip = 0x1000 + cpu,
		.eflags = 0x246,
		.orig_rax = -1ull,
		.cs = 0x10,
		.ss = 0x18,
		.ds = 0x20,
		.es = 0x28,
		.fs = 0x30,
		.gs = 0x38,
		.fs_base = 0x3000,
		.gs_base = 0x4000,
	};

	assert_int_equal(status->pr_pid, cpu + 1);
	assert_memory_equal(&status->pr_reg, &expected, sizeof(expected));
}

static void expect_notes(const uint8_t *at, const uint8_t *end, const char *vmcoreinfo)
{
	int cpus = 0, texts = 0;

	while (at < end) {
		const Elf64_Nhdr *note = (const Elf64_Nhdr *)at;
		const char *name = (const char *)(note + 1);
		const uint8_t *content = (const uint8_t *)name + ((note->n_namesz + 3) & ~3u);

		if (!strcmp(name, "CORE")) {
			struct elf_prstatus status;

			assert_int_equal(note->n_type, NT_PRSTATUS);
			assert_int_equal(note->n_descsz, sizeof(status));
			memcpy(&status, content, sizeof(status));
			expect_registers(&status, cpus);
			cpus++;
		} else {
			assert_string_equal(name, "VMCOREINFO");
			assert_int_equal(note->n_type, 0);
			assert_int_equal(note->n_descsz, strlen(vmcoreinfo));
			assert_memory_equal(content, vmcoreinfo, note->n_descsz);
			texts++;
		}
		at = content + ((note->n_descsz + 3) & ~3u);
	}
	assert_ptr_equal(at, end);
	assert_int_equal(cpus, 2);
	assert_int_equal(texts, 1);
}

static void elf_is_a_core_of_the_machine(void **state)
{
	static const char vmcoreinfo[] = "OSRELEASE=1\nPAGESIZE=4096\nX=1\n";
	struct hadal_regs regs[2] = {make_registers(0), make_registers(1)};
	struct hadal_elf_contents contents = {
		.regs = regs,
		.regs_count = 2,
		.vmcoreinfo = vmcoreinfo,
		.direct_map = 0xffff888000000000ull,
		.text = 0xffffffff81000000ull,
		.text_physical = 0x400000,
		.text_size = 0x300000,
	};
	const Elf64_Ehdr *header;
	const Elf64_Phdr *segment;
	struct fixture fixture;
	uint8_t *all;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_view_elf(&fixture.memory, &contents, &fixture.view), 0);
	all = read_all(fixture.view);
	header = (const Elf64_Ehdr *)all;
	assert_memory_equal(header->e_ident,
			    "\x7f"
			    "ELF\2\1\1",
			    7);
	assert_int_equal(header->e_type, ET_CORE);
	assert_int_equal(header->e_machine, EM_X86_64);
	assert_int_equal(header->e_phnum, 4);
	segment = (const Elf64_Phdr *)(all + header->e_phoff);
	assert_int_equal(segment->p_type, PT_NOTE);
	expect_notes(all + segment->p_offset, all + segment->p_offset + segment->p_filesz,
		     vmcoreinfo);
	for (int i = 0; i < 2; i++) {
		uint64_t start = fixture.ranges[i].start, size = fixture.ranges[i].end - start;

		segment = load_of(all, start, contents.direct_map + start);
		assert_int_equal(segment->p_filesz, size);
		assert_int_equal(segment->p_memsz, size);
		assert_int_equal(segment->p_offset % 4096, 0);
		for (uint64_t at = 0; at < size; at += 4096)
			expect_page(&fixture, all + segment->p_offset + at, start + at);
	}
	segment = load_of(all, contents.text_physical, contents.text);
	assert_int_equal(segment->p_memsz, contents.text_size);
	assert_int_equal(segment->p_filesz, contents.text_size - 1);
	assert_memory_equal(all + segment->p_offset, fixture.machine->ram + contents.text_physical,
			    segment->p_filesz);
	free(all);
	teardown(&fixture);
}

static void elf_without_a_kernel_has_its_memory(void **state)
{
	struct hadal_elf_contents contents = {0};
	struct fixture fixture;
	uint8_t *all;

	(void)state;
	setup(&fixture);
	/* A kernel that lies across the end of RAM is none either. */
	contents.text = 0xffffffff81000000ull;
	contents.text_physical = MACHINE_RAM - 0x1000;
	contents.text_size = 0x2000;
	assert_int_equal(hadal_view_elf(&fixture.memory, &contents, &fixture.view), 0);
	all = read_all(fixture.view);
	assert_int_equal(((const Elf64_Ehdr *)all)->e_phnum, 3);
	load_of(all, HIGH_START, 0);
	free(all);
	teardown(&fixture);
}

/* Every piece of the view is the same wherever a read begins and ends. */
static void reads_may_begin_anywhere(void **state)
{
	struct fixture fixture;
	uint8_t part[9000], *all;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_view_lime(&fixture.memory, &fixture.view), 0);
	all = read_all(fixture.view);
	for (uint64_t at = 0; at < hadal_view_size(fixture.view); at += 50021) {
		size_t expected = hadal_view_size(fixture.view) - at;

		if (expected > sizeof(part))
			expected = sizeof(part);
		assert_int_equal(hadal_view_read(fixture.view, at, part, sizeof(part)), expected);
		assert_memory_equal(part, all + at, expected);
	}
	assert_int_equal(hadal_view_read(fixture.view, hadal_view_size(fixture.view), part, 1), 0);
	free(all);
	teardown(&fixture);
}

static void holes_are_told(void **state)
{
	struct fixture fixture;
	struct hadal_view *view;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_view_raw(&fixture.memory, &fixture.view), 0);
	view = fixture.view;
	assert_int_equal(hadal_view_seek(view, 0, true), 0);
	assert_int_equal(hadal_view_seek(view, 0, false), 0x1000);
	assert_int_equal(hadal_view_seek(view, 0x1000, false), 0x1000);
	assert_int_equal(hadal_view_seek(view, 0x1001, true), LOW_END);
	assert_int_equal(hadal_view_seek(view, LOW_END + 5, true), LOW_END + 5);
	assert_int_equal(hadal_view_seek(view, LOW_END + 5, false), HIGH_START);
	assert_int_equal(hadal_view_seek(view, HIGH_START, true), MACHINE_RAM);
	assert_int_equal(hadal_view_seek(view, MACHINE_RAM, false), MACHINE_RAM);
	teardown(&fixture);
}

static void the_layout_is_found(void **state)
{
	struct fixture fixture;
	struct hadal_kernel *kernel;
	struct hadal_layout layout;

	(void)state;
	setup(&fixture);
	kernel = machine_open(fixture.machine);
	assert_int_equal(hadal_kernel_layout(kernel, &layout), 0);
	assert_true(layout.direct_map == MACHINE_DIRECT_MAP);
	assert_true(layout.text == fixture.machine->base);
	assert_int_equal(layout.text_physical, MACHINE_PHYSICAL);
	teardown(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_has_every_page_at_its_address),
		cmocka_unit_test(lime_has_a_header_before_each_range),
		cmocka_unit_test(elf_is_a_core_of_the_machine),
		cmocka_unit_test(elf_without_a_kernel_has_its_memory),
		cmocka_unit_test(reads_may_begin_anywhere),
		cmocka_unit_test(holes_are_told),
		cmocka_unit_test(the_layout_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
