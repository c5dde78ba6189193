// SPDX-License-Identifier: MIT
// Sources: vmm/hypercall/hypercall.c vmm/hypercall/ram.c vmm/hypercall/donate.c vmm/paging/ram.c
// Sources: vmm/hypercall/transfer.c vmm/hypercall/map.c
// Sources: vmm/base/page_set.c vmm/hypercall/client.c vmm/hypercall/stop.c vmm/hypercall/window.c vmm/paging/memory.c vmm/paging/machine.c vmm/paging/way_out.c
// Sources: vmm/paging/nested.c vmm/paging/pagetable.c vmm/paging/pt_pool.c vmm/paging/mtrr.c
// Sources: vmm/paging/guest_walk.c vmm/cpus/lock.c vmm/base/log.c vmm/cpus/pause.c vmm/paging/copy.c
/*
 * Sequences of hypercalls with any registers, and page tables of any content: no access to what is
 * no RAM (it is not mapped here), nothing written to the hypervisor's own pages, no table lost.
 */
#include <stdbool.h>
#include "core_fixture.h"
#include "hypercall/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REGISTERS   5
#define INPUT_BYTES 0x4000ull /* of RAM, filled from the input: page tables */
#define BUFFERS     0x300000ull

/* One call of the input. */
struct input {
	uint8_t number;
	uint8_t kind[REGISTERS]; /* how each register is made of its value */
	uint8_t value[REGISTERS][8];
} __attribute__((packed));

/* Values as they are, and such as lead past the first checks. */
static uint64_t argument(const struct input *input, unsigned int i)
{
	uint64_t value;

	memcpy(&value, input->value[i], sizeof(value));
	switch (input->kind[i] % 10) {
	case 0:
		return RAM_START + value % INPUT_BYTES / PAGE_BYTES * PAGE_BYTES;
	case 1:
		return BUFFERS + value % (16 * PAGE_BYTES);
	case 2:
		return BUFFERS + value % 16 * PAGE_BYTES;
	case 3:
		return OWN_START - 64 + value % (OWN_END - OWN_START);
	case 4:
		return RAM_END - value % 128;
	case 5:
		return value % 16;
	case 6:
		return value % (2 * HADAL_TRANSFER_MAX);
	case 7:
		return 0 - value % 128;
	case 8:
		return value % 2048 * SIZE_1G;
	default:
		return value;
	}
}

/* Devices cannot be touched here: what would be one is refused by name. */
static void refuse_devices(struct gprs *regs)
{
	bool transfer = regs->rax == HADAL_CALL_BASE + HADAL_CALL_READ ||
			regs->rax == HADAL_CALL_BASE + HADAL_CALL_WRITE;

	if (transfer && (regs->r8 & (HADAL_MEM_VIRTUAL | HADAL_MEM_MMIO)) == HADAL_MEM_MMIO)
		regs->r8 &= ~(uint64_t)HADAL_MEM_MMIO;
}

#define CALLS_MAX 8

/* What has succeeded and may have to be undone. */
static struct undo {
	uint64_t number, address;
} undo[CALLS_MAX];
static size_t undo_count;

static void remember(const struct gprs *asked)
{
	if (asked->rax == HADAL_CALL_BASE + HADAL_CALL_MAP)
		undo[undo_count++] = (struct undo){HADAL_CALL_UNMAP, asked->rdi};
	else if (asked->rax == HADAL_CALL_BASE + HADAL_CALL_CLIENT_ADD)
		undo[undo_count++] = (struct undo){HADAL_CALL_CLIENT_REMOVE, asked->rdi};
	else if (asked->rax == HADAL_CALL_BASE + HADAL_CALL_WINDOW)
		undo[undo_count++] = (struct undo){HADAL_CALL_WINDOW, 0};
}

static void one_call(const struct input *input)
{
	struct gprs *regs = &vcpu->regs, before;

	regs->rax = HADAL_CALL_BASE + input->number % (HADAL_CALL_COUNT + 1);
	regs->rdi = argument(input, 0);
	regs->rsi = argument(input, 1);
	regs->rdx = argument(input, 2);
	regs->r8 = argument(input, 3);
	regs->r9 = argument(input, 4);
	refuse_devices(regs);
	before = *regs;
	if (!fixture_execute()) {
		fixture_check(!memcmp(&before, regs, sizeof(before)));
		return;
	}
	fixture_check((int64_t)regs->rax >= -ETIMEDOUT && (int64_t)regs->rax <= HADAL_TRANSFER_MAX);
	fixture_check(!lock_is_held(&nested_lock));
	if (!regs->rax)
		remember(&before);
}

/* Everything that was mapped or admitted goes, and with it every table that was needed. */
static void check_and_clean(uint64_t pool_free)
{
	if (all_left) {
		undo_count = 0;
		fixture_check(fixture_own_unchanged());
		return;
	}
	while (undo_count--)
		fixture_call(undo[undo_count].number, undo[undo_count].address, 0, 0, 0, 0);
	undo_count = 0;
	fixture_check(!map_count() && !window_is_open());
	fixture_check(machine.pool.free_pages == pool_free);
	fixture_check(fixture_own_unchanged());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool opened;
	uint64_t pool_free;
	size_t calls;

	if (!opened)
		fixture_open();
	opened = true;
	fixture_start();
	pool_free = machine.pool.free_pages;
	if (!size)
		return 0;
	calls = data[0] % (CALLS_MAX + 1);
	data++;
	size--;
	if (calls > size / sizeof(struct input))
		calls = size / sizeof(struct input);
	memset(memory_direct(RAM_START), 0, INPUT_BYTES);
	memset(memory_direct(BUFFERS), 0, 16 * PAGE_BYTES);
	size -= calls * sizeof(struct input);
	memcpy(memory_direct(RAM_START), data + calls * sizeof(struct input),
	       size < INPUT_BYTES ? size : INPUT_BYTES);
	for (size_t i = 0; i < calls && !all_left; i++)
		one_call((const struct input *)(data + i * sizeof(struct input)));
	check_and_clean(pool_free);
	return 0;
}
