// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Finding the kernel where page tables, IDT, banner and data are damaged. */
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "kallsyms_builder.h"
#include "kernel/kernel.h"
#include "machine.h"
#include "patch.h"

/* Parts of RAM that lead to the kernel: page tables, the IDT, its banner and notes, its data. */
static const struct {
	size_t start, size;
} parts[] = {{0x100000, 0x8000}, {0xc00000, 0x1000}, {0x600000, 0x800}, {0x803000, 0x1e000}};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static struct machine *machines[2];

static void make_machines(void)
{
	libbpf_set_print(NULL);
	machines[0] = machine_new(&(struct machine_options){.kpti = true});
	machines[1] =
		machine_new(&(struct machine_options){.levels = 5, .kallsyms_order = KALLSYMS_7});
}

/* The first byte chooses the machine, the part to change, and which traces there are. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct hadal_kernel *kernel;
	struct hadal_traces traces;
	struct machine *machine;
	struct patches patches;
	unsigned part;

	if (!machines[0])
		make_machines();
	if (!len)
		return 0;
	machine = machines[input[0] & 1];
	part = (input[0] >> 1) % PARTS;
	traces = machine->traces;
	if (input[0] & 0x40)
		traces.lstar = 0;
	patches_apply(&patches, machine->ram + parts[part].start, parts[part].size, input + 1,
		      len - 1);
	/* Searching all memory takes long, and is done for a few inputs only. */
	if (input[0] >= 0xf8)
		kernel = hadal_kernel_open(&machine->memory, NULL, NULL);
	else
		kernel = hadal_kernel_open(&machine->memory, &traces, NULL);
	if (kernel && input[0] & 0x20)
		hadal_kernel_types(kernel, NULL);
	hadal_kernel_close(kernel);
	patches_undo(&patches);
	return 0;
}
