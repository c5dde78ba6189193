// SPDX-License-Identifier: MIT
/* The ELF core: what kdump writes, so that crash, drgn and gdb know it. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "dump/view.h"

#define PAGE_BYTES 4096u
/* Where the linker places x86-64 Linux, and 2 GiB on: nothing else is mapped there. */
#define TEXT_MIN 0xffffffff80000000ull

/* Bytes that grow; a failed allocation is told at the end. */
struct blob {
	uint8_t *bytes;
	size_t len;
	bool failed;
};

static void append(struct blob *blob, const void *bytes, size_t len, size_t padded)
{
	uint8_t *grown = blob->failed ? NULL : realloc(blob->bytes, blob->len + padded + 1);

	if (!grown) {
		blob->failed = true;
		return;
	}
	blob->bytes = grown;
	memcpy(grown + blob->len, bytes, len);
	memset(grown + blob->len + len, 0, padded - len);
	blob->len += padded;
}

static size_t align_note(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void append_note(struct blob *blob, const char *name, uint32_t type, const void *bytes,
			size_t len)
{
	const Elf64_Nhdr header = {
		.n_namesz = strlen(name) + 1,
		.n_descsz = len,
		.n_type = type,
	};

	append(blob, &header, sizeof(header), sizeof(header));
	append(blob, name, header.n_namesz, align_note(header.n_namesz));
	append(blob, bytes, len, align_note(len));
}

/* Which registers there are, and in which order, is Linux's ABI, so that they go by name. */
static void append_registers(struct blob *blob, const struct hadal_regs *regs)
{
	struct user_regs_struct user = {
		.r15 = regs->r15,
		.r14 = regs->r14,
		.r13 = regs->r13,
		.r12 = regs->r12,
		.rbp = regs->rbp,
		.rbx = regs->rbx,
		.r11 = regs->r11,
		.r10 = regs->r10,
		.r9 = regs->r9,
		.r8 = regs->r8,
		.rax = regs->rax,
		.rcx = regs->rcx,
		.rdx = regs->rdx,
		.rsi = regs->rsi,
		.rdi = regs->rdi,
		.orig_rax = -1ull, /* not in a system call that could be restarted */
		.rip = regs->rip,
		.cs = regs->cs.selector,
		.eflags = regs->rflags,
		.rsp = regs->rsp,
		.ss = regs->ss.selector,
		.fs_base = regs->fs.base,
		.gs_base = regs->gs.base,
		.ds = regs->ds.selector,
		.es = regs->es.selector,
		.fs = regs->fs.selector,
		.gs = regs->gs.selector,
	};
	/* gdb names threads by this number and takes 0 for none. */
	struct elf_prstatus status = {.pr_pid = regs->cpu + 1};

	_Static_assert(sizeof(status.pr_reg) == sizeof(user), "one layout");
	memcpy(&status.pr_reg, &user, sizeof(user));
	append_note(blob, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

static struct blob make_notes(const struct hadal_elf_contents *contents)
{
	struct blob blob = {0};

	for (size_t i = 0; i < contents->regs_count; i++)
		append_registers(&blob, &contents->regs[i]);
	if (contents->vmcoreinfo && *contents->vmcoreinfo)
		append_note(&blob, "VMCOREINFO", 0, contents->vmcoreinfo,
			    strlen(contents->vmcoreinfo));
	return blob;
}

/* The range of RAM that holds the kernel's image wholly, or NULL. */
static const struct hadal_range *range_of_text(const struct hadal_memory *memory,
					       const struct hadal_elf_contents *contents)
{
	uint64_t start = contents->text_physical, size = contents->text_size;

	for (size_t i = 0; size && contents->text >= TEXT_MIN && i < memory->range_count; i++) {
		const struct hadal_range *range = &memory->ranges[i];

		if (start >= range->start && start < range->end && size <= range->end - start)
			return range;
	}
	return NULL;
}

/*
 * The kernel's image once more, where the kernel maps it; the bytes are those of its range of RAM.
 * Its last byte is left out. Tools that read physical memory and know nothing of overlaps
 * (volatility3) pass over a segment that is not wholly in the file, and find all ranges of RAM
 * whole; the others prefer what comes later, which is those.
 */
static Elf64_Phdr text_segment(const struct hadal_elf_contents *contents)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_vaddr = contents->text,
		.p_paddr = contents->text_physical,
		.p_filesz = contents->text_size - 1,
		.p_memsz = contents->text_size,
	};
}

static int build(struct hadal_view *view, struct hadal_memory *memory,
		 const struct hadal_elf_contents *contents, const struct blob *notes)
{
	const struct hadal_range *text_range = range_of_text(memory, contents);
	size_t segments = 1 + memory->range_count + (text_range ? 1 : 0);
	size_t notes_offset = sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr);
	uint64_t start = (notes_offset + notes->len + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	uint64_t offset = start;
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segments[];
	} *head = calloc(1, notes_offset);
	Elf64_Phdr *segment;
	int error;

	if (!head)
		return -ENOMEM;
	memcpy(head->header.e_ident, ELFMAG, SELFMAG);
	head->header.e_ident[EI_CLASS] = ELFCLASS64;
	head->header.e_ident[EI_DATA] = ELFDATA2LSB;
	head->header.e_ident[EI_VERSION] = EV_CURRENT;
	head->header.e_type = ET_CORE;
	head->header.e_machine = EM_X86_64;
	head->header.e_version = EV_CURRENT;
	head->header.e_phoff = sizeof(Elf64_Ehdr);
	head->header.e_ehsize = sizeof(Elf64_Ehdr);
	head->header.e_phentsize = sizeof(Elf64_Phdr);
	head->header.e_phnum = segments;
	segment = head->segments;
	*segment++ = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = notes_offset,
		.p_filesz = notes->len,
		.p_memsz = notes->len,
	};
	if (text_range)
		*segment++ = text_segment(contents);
	for (size_t i = 0; i < memory->range_count; i++) {
		const struct hadal_range *range = &memory->ranges[i];
		uint64_t size = range->end - range->start;

		*segment++ = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W | PF_X,
			.p_offset = offset,
			.p_vaddr = contents->direct_map ? contents->direct_map + range->start : 0,
			.p_paddr = range->start,
			.p_filesz = size,
			.p_memsz = size,
			.p_align = PAGE_BYTES,
		};
		if (range == text_range)
			head->segments[1].p_offset =
				offset + (contents->text_physical - range->start);
		offset += size;
	}
	error = hadal_view_add_bytes(view, 0, head, notes_offset);
	free(head);
	if (!error && notes->len)
		error = hadal_view_add_bytes(view, notes_offset, notes->bytes, notes->len);
	offset = start;
	for (size_t i = 0; !error && i < memory->range_count; i++) {
		uint64_t size = memory->ranges[i].end - memory->ranges[i].start;

		hadal_view_add_memory(view, offset, memory->ranges[i].start, size);
		offset += size;
	}
	return error;
}

int hadal_view_elf(struct hadal_memory *memory, const struct hadal_elf_contents *contents,
		   struct hadal_view **view)
{
	struct blob notes = make_notes(contents);
	int error = -ENOMEM;

	*view = hadal_view_new(memory, memory->range_count + 2);
	if (*view && !notes.failed)
		error = build(*view, memory, contents, &notes);
	if (error) {
		hadal_view_free(*view);
		*view = NULL;
	}
	free(notes.bytes);
	return error;
}
