// SPDX-License-Identifier: MIT
/* Pages of a client that show other physical pages. */
#include "core/errno.h"
#include "core/hypercall.h"
#include "core/memory.h"
#include "core/request.h"
#include "core/vendor.h"

#define MAP_MAX 4096

/* The pages that are mapped now, hashed by address, open addressing; 0 is an empty place. */
static uint64_t mapped[MAP_MAX * 2];
static uint64_t mapped_count;

static uint64_t place_of(uint64_t gpa)
{
	return (gpa >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 51; /* 13 bits: MAP_MAX * 2 places */
}

_Static_assert(MAP_MAX * 2 == 1 << 13, "place_of() gives 13 bits");

/* Where gpa is, or the empty place where it would go. */
static uint64_t *find(uint64_t gpa)
{
	uint64_t i = place_of(gpa);

	while (mapped[i] && mapped[i] != (gpa | 1))
		i = (i + 1) % (MAP_MAX * 2);
	return &mapped[i];
}

/* Removal keeps every remaining entry reachable from its place. */
static void erase(uint64_t *entry)
{
	uint64_t hole = entry - mapped, i = hole;

	for (;;) {
		uint64_t home;

		mapped[hole] = 0;
		do {
			i = (i + 1) % (MAP_MAX * 2);
			if (!mapped[i])
				return;
			home = place_of(mapped[i] & ~1ull);
		} while (hole <= i ? (hole < home && home <= i) : (hole < home || home <= i));
		mapped[hole] = mapped[i];
		hole = i;
	}
}

uint64_t map_count(void)
{
	return __atomic_load_n(&mapped_count, __ATOMIC_RELAXED);
}

static int check_page(uint64_t page)
{
	if (page & (PAGE_BYTES - 1))
		return -EINVAL;
	if (memory_is_own(page))
		return -EACCES;
	return memory_is_ram(page) ? 0 : -ENXIO;
}

static int map_locked(struct vcpu *vcpu, uint64_t gpa, uint64_t hpa, uint32_t rights)
{
	uint64_t *entry = find(gpa);
	int err;

	if (*entry)
		return -EEXIST;
	if (mapped_count == MAP_MAX)
		return -ENOSPC;
	err = nested_set(&machine.nested, gpa, hpa, rights);
	if (err)
		return err;
	*entry = gpa | 1;
	mapped_count++;
	request_flush_all(vcpu);
	nested_flushed(&machine.nested);
	return 0;
}

int64_t hypercall_map(struct vcpu *vcpu)
{
	uint64_t gpa = vcpu->regs.rdi, hpa = vcpu->regs.rsi, flags = vcpu->regs.rdx;
	int err;

	if (flags & ~(uint64_t)HADAL_MAP_WRITE)
		return -EINVAL;
	err = check_page(gpa);
	if (!err)
		err = check_page(hpa);
	if (err)
		return err;
	lock_take(&machine.nested_lock);
	err = map_locked(vcpu, gpa, hpa, PT_READ | (flags & HADAL_MAP_WRITE ? PT_WRITE : 0));
	lock_give(&machine.nested_lock);
	return err;
}

int64_t hypercall_unmap(struct vcpu *vcpu)
{
	uint64_t gpa = vcpu->regs.rdi, *entry;
	int err = -ENOENT;

	if (gpa & (PAGE_BYTES - 1))
		return -EINVAL;
	lock_take(&machine.nested_lock);
	entry = find(gpa);
	if (*entry) {
		err = nested_reset(&machine.nested, gpa);
		erase(entry);
		mapped_count--;
		request_flush_all(vcpu);
		nested_flushed(&machine.nested);
	}
	lock_give(&machine.nested_lock);
	return err;
}
