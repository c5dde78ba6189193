// SPDX-License-Identifier: MIT
/* Reading, writing and translating memory on a client's behalf; no argument is trusted. */
#include "hypercall/hypercall.h"
#include "cpus/lock.h"
#include "exit/apic.h"
#include "paging/memory.h"
#include "base/string.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define MEM_LEVELS (HADAL_MEM_LA57 | HADAL_MEM_LA48)
#define MEM_FLAGS  (HADAL_MEM_VIRTUAL | HADAL_MEM_MMIO | MEM_LEVELS)

_Static_assert(HADAL_STEP_READ == WALK_READ && HADAL_STEP_WRITE == WALK_WRITE &&
		       HADAL_STEP_EXECUTE == WALK_EXEC && HADAL_STEP_USER == WALK_USER,
	       "rights are handed on as they are");

struct transfer {
	struct vcpu *vcpu;
	bool write; /* into the target, from the buffer */
	uint32_t flags;
	uint64_t address, length, buffer;
	struct guest_paging paging; /* HADAL_MEM_VIRTUAL */
};

/* The paging under which a root named by a client is read. */
static int client_paging(struct vcpu *vcpu, uint64_t root, uint32_t flags,
			 struct guest_paging *paging)
{
	vcpu_paging(vcpu, paging);
	if ((flags & HADAL_MEM_LA57) && (flags & HADAL_MEM_LA48))
		return -EINVAL;
	if (flags & HADAL_MEM_LA57)
		paging->cr4 |= CR4_LA57;
	if (flags & HADAL_MEM_LA48)
		paging->cr4 &= ~CR4_LA57;
	if (root == HADAL_ROOT_CURRENT)
		return 0;
	paging->cr3 = root & PT_ADDRESS;
	return paging->cr3 >> paging->physical_bits ? -EINVAL : 0;
}

/* Physical address of the byte at t->address + done. */
static int target_of(const struct transfer *t, uint64_t done, uint64_t *hpa)
{
	struct guest_walk walk;
	int err;

	if (!(t->flags & HADAL_MEM_VIRTUAL)) {
		*hpa = t->address + done;
		return 0;
	}
	err = guest_walk(&t->paging, t->address + done, WALK_ANY, memory_walk_table, NULL, &walk);
	if (!err)
		*hpa = nested_gpa_to_hpa(&machine.nested, walk.gpa);
	return err == -EINVAL ? -EFAULT : err;
}

static int copy_device_piece(const struct transfer *t, uint64_t hpa, void *buffer, size_t bytes)
{
	if (!(t->flags & HADAL_MEM_MMIO))
		return -ENXIO;
	if (t->write && apic_is_watched(hpa))
		return -EACCES;
	return memory_copy_device(t->vcpu, hpa, buffer, bytes, t->write);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What fetches see where there are breakpoints follows what is written to the page. */
static void write_ram(uint64_t hpa, const void *buffer, uint64_t bytes)
{
	memmove(memory_direct(hpa), buffer, bytes);
	if (!__atomic_load_n(&machine.copies.count, __ATOMIC_ACQUIRE))
		return;
	lock_take(&nested_lock);
	for (uint32_t i = 0; i < machine.copies.count; i++)
		if (machine.copies.at[i]->source == (hpa & ~(PAGE_BYTES - 1)))
			copy_refresh(machine.copies.at[i]);
	lock_give(&nested_lock);
}

/* Copies one piece that crosses no page on either side; its size, or a negative errno. */
static int64_t copy_piece(const struct transfer *t, uint64_t done)
{
	uint64_t buffer_at = t->buffer + done, hpa, bytes;
	void *buffer = memory_guest(buffer_at, t->write ? MEMORY_READ : MEMORY_WRITE);
	int err = target_of(t, done, &hpa);

	if (err)
		return err;
	if (!buffer)
		return -EFAULT;
	bytes = smaller(t->length - done, PAGE_BYTES - (hpa & (PAGE_BYTES - 1)));
	bytes = smaller(bytes, PAGE_BYTES - (buffer_at & (PAGE_BYTES - 1)));
	if (memory_is_own(hpa))
		return -EACCES;
	if (!memory_is_ram(hpa))
		err = copy_device_piece(t, hpa, buffer, bytes);
	else if (t->write)
		write_ram(hpa, buffer, bytes);
	else
		memmove(buffer, memory_direct(hpa), bytes);
	return err ? err : (int64_t)bytes;
}

static int64_t transfer(struct vcpu *vcpu, bool write)
{
	const struct gprs *regs = &vcpu->regs;
	struct transfer t = {
		.vcpu = vcpu,
		.write = write,
		.flags = regs->r8,
		.address = regs->rdi,
		.length = regs->rsi,
		.buffer = regs->rdx,
	};
	uint64_t done = 0;
	int64_t part = 0;
	int err;

	if ((regs->r8 & ~(uint64_t)MEM_FLAGS) || !t.length || t.length > HADAL_TRANSFER_MAX ||
	    t.address + t.length < t.address || t.buffer + t.length < t.buffer)
		return -EINVAL;
	if (t.flags & (t.flags & HADAL_MEM_VIRTUAL ? HADAL_MEM_MMIO : MEM_LEVELS))
		return -EINVAL;
	if (t.flags & HADAL_MEM_VIRTUAL) {
		err = client_paging(vcpu, regs->r9, t.flags, &t.paging);
		if (err)
			return err;
	}
	for (; done < t.length; done += part) {
		part = copy_piece(&t, done);
		if (part < 0)
			break;
	}
	return done ? (int64_t)done : part;
}

int64_t hypercall_read(struct vcpu *vcpu)
{
	return transfer(vcpu, false);
}

int64_t hypercall_write(struct vcpu *vcpu)
{
	return transfer(vcpu, true);
}

static void describe(const struct guest_walk *walk, int result, struct hadal_translation *out)
{
	memset(out, 0, sizeof(*out));
	out->result = result;
	out->levels = walk->levels;
	out->step_count = walk->step_count;
	if (!result) {
		out->rights = walk->rights;
		out->physical = nested_gpa_to_hpa(&machine.nested, walk->gpa);
		out->page_bytes = walk->page_bytes;
	}
	for (unsigned i = 0; i < walk->step_count; i++)
		out->step[i] = (struct hadal_step){
			.entry_address = walk->step[i].address,
			.entry = walk->step[i].value,
			.level = walk->step[i].level,
			.rights = walk->step[i].rights,
		};
}

int64_t hypercall_translate(struct vcpu *vcpu)
{
	const struct gprs *regs = &vcpu->regs;
	struct hadal_translation out;
	struct guest_paging paging;
	struct guest_walk walk;
	int err;

	if (regs->r9 & ~(uint64_t)MEM_LEVELS)
		return -EINVAL;
	err = client_paging(vcpu, regs->rsi, regs->r9, &paging);
	if (err)
		return err;
	memset(&walk, 0, sizeof(walk));
	err = guest_walk(&paging, regs->rdi, WALK_ANY, memory_walk_table, NULL, &walk);
	if (err == -EFAULT && (walk.fault & PF_RESERVED))
		err = -EINVAL;
	describe(&walk, err, &out);
	return hypercall_answer(regs->rdx, regs->r8, &out, sizeof(out));
}
