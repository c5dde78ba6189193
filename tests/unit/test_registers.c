// SPDX-License-Identifier: MIT
// Sources: vmm/vcpu/register_check.c
/* What the processor would refuse as registers of a vCPU, member by member. */
#include <string.h>
#include "unit.h"
#include "registers_fixture.h"

static struct hadal_regs now, next;
static struct register_rules rules;

static int reset(void **unused)
{
	(void)unused;
	now = next = registers_of_linux();
	rules = rules_of_a_processor();
	return 0;
}

static int check(enum hadal_reg reg)
{
	return registers_check(&rules, &now, &next, 1ull << reg);
}

#define TAKES(reg, member, value)                             \
	do {                                                  \
		next.member = value;                          \
		assert_int_equal(check(HADAL_REG_##reg), -1); \
		next.member = now.member;                     \
	} while (0)
#define REFUSES(reg, member, value)                                        \
	do {                                                               \
		next.member = value;                                       \
		assert_int_equal(check(HADAL_REG_##reg), HADAL_REG_##reg); \
		next.member = now.member;                                  \
	} while (0)

static void what_runs_is_accepted(void **unused)
{
	(void)unused;
	assert_int_equal(registers_check(&rules, &now, &next, REGISTER_MASK_ALL), -1);
	rules.strict_segments = false;
	assert_int_equal(registers_check(&rules, &now, &next, REGISTER_MASK_ALL), -1);
}

static void places_cover_the_struct(void **unused)
{
	size_t covered = 0, bytes;
	(void)unused;

	for (unsigned reg = 0; reg < HADAL_REG_COUNT; reg++) {
		assert_true(register_place(reg, &bytes) + bytes <=
			    offsetof(struct hadal_regs, cpu));
		covered += bytes;
	}
	assert_int_equal(covered, offsetof(struct hadal_regs, cpu));
	assert_int_equal(register_place(HADAL_REG_TR, &bytes), offsetof(struct hadal_regs, tr));
	assert_int_equal(register_place(HADAL_REG_IDTR_LIMIT, &bytes),
			 offsetof(struct hadal_regs, idtr_limit));
}

static void merging_takes_what_the_mask_names(void **unused)
{
	struct hadal_regs from;
	(void)unused;

	memset(&from, 0xa5, sizeof(from));
	for (unsigned reg = 0; reg < HADAL_REG_COUNT; reg++) {
		struct hadal_regs into = now;
		size_t bytes, at = register_place(reg, &bytes);

		registers_merge(&into, &from, 1ull << reg);
		assert_memory_equal((uint8_t *)&into + at, (uint8_t *)&from + at, bytes);
		memcpy((uint8_t *)&into + at, (uint8_t *)&now + at, bytes);
		assert_memory_equal(&into, &now, sizeof(now));
	}
}

static void addresses_are_canonical(void **unused)
{
	const uint64_t edge = 0x800000000000, wide = 1ull << 56;
	(void)unused;

#define ADDRESS(reg, member)              \
	TAKES(reg, member, edge - 1);     \
	TAKES(reg, member, -edge);        \
	REFUSES(reg, member, edge);       \
	REFUSES(reg, member, -edge - 1);  \
	REFUSES(reg, member, 1ull << 63); \
	now.cr4 |= 1ull << 12;            \
	next.cr4 |= 1ull << 12;           \
	TAKES(reg, member, edge);         \
	TAKES(reg, member, wide - 1);     \
	REFUSES(reg, member, wide);       \
	now.cr4 &= ~(1ull << 12);         \
	next.cr4 &= ~(1ull << 12)
	ADDRESS(RIP, rip);
	ADDRESS(FS, fs.base);
	ADDRESS(GS, gs.base);
	ADDRESS(LDTR, ldtr.base);
	ADDRESS(TR, tr.base);
	ADDRESS(GDTR_BASE, gdtr_base);
	ADDRESS(IDTR_BASE, idtr_base);
	ADDRESS(LSTAR, lstar);
	ADDRESS(CSTAR, cstar);
	ADDRESS(KERNEL_GS_BASE, kernel_gs_base);
	ADDRESS(SYSENTER_ESP, sysenter_esp);
	ADDRESS(SYSENTER_EIP, sysenter_eip);
	TAKES(RAX, rax, edge);
	TAKES(CR2, cr2, edge);
	TAKES(DR0, dr0, edge);
	TAKES(STAR, star, edge);
	next.rsp = edge;
	assert_int_equal(registers_check(&rules, &now, &next, 1 << 4), -1);
}

static void control_registers(void **unused)
{
	(void)unused;
	TAKES(CR0, cr0, now.cr0 ^ 8);
	TAKES(CR0, cr0, now.cr0 & ~(1ull << 16));
	TAKES(CR0, cr0, now.cr0 | 3ull << 29);
	TAKES(CR0, cr0, now.cr0 | 1ull << 30);
	REFUSES(CR0, cr0, now.cr0 | 1ull << 29);    /* NW without CD */
	REFUSES(CR0, cr0, now.cr0 & ~(1ull << 31)); /* PG */
	REFUSES(CR0, cr0, now.cr0 & ~1ull);
	REFUSES(CR0, cr0, now.cr0 & ~(1ull << 4));
	REFUSES(CR0, cr0, now.cr0 | 1ull << 6);
	REFUSES(CR0, cr0, now.cr0 | 1ull << 32);
	TAKES(CR3, cr3, 0xfffffff000);
	TAKES(CR3, cr3, 0x1234567);
	REFUSES(CR3, cr3, 1ull << PHYSICAL_BITS);
	REFUSES(CR3, cr3, 1ull << 63);
	REFUSES(CR4, cr4, now.cr4 & ~(1ull << 5)); /* PAE */
	REFUSES(CR4, cr4, now.cr4 | 1ull << 12);   /* LA57 */
	REFUSES(CR4, cr4, now.cr4 | 1ull << 15);
	REFUSES(CR4, cr4, now.cr4 | 1ull << 40);
	TAKES(CR4, cr4, now.cr4 ^ 1ull << 20);
	TAKES(CR4, cr4, now.cr4 | 1ull << 17); /* PCIDE */
	next.cr3 |= 5;
	TAKES(CR4, cr4, now.cr4 | 1ull << 17); /* and with one, as an entry takes it */
	next.cr3 = now.cr3;
	TAKES(CR4, cr4, now.cr4 | 1ull << 23); /* CET, with WP */
	next.cr4 |= 1ull << 23;
	REFUSES(CR0, cr0, now.cr0 & ~(1ull << 16));
	next.cr4 = now.cr4;
	TAKES(CR8, cr8, 15);
	REFUSES(CR8, cr8, 16);
	REFUSES(EFER, efer, now.efer & ~(1ull << 8));
	REFUSES(EFER, efer, now.efer & ~(1ull << 10));
	REFUSES(EFER, efer, now.efer | 1ull << 12); /* SVME */
	REFUSES(EFER, efer, now.efer | 1ull << 50);
	TAKES(EFER, efer, now.efer ^ 1);
}

static void flags_and_debug_registers(void **unused)
{
	(void)unused;
	TAKES(RFLAGS, rflags, 2);
	TAKES(RFLAGS, rflags, 0x3d7fd7);
	REFUSES(RFLAGS, rflags, 0);
	REFUSES(RFLAGS, rflags, 0x20002); /* VM */
	REFUSES(RFLAGS, rflags, 1ull << 32 | 2);
	REFUSES(RFLAGS, rflags, 0x8002);
	TAKES(DR6, dr6, 0xffff4ff1);
	REFUSES(DR6, dr6, 0xffff1ff0);
	REFUSES(DR6, dr6, 0);
	REFUSES(DR6, dr6, 0xfffe0ff0); /* RTM, which it lacks */
	REFUSES(DR6, dr6, 1ull << 32 | 0xffff0ff0);
	TAKES(DR7, dr7, 0xffff27ff);
	REFUSES(DR7, dr7, 0);
	REFUSES(DR7, dr7, 0x1400);
	REFUSES(DR7, dr7, 0x4400);
	REFUSES(DR7, dr7, 1ull << 32 | 0x400);
}

static void model_specific_registers(void **unused)
{
	(void)unused;
	REFUSES(SFMASK, sfmask, 1ull << 32);
	REFUSES(SYSENTER_CS, sysenter_cs, 1ull << 32);
	REFUSES(TSC_AUX, tsc_aux, 1ull << 32);
	TAKES(TSC_AUX, tsc_aux, 0xffffffff);
	rules.tsc_aux = false;
	REFUSES(TSC_AUX, tsc_aux, 1);
	TAKES(PAT, pat, 0x0706050401000607);
	for (unsigned i = 0; i < 64; i += 8) {
		REFUSES(PAT, pat, 2ull << i);
		REFUSES(PAT, pat, 3ull << i);
		REFUSES(PAT, pat, 8ull << i);
	}
	TAKES(XCR0, xcr0, 1);
	TAKES(XCR0, xcr0, 3);
	TAKES(XCR0, xcr0, 7);
	TAKES(XCR0, xcr0, 0xe7);
	REFUSES(XCR0, xcr0, 0);
	REFUSES(XCR0, xcr0, 2);
	REFUSES(XCR0, xcr0, 5);
	REFUSES(XCR0, xcr0, 0xe3);
	REFUSES(XCR0, xcr0, 0x27);
	REFUSES(XCR0, xcr0, 0xf);
	REFUSES(XCR0, xcr0, 1ull << 62 | 1);
	next.cr4 &= ~(1ull << 18);
	REFUSES(XCR0, xcr0, 7);
	REFUSES(GDTR_LIMIT, gdtr_limit, 0x10000);
	REFUSES(IDTR_LIMIT, idtr_limit, 0x10000);
	TAKES(GDTR_LIMIT, gdtr_limit, 0xffff);
}

static void segments(void **unused)
{
	(void)unused;
	REFUSES(CS, cs.attributes, 0);
	REFUSES(CS, cs.attributes, 0x29b | 0x400); /* L and D */
	REFUSES(CS, cs.attributes, 0x293);         /* data */
	REFUSES(CS, cs.attributes, 0x28b);         /* system */
	REFUSES(CS, cs.attributes, 0x1a9b);
	REFUSES(CS, cs.attributes, 0xafb); /* DPL 3 at CPL 0 */
	REFUSES(CS, cs.base, 1ull << 32);
	REFUSES(CS, cs.selector, 0x13); /* RPL 3 at DPL 0 */
	REFUSES(SS, ss.attributes, 0xcf3);
	REFUSES(SS, ss.attributes, 0xc91); /* not writable */
	REFUSES(SS, ss.attributes, 0xc9b);
	TAKES(SS, ss.attributes, 0); /* null, as Linux has it in ring 0 */
	REFUSES(DS, ds.base, 1ull << 32);
	REFUSES(DS, ds.attributes, 0xc89);
	REFUSES(DS, ds.attributes, 0xc99); /* code that cannot be read */
	REFUSES(LDTR, ldtr.attributes, 0x8b);
	TAKES(LDTR, ldtr.attributes, 0x82);
	REFUSES(TR, tr.attributes, 0);
	REFUSES(TR, tr.attributes, 0x82);
	REFUSES(TR, tr.selector, 0x44);
	REFUSES(TR, tr.attributes, 0x89); /* it would be read as busy, on both vendors */
	/* VT-x alone looks at these. */
	REFUSES(TR, tr.limit, 0x100000);
	REFUSES(CS, cs.attributes, 0xa9a); /* not accessed */
	REFUSES(CS, cs.limit, 0xffff0000);
	REFUSES(FS, fs.attributes, 0x13);
	rules.strict_segments = false;
	REFUSES(TR, tr.attributes, 0x89);
	TAKES(TR, tr.limit, 0x100000);
	TAKES(CS, cs.attributes, 0xa9a);
	TAKES(CS, cs.limit, 0xffff0000);
	TAKES(FS, fs.attributes, 0x13);
}

/* From ring 0 to ring 3 and to compatibility mode, which takes more than one register. */
static void rings_and_modes(void **unused)
{
	const uint64_t both = 1ull << HADAL_REG_CS | 1ull << HADAL_REG_SS;
	(void)unused;

	for (int strict = 0; strict < 2; strict++) {
		rules.strict_segments = strict;
		next = now;
		next.cs.selector = 0x33;
		next.cs.attributes = 0xafb;
		assert_int_equal(check(HADAL_REG_CS), HADAL_REG_CS);
		next.ss.selector = 0x2b;
		next.ss.attributes = 0xcf3;
		assert_int_equal(registers_check(&rules, &now, &next, both), -1);
		next = now;
		next.cs.attributes = 0xc9b;
		assert_int_equal(check(HADAL_REG_CS), HADAL_REG_CS); /* RIP is above 4 GiB */
		next.rip = 0xffffffff;
		assert_int_equal(registers_check(&rules, &now, &next, both | 1ull << HADAL_REG_RIP),
				 -1);
		next.rip++;
		assert_int_equal(check(HADAL_REG_RIP), HADAL_REG_RIP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_runs_is_accepted, reset),
		cmocka_unit_test_setup(places_cover_the_struct, reset),
		cmocka_unit_test_setup(merging_takes_what_the_mask_names, reset),
		cmocka_unit_test_setup(addresses_are_canonical, reset),
		cmocka_unit_test_setup(control_registers, reset),
		cmocka_unit_test_setup(flags_and_debug_registers, reset),
		cmocka_unit_test_setup(model_specific_registers, reset),
		cmocka_unit_test_setup(segments, reset),
		cmocka_unit_test_setup(rings_and_modes, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
