// SPDX-License-Identifier: MIT
/*
 * The processor's rules for its registers, as MOV and WRMSR have them and as an entry into the
 * guest checks them (SDM 27.3.1, APM 15.5.1): a state that passes here is never refused there.
 */
#include "base/bits.h"
#include "vcpu/register_check.h"
#include "base/string.h"
#include "vcpu/vcpu.h"
#include "x86/cpu.h"

#define RFLAGS_FREE  0x3d7fd5ull /* without VM, for there is no such mode in long mode */
#define CR0_DEFINED  0xe005003full
#define CR0_MODE     (CR0_PE | CR0_PG)
#define CR4_MODE     (CR4_PAE | CR4_LA57)
#define EFER_MODE    (EFER_LME | EFER_LMA)
#define DR6_ONES     0xffff0ff0ull
#define DR7_ONES     0x400ull
#define CR8_MAX      15u
#define TABLE_LIMIT  0xffffu
#define XCR0_X87     BIT(0)
#define XCR0_SSE     BIT(1)
#define XCR0_AVX     BIT(2)
#define XCR0_BOUNDS  (BIT(3) | BIT(4))
#define XCR0_AVX512  (BIT(5) | BIT(6) | BIT(7))
#define XCR0_TILES   (BIT(17) | BIT(18))
#define SELECTOR_RPL 3u
#define SELECTOR_TI  4u

/* struct hadal_segment.attributes */
#define ACCESSED   0x001u
#define WRITABLE   0x002u /* of code: readable */
#define EXPANDS    0x004u /* of code: conforming */
#define CODE       0x008u
#define NOT_SYSTEM 0x010u
#define PRESENT    0x080u
#define BIG        0x400u
#define PAGES      0x800u
#define DEFINED    0xfffu
#define TYPE       0x01fu /* with NOT_SYSTEM */
#define TYPE_LDT   0x02u
#define TYPE_BUSY  0x0bu

#define PLACE(NAME, member, type, text) \
	[HADAL_REG_##NAME] = {offsetof(struct hadal_regs, member), sizeof(type)},

static const struct {
	uint16_t offset, bytes;
} places[HADAL_REG_COUNT] = {HADAL_REGISTERS(PLACE)};

size_t register_place(enum hadal_reg reg, size_t *bytes)
{
	*bytes = places[reg].bytes;
	return places[reg].offset;
}

enum hadal_reg register_at(size_t place)
{
	unsigned reg = 0;

	while (reg < HADAL_REG_COUNT - 1 && place - places[reg].offset >= places[reg].bytes)
		reg++;
	return reg;
}

void registers_merge(struct hadal_regs *into, const struct hadal_regs *from, uint64_t mask)
{
	for (unsigned reg = 0; reg < HADAL_REG_COUNT; reg++) {
		size_t bytes, at = register_place(reg, &bytes);

		if (mask >> reg & 1)
			memcpy((uint8_t *)into + at, (const uint8_t *)from + at, bytes);
	}
}

bool pat_is_valid(uint64_t pat)
{
	for (; pat; pat >>= 8) {
		unsigned type = pat & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool in_long_mode(const struct hadal_regs *r)
{
	return r->efer & EFER_LMA;
}

static bool canonical(const struct hadal_regs *r, uint64_t address)
{
	return is_canonical(address, r->cr4 & CR4_LA57);
}

static bool rip_valid(const struct hadal_regs *r)
{
	if (in_long_mode(r) && (r->cs.attributes & SEGMENT_LONG))
		return canonical(r, r->rip);
	return !(r->rip >> 32);
}

static bool cr0_valid(const struct hadal_regs *now, const struct hadal_regs *next)
{
	uint64_t cr0 = next->cr0;

	if ((cr0 & ~CR0_DEFINED) || !(cr0 & CR0_ET) || ((cr0 ^ now->cr0) & CR0_MODE))
		return false;
	if ((cr0 & CR0_NW) && !(cr0 & CR0_CD))
		return false;
	return (cr0 & CR0_WP) || !(next->cr4 & CR4_CET);
}

/*
 * MOV does not turn PCIDs on while CR3 has one. An entry does, so that a state that was taken away
 * can be given back.
 */
static bool cr4_valid(const struct register_rules *rules, const struct hadal_regs *now,
		      const struct hadal_regs *next)
{
	uint64_t cr4 = next->cr4, changed = cr4 ^ now->cr4;

	if ((cr4 & ~rules->cr4) || (changed & CR4_MODE))
		return false;
	if ((changed & cr4 & CR4_PCIDE) && !in_long_mode(next))
		return false;
	return !(cr4 & CR4_CET) || (next->cr0 & CR0_WP);
}

/* Without long mode a new CR3 would bring new PDPTEs with it. */
static bool cr3_valid(const struct register_rules *rules, const struct hadal_regs *next)
{
	return in_long_mode(next) && !(next->cr3 & ~rules->cr3);
}

static bool efer_valid(const struct register_rules *rules, const struct hadal_regs *now,
		       const struct hadal_regs *next)
{
	return !(next->efer & ~rules->efer) && !((next->efer ^ now->efer) & EFER_MODE);
}

/* SDM vol. 1, 13.3: parts of one extension come together. */
static bool xcr0_valid(const struct register_rules *rules, const struct hadal_regs *next)
{
	static const uint64_t together[] = {XCR0_BOUNDS, XCR0_AVX512, XCR0_TILES};
	uint64_t xcr0 = next->xcr0;

	if ((xcr0 & ~rules->xcr0) || !(xcr0 & XCR0_X87) || !(next->cr4 & CR4_OSXSAVE))
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(together); i++)
		if ((xcr0 & together[i]) && (xcr0 & together[i]) != together[i])
			return false;
	if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
		return false;
	return !(xcr0 & XCR0_AVX512) || (xcr0 & XCR0_AVX);
}

static unsigned privilege(const struct hadal_segment *segment)
{
	return segment->attributes >> 5 & 3;
}

static bool is_present(const struct hadal_segment *segment)
{
	return segment->attributes & PRESENT;
}

/* What holds for every segment. An unusable one has no attributes that could be kept. */
static bool segment_valid(const struct register_rules *rules, const struct hadal_segment *segment)
{
	uint32_t limit = segment->limit;

	if (segment->attributes & ~DEFINED)
		return false;
	if (!rules->strict_segments)
		return true;
	if (!is_present(segment))
		return !segment->attributes;
	if ((segment->attributes & NOT_SYSTEM) && !(segment->attributes & ACCESSED))
		return false;
	return segment->attributes & PAGES ? (limit & 0xfff) == 0xfff : !(limit >> 20);
}

static bool data_valid(const struct register_rules *rules, const struct hadal_regs *next,
		       const struct hadal_segment *segment)
{
	bool wide = segment == &next->fs || segment == &next->gs;

	if (!segment_valid(rules, segment))
		return false;
	if (wide ? !canonical(next, segment->base) : segment->base >> 32)
		return false;
	if (!is_present(segment))
		return true;
	return (segment->attributes & NOT_SYSTEM) &&
	       (!(segment->attributes & CODE) || (segment->attributes & WRITABLE));
}

/* The CPL is CS's RPL; on VT-x it is SS's DPL (SDM 25.4.1), so the two must agree. */
static bool levels_agree(const struct register_rules *rules, const struct hadal_regs *now,
			 const struct hadal_regs *next, bool stack_too)
{
	const struct hadal_segment *cs = &next->cs, *ss = &next->ss;
	unsigned cpl = cs->selector & SELECTOR_RPL;

	if (cs->attributes & EXPANDS ? privilege(cs) > cpl : privilege(cs) != cpl)
		return false;
	/* SYSRET of AMD's leaves of SS what was there (APM, SYSRET): it is looked at only if new.
	 */
	if (!rules->strict_segments && !stack_too && cpl == (now->cs.selector & SELECTOR_RPL))
		return true;
	return (is_present(ss) ? privilege(ss) : 0) == cpl;
}

static bool code_valid(const struct register_rules *rules, const struct hadal_regs *now,
		       const struct hadal_regs *next)
{
	const struct hadal_segment *cs = &next->cs;
	const unsigned needed = PRESENT | NOT_SYSTEM | CODE;

	if (!segment_valid(rules, cs) || (cs->attributes & needed) != needed || cs->base >> 32)
		return false;
	if ((cs->attributes & SEGMENT_LONG) && (!in_long_mode(next) || (cs->attributes & BIG)))
		return false;
	return levels_agree(rules, now, next, false) && rip_valid(next);
}

static bool stack_valid(const struct register_rules *rules, const struct hadal_regs *now,
			const struct hadal_regs *next)
{
	const struct hadal_segment *ss = &next->ss;

	if (!data_valid(rules, next, ss) || !levels_agree(rules, now, next, true))
		return false;
	return !is_present(ss) || (ss->attributes & (CODE | WRITABLE)) == WRITABLE;
}

static bool system_valid(const struct register_rules *rules, const struct hadal_regs *next,
			 const struct hadal_segment *segment)
{
	unsigned type = segment->attributes & TYPE;

	if (!segment_valid(rules, segment) || !canonical(next, segment->base))
		return false;
	if (segment == &next->ldtr && !is_present(segment))
		return true;
	if (!is_present(segment) || (segment->selector & SELECTOR_TI))
		return false;
	if (segment == &next->ldtr)
		return type == TYPE_LDT;
	return type == TYPE_BUSY;
}

static bool segment_register_valid(const struct register_rules *rules, const struct hadal_regs *now,
				   const struct hadal_regs *next, enum hadal_reg reg)
{
	const struct hadal_segment *segment = &next->es + (reg - HADAL_REG_ES);

	switch (reg) {
	case HADAL_REG_CS:
		return code_valid(rules, now, next);
	case HADAL_REG_SS:
		return stack_valid(rules, now, next);
	case HADAL_REG_LDTR:
	case HADAL_REG_TR:
		return system_valid(rules, next, segment);
	default:
		return data_valid(rules, next, segment);
	}
}

static bool msr_valid(const struct register_rules *rules, const struct hadal_regs *now,
		      const struct hadal_regs *next, enum hadal_reg reg)
{
	size_t bytes;
	uint64_t value = *(const uint64_t *)((const uint8_t *)next + register_place(reg, &bytes));

	switch (reg) {
	case HADAL_REG_EFER:
		return efer_valid(rules, now, next);
	case HADAL_REG_STAR:
		return true;
	case HADAL_REG_SFMASK:
	case HADAL_REG_SYSENTER_CS:
		return !(value >> 32);
	case HADAL_REG_TSC_AUX:
		return rules->tsc_aux && !(value >> 32);
	case HADAL_REG_PAT:
		return pat_is_valid(value);
	case HADAL_REG_XCR0:
		return xcr0_valid(rules, next);
	default:
		return canonical(next, value);
	}
}

static bool register_valid(const struct register_rules *rules, const struct hadal_regs *now,
			   const struct hadal_regs *next, enum hadal_reg reg)
{
	if (reg >= HADAL_REG_EFER)
		return msr_valid(rules, now, next, reg);
	if (reg >= HADAL_REG_ES && reg <= HADAL_REG_TR)
		return segment_register_valid(rules, now, next, reg);
	switch (reg) {
	case HADAL_REG_RIP:
		return rip_valid(next);
	case HADAL_REG_RFLAGS:
		return (next->rflags & ~RFLAGS_FREE) == RFLAGS_FIXED;
	case HADAL_REG_CR0:
		return cr0_valid(now, next);
	case HADAL_REG_CR3:
		return cr3_valid(rules, next);
	case HADAL_REG_CR4:
		return cr4_valid(rules, now, next);
	case HADAL_REG_CR8:
		return next->cr8 <= CR8_MAX;
	case HADAL_REG_DR6:
		return !((next->dr6 ^ DR6_ONES) & ~rules->dr6);
	case HADAL_REG_DR7:
		return !((next->dr7 ^ DR7_ONES) & ~rules->dr7);
	case HADAL_REG_GDTR_BASE:
		return canonical(next, next->gdtr_base);
	case HADAL_REG_IDTR_BASE:
		return canonical(next, next->idtr_base);
	case HADAL_REG_GDTR_LIMIT:
		return next->gdtr_limit <= TABLE_LIMIT;
	case HADAL_REG_IDTR_LIMIT:
		return next->idtr_limit <= TABLE_LIMIT;
	default: /* general registers, CR2 and breakpoint addresses hold anything */
		return true;
	}
}

int registers_check(const struct register_rules *rules, const struct hadal_regs *now,
		    const struct hadal_regs *next, uint64_t mask)
{
	for (unsigned reg = 0; reg < HADAL_REG_COUNT; reg++)
		if ((mask >> reg & 1) && !register_valid(rules, now, next, reg))
			return reg;
	return -1;
}
