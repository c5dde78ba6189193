// SPDX-License-Identifier: MIT
/* A vCPU: its registers, its code, and where it lies. */
#include "base/insn.h"
#include "base/percpu.h"
#include "paging/memory.h"
#include "base/string.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define SEGMENT_BIG 0x400 /* CS.D */

struct vcpu *this_vcpu(void)
{
	uint32_t index = percpu_index();

	return index == PERCPU_NONE ? &init_vcpu : vcpu_at(index);
}

void vcpu_init(uint32_t index)
{
	struct vcpu *vcpu = vcpu_at(index);

	vcpu->index = index;
	vcpu->stats.cpu = index;
	vcpu->stats.kind_count = HADAL_EXIT_KIND_COUNT;
	vcpu->arch = (uint8_t *)vcpu - PERCPU_VCPU + PERCPU_ARCH;
	for (int i = 0; i < PERCPU_ARCH_PAGES; i++)
		vcpu->arch_physical[i] = memory_physical((uint8_t *)vcpu->arch + i * PAGE_BYTES);
	vcpu_drop_caches(vcpu);
}

uint64_t vcpu_get(struct vcpu *vcpu, enum vcpu_reg reg)
{
	return vendor->get(vcpu, reg);
}

void vcpu_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
	vendor->set(vcpu, reg, value);
}

void vcpu_drop_caches(struct vcpu *vcpu)
{
	walk_cache_drop(&vcpu->fetch_cache[0]);
	walk_cache_drop(&vcpu->fetch_cache[1]);
	walk_cache_drop(&vcpu->client_cache);
}

bool vcpu_long_mode(struct vcpu *vcpu)
{
	return vendor->long_mode(vcpu);
}

void vcpu_paging(struct vcpu *vcpu, struct guest_paging *paging)
{
	*paging = (struct guest_paging){
		.cr0 = vcpu_get(vcpu, REG_CR0),
		.cr3 = vcpu_get(vcpu, REG_CR3),
		.cr4 = vcpu_get(vcpu, REG_CR4),
		.efer = vcpu_get(vcpu, REG_EFER),
		.physical_bits = machine.physical_bits,
		.has_1g = true,
	};
}

static void *table_in_view(void *view, uint64_t gpa)
{
	uint64_t hpa = view_hpa(view, gpa);

	return memory_is_ram(hpa) ? memory_direct(hpa) : NULL;
}

void *vcpu_walk_view(const struct vcpu *vcpu, const struct guest_paging *paging, uint64_t linear)
{
	struct guest_walk walk;

	if (guest_walk(paging, linear, WALK_ANY, table_in_view, (void *)vcpu->view, &walk))
		return NULL;
	return table_in_view((void *)vcpu->view, walk.gpa);
}

/* Host address of the code byte at a linear address, remembered for the next time. */
static const uint8_t *code_at(struct vcpu *vcpu, uint64_t linear)
{
	struct guest_paging paging;
	struct guest_walk walk;
	struct walk_cache *cache = vcpu_fetch_cache(vcpu, linear);
	const uint8_t *host = walk_cache_hit(cache, vcpu_get(vcpu, REG_CR3), linear);

	if (host)
		return host;
	vcpu_paging(vcpu, &paging);
	if (vcpu->view) /* nothing is remembered of it */
		return vcpu_walk_view(vcpu, &paging, linear);
	if (guest_walk(&paging, linear, WALK_ANY, memory_walk_table, NULL, &walk))
		return NULL;
	host = memory_guest(walk.gpa, MEMORY_READ);
	if (host && (paging.efer & EFER_LMA))
		walk_cache_fill(cache, paging.cr3, linear, &walk,
				(const void *)((uint64_t)host & ~(PAGE_BYTES - 1)));
	return host;
}

size_t vcpu_fetch(struct vcpu *vcpu, uint64_t linear, uint8_t *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		const uint8_t *host = code_at(vcpu, linear + done);
		size_t rest = PAGE_BYTES - ((uint64_t)host & (PAGE_BYTES - 1));

		if (!host)
			break;
		if (rest > count - done)
			rest = count - done;
		memcpy(bytes + done, host, rest);
		done += rest;
	}
	return done;
}

static void *table_anywhere(void *context, uint64_t gpa)
{
	return memory_anywhere(context, gpa);
}

/*
 * The processor fetches code, and reads page tables, also where the image knows of no RAM: in a
 * device's memory, or in RAM that nobody has told of. Slow, and nothing of it is remembered.
 */
static size_t fetch_anywhere(struct vcpu *vcpu, uint64_t linear, uint8_t bytes[INSN_MAX_BYTES])
{
	struct guest_paging paging;
	size_t done = 0;

	vcpu_paging(vcpu, &paging);
	while (done < INSN_MAX_BYTES) {
		struct guest_walk walk;
		const volatile uint8_t *host;

		if (guest_walk(&paging, linear + done, WALK_ANY, table_anywhere, vcpu, &walk))
			break;
		host = memory_anywhere(vcpu, walk.gpa);
		if (!host)
			break;
		do
			bytes[done++] = *host++;
		while (done < INSN_MAX_BYTES && ((uint64_t)host & (PAGE_BYTES - 1)));
	}
	return done;
}

/* True with the code bytes when they all lie in the page of the last walk, and it still holds. */
static bool fetch_again(struct vcpu *vcpu, uint64_t linear, uint8_t bytes[INSN_MAX_BYTES])
{
	const uint8_t *code;

	if ((linear & (PAGE_BYTES - 1)) > PAGE_BYTES - INSN_MAX_BYTES)
		return false;
	code = walk_cache_hit(vcpu_fetch_cache(vcpu, linear), vcpu_get(vcpu, REG_CR3), linear);
	if (code)
		memcpy(bytes, code, INSN_MAX_BYTES);
	return code;
}

static enum insn_mode code_mode(struct vcpu *vcpu, const struct hadal_segment *cs)
{
	if ((vcpu_get(vcpu, REG_EFER) & EFER_LMA) && (cs->attributes & SEGMENT_LONG))
		return INSN_64;
	return cs->attributes & SEGMENT_BIG ? INSN_32 : INSN_16;
}

int vcpu_decode(struct vcpu *vcpu, struct insn *insn)
{
	uint8_t bytes[INSN_MAX_BYTES];
	struct hadal_segment cs;
	enum insn_mode mode;
	uint64_t linear = vcpu->rip;
	size_t available;
	int err;

	vendor->get_segment(vcpu, SEG_CS, &cs);
	mode = code_mode(vcpu, &cs);
	if (mode != INSN_64)
		linear = (uint32_t)(linear + cs.base);
	if (mode == INSN_64 && fetch_again(vcpu, linear, bytes))
		available = sizeof(bytes);
	else
		available = vcpu_fetch(vcpu, linear, bytes, sizeof(bytes));
	err = insn_decode(bytes, available, mode, insn);
	if (err != -ENODATA)
		return err;
	available = fetch_anywhere(vcpu, linear, bytes);
	return insn_decode(bytes, available, mode, insn);
}

static void special_registers(struct vcpu *vcpu, struct hadal_regs *out)
{
	struct guest_paging paging;

	vcpu_paging(vcpu, &paging);
	out->cr0 = paging.cr0;
	out->cr2 = vcpu_get(vcpu, REG_CR2);
	out->cr3 = paging.cr3;
	out->cr4 = paging.cr4;
	out->cr8 = read_cr8();
	out->dr0 = read_dr0();
	out->dr1 = read_dr1();
	out->dr2 = read_dr2();
	out->dr3 = read_dr3();
	out->dr6 = vcpu_get(vcpu, REG_DR6);
	out->dr7 = vcpu_get(vcpu, REG_DR7);
	if (vcpu->debug.taken) {
		out->dr0 = vcpu->debug.address[0];
		out->dr1 = vcpu->debug.address[1];
		out->dr2 = vcpu->debug.address[2];
		out->dr3 = vcpu->debug.address[3];
		out->dr7 = vcpu->debug.dr7;
	}
	out->gdtr_base = vcpu_get(vcpu, REG_GDTR_BASE);
	out->gdtr_limit = vcpu_get(vcpu, REG_GDTR_LIMIT);
	out->idtr_base = vcpu_get(vcpu, REG_IDTR_BASE);
	out->idtr_limit = vcpu_get(vcpu, REG_IDTR_LIMIT);
}

static void model_registers(struct vcpu *vcpu, struct hadal_regs *out)
{
	out->efer = vcpu_get(vcpu, REG_EFER);
	out->star = vcpu_get(vcpu, REG_STAR);
	out->lstar = vcpu_get(vcpu, REG_LSTAR);
	out->cstar = vcpu_get(vcpu, REG_CSTAR);
	out->sfmask = vcpu_get(vcpu, REG_SFMASK);
	out->kernel_gs_base = vcpu_get(vcpu, REG_KERNEL_GS_BASE);
	out->sysenter_cs = vcpu_get(vcpu, REG_SYSENTER_CS);
	out->sysenter_esp = vcpu_get(vcpu, REG_SYSENTER_ESP);
	out->sysenter_eip = vcpu_get(vcpu, REG_SYSENTER_EIP);
	out->pat = vcpu_get(vcpu, REG_PAT);
	out->xcr0 = read_cr4() & CR4_OSXSAVE ? xgetbv(0) : 0;
	rdmsr_safe(MSR_TSC_AUX, &out->tsc_aux);
}

void vcpu_registers(struct vcpu *vcpu, struct hadal_regs *out)
{
	uint64_t *general = &out->rax;

	for (unsigned i = 0; i < 16; i++)
		general[i] = *vcpu_gpr(vcpu, i);
	out->rsp = vcpu_get(vcpu, REG_RSP);
	out->rip = vcpu->rip;
	out->rflags = vcpu->stepping ? vcpu->step_flags : vcpu->rflags;
	special_registers(vcpu, out);
	model_registers(vcpu, out);
	for (int i = 0; i < SEG_COUNT; i++)
		vendor->get_segment(vcpu, i, &out->es + i);
	out->cpu = vcpu->index;
	out->apic_id = vcpu->apic_id;
}
