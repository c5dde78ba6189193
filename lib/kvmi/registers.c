// SPDX-License-Identifier: MIT
/* Registers between the hypervisor's and KVM's way to write them. */
#include "kvmi/registers.h"

#include <string.h>

#define EFER_LMA (1ull << 10)

#define ATTRIBUTE_TYPE    15u
#define ATTRIBUTE_PRESENT (1u << 7)
#define ATTRIBUTE_L       (1u << 9)
#define ATTRIBUTE_DB      (1u << 10)

/* Those that both write in the same way. */
#define COPY_COMMON(to, from)                  \
	do {                                   \
		(to)->rax = (from)->rax;       \
		(to)->rbx = (from)->rbx;       \
		(to)->rcx = (from)->rcx;       \
		(to)->rdx = (from)->rdx;       \
		(to)->rsi = (from)->rsi;       \
		(to)->rdi = (from)->rdi;       \
		(to)->rsp = (from)->rsp;       \
		(to)->rbp = (from)->rbp;       \
		(to)->r8 = (from)->r8;         \
		(to)->r9 = (from)->r9;         \
		(to)->r10 = (from)->r10;       \
		(to)->r11 = (from)->r11;       \
		(to)->r12 = (from)->r12;       \
		(to)->r13 = (from)->r13;       \
		(to)->r14 = (from)->r14;       \
		(to)->r15 = (from)->r15;       \
		(to)->rip = (from)->rip;       \
		(to)->rflags = (from)->rflags; \
	} while (0)

unsigned int kvmi_mode(const struct hadal_regs *from)
{
	if (from->efer & EFER_LMA && from->cs.attributes & ATTRIBUTE_L)
		return 8;
	return from->cs.attributes & ATTRIBUTE_DB ? 4 : 2;
}

void kvmi_regs_of(const struct hadal_regs *from, struct kvm_regs *to)
{
	COPY_COMMON(to, from);
}

void kvmi_set_of(const struct kvm_regs *from, struct hadal_set_regs *to)
{
	memset(to, 0, sizeof(*to));
	COPY_COMMON(&to->values, from);
	/* The general registers come first, then RIP and RFLAGS. */
	to->mask = (2ull << HADAL_REG_RFLAGS) - 1;
}

uint64_t kvmi_changes(const struct kvm_regs *before, const struct kvm_regs *after)
{
	struct hadal_set_regs from, to;
	uint64_t changes = 0;

	kvmi_set_of(before, &from);
	kvmi_set_of(after, &to);
	for (unsigned int reg = 0; to.mask >> reg & 1; reg++)
		if (memcmp((uint64_t *)&from.values + reg, (uint64_t *)&to.values + reg,
			   sizeof(uint64_t)))
			changes |= 1ull << reg;
	return changes;
}

static struct kvm_segment segment_of(const struct hadal_segment *from)
{
	const unsigned int attributes = from->attributes;

	return (struct kvm_segment){
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.type = attributes & ATTRIBUTE_TYPE,
		.s = attributes >> 4 & 1,
		.dpl = attributes >> 5 & 3,
		.present = attributes >> 7 & 1,
		.avl = attributes >> 8 & 1,
		.l = attributes >> 9 & 1,
		.db = attributes >> 10 & 1,
		.g = attributes >> 11 & 1,
		.unusable = !(attributes & ATTRIBUTE_PRESENT),
	};
}

void kvmi_sregs_of(const struct hadal_regs *from, struct kvm_sregs *to)
{
	*to = (struct kvm_sregs){
		.cs = segment_of(&from->cs),
		.ds = segment_of(&from->ds),
		.es = segment_of(&from->es),
		.fs = segment_of(&from->fs),
		.gs = segment_of(&from->gs),
		.ss = segment_of(&from->ss),
		.tr = segment_of(&from->tr),
		.ldt = segment_of(&from->ldtr),
		.gdt = {.base = from->gdtr_base, .limit = (uint16_t)from->gdtr_limit},
		.idt = {.base = from->idtr_base, .limit = (uint16_t)from->idtr_limit},
		.cr0 = from->cr0,
		.cr2 = from->cr2,
		.cr3 = from->cr3,
		.cr4 = from->cr4,
		.cr8 = from->cr8,
		.efer = from->efer,
	};
}

bool kvmi_msr_of(const struct hadal_regs *from, uint32_t msr, uint64_t *value)
{
	const struct {
		uint32_t msr;
		uint64_t value;
	} known[] = {
		{0x174, from->sysenter_cs},  {0x175, from->sysenter_esp},
		{0x176, from->sysenter_eip}, {0x277, from->pat},
		{0xc0000080, from->efer},    {0xc0000081, from->star},
		{0xc0000082, from->lstar},   {0xc0000083, from->cstar},
		{0xc0000084, from->sfmask},  {0xc0000100, from->fs.base},
		{0xc0000101, from->gs.base}, {0xc0000102, from->kernel_gs_base},
		{0xc0000103, from->tsc_aux},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].msr == msr) {
			*value = known[i].value;
			return true;
		}
	return false;
}

void kvmi_event_of(const struct hadal_regs *from, unsigned int vcpu, unsigned int event,
		   struct kvmi_event *to)
{
	*to = (struct kvmi_event){
		.bytes = sizeof(*to),
		.vcpu = (uint16_t)vcpu,
		.event = (uint8_t)event,
		.mode = (uint8_t)kvmi_mode(from),
		.sysenter_cs = from->sysenter_cs,
		.sysenter_esp = from->sysenter_esp,
		.sysenter_eip = from->sysenter_eip,
		.efer = from->efer,
		.star = from->star,
		.lstar = from->lstar,
		.cstar = from->cstar,
		.pat = from->pat,
		.kernel_gs_base = from->kernel_gs_base,
	};
	kvmi_regs_of(from, &to->regs);
	kvmi_sregs_of(from, &to->sregs);
}
