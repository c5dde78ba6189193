// SPDX-License-Identifier: MIT
// Sources: vmm/vmx/caps.c vmm/vmx/reasons.c vmm/vcpu/entry_check.c
/* What VT-x's capabilities allow, and names of exits. */
#include <string.h>
#include "unit.h"
#include "base/bits.h"
#include "base/log.h"
#include "vcpu/entry_check.h"
#include "vmx/caps.h"
#include "vmx/reasons.h"
#include "vmx/vmcs.h"
#include "x86/cpu.h"

#define VMXE BIT(13)

void log_line(const char *format, ...)
{
	(void)format;
}

static uint64_t both(uint32_t must, uint32_t may)
{
	return must | (uint64_t)may << 32;
}

/* A Broadwell's capabilities, as its TRUE_ MSRs tell them. */
static struct vmx_caps broadwell(void)
{
	return (struct vmx_caps){
		.basic = 0x00da040000000004,
		.pin = 0x0000007f00000016,
		.primary = 0xfff9fffe04006172,
		.secondary = both(0, 0x001ffcff),
		.exit = 0x01ffffff00036dfb,
		.entry = 0x0003ffff000011fb,
		.ept_vpid = 0x00000f0106334141,
		.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = VMXE,
		.cr4_fixed1 = 0x003767ff,
	};
}

static struct vmx_controls chosen(const struct vmx_caps *caps)
{
	struct vmx_controls controls;

	assert_null(vmx_controls_choose(caps, &controls));
	return controls;
}

static void required_bits_are_set_and_refused_ones_are_not(void **unused)
{
	struct vmx_caps caps = broadwell();
	struct vmx_controls c = chosen(&caps);
	(void)unused;

	assert_int_equal(c.pin & 0x16, 0x16);
	assert_int_equal(c.primary & 0x04006172, 0x04006172);
	assert_int_equal(c.secondary & ~0x001ffcffu, 0);
	assert_int_equal(c.secondary & SECONDARY_WAITPKG, 0);
	assert_int_equal(c.exit & 0x00036dfb, 0x00036dfb);
	assert_int_equal(c.entry & 0x000011fb, 0x000011fb);
}

static void nothing_exits_that_need_not(void **unused)
{
	struct vmx_caps caps = broadwell();
	struct vmx_controls c = chosen(&caps);
	const uint32_t wanted = PRIMARY_MSR_BITMAPS | PRIMARY_SECONDARY;
	(void)unused;

	assert_int_equal(c.primary, wanted | 0x04006172);
	assert_int_equal(c.pin & 1, 0); /* external interrupts */
	assert_int_equal(c.pin & (PIN_NMI | PIN_VIRTUAL_NMIS), PIN_NMI | PIN_VIRTUAL_NMIS);
	assert_int_equal(c.secondary & (SECONDARY_WBINVD | SECONDARY_DESCRIPTOR), 0);
}

static void the_guest_keeps_instructions_that_it_knows_of(void **unused)
{
	struct vmx_caps caps = broadwell();
	const uint32_t kept = SECONDARY_RDTSCP | SECONDARY_INVPCID | SECONDARY_XSAVES;
	(void)unused;

	assert_int_equal(chosen(&caps).secondary & kept, kept);
	caps.secondary |= (uint64_t)(SECONDARY_WAITPKG | SECONDARY_PCONFIG) << 32;
	assert_true(chosen(&caps).secondary & SECONDARY_WAITPKG);
	assert_true(chosen(&caps).secondary & SECONDARY_PCONFIG);
}

static void cr_masks_cover_fixed_bits_only(void **unused)
{
	struct vmx_caps caps = broadwell();
	struct vmx_controls c = chosen(&caps);
	(void)unused;

	assert_int_equal(c.cr0_on, CR0_NE);
	assert_int_equal(c.cr0_mask, CR0_NE);
	assert_int_equal(c.cr4_on, VMXE);
	assert_int_equal(c.cr4_mask, VMXE | ~0x003767ffull); /* FRED is among the latter */
}

/* Injected events do not carry what FRED delivers with them, so the guest cannot turn it on. */
static void fred_is_not_the_guests(void **unused)
{
	struct vmx_caps caps = broadwell();
	(void)unused;

	caps.cr4_fixed1 |= CR4_FRED;
	assert_true(chosen(&caps).cr4_mask & CR4_FRED);
	assert_int_equal(entry_check(CR4_FRED, 0), -EOPNOTSUPP);
	assert_int_equal(entry_check(~CR4_FRED, ~1ull), 0);
}

static void a_kernel_with_a_shadow_stack_is_refused(void **unused)
{
	(void)unused;
	assert_int_equal(entry_check(CR4_CET, 1), -EOPNOTSUPP);
	assert_int_equal(entry_check(CR4_CET, 4), 0); /* indirect-branch tracking alone */
	assert_int_equal(entry_check(0, 1), 0);
}

/* An Ice Lake's additions: Processor Trace through EPT, and architectural last-branch records. */
static struct vmx_caps tracing(void)
{
	struct vmx_caps caps = broadwell();

	caps.misc = MISC_PT;
	caps.secondary |= both(0, SECONDARY_PT_NESTED);
	caps.exit |= both(0, EXIT_CLEAR_PT | EXIT_CLEAR_LBR);
	caps.entry |= both(0, ENTRY_LOAD_PT | ENTRY_LOAD_LBR);
	return caps;
}

static void tracing_is_off_in_the_image(void **unused)
{
	struct vmx_caps caps = tracing();
	struct vmx_controls c = chosen(&caps);
	(void)unused;

	assert_true(c.secondary & SECONDARY_PT_NESTED);
	assert_int_equal(c.exit & (EXIT_CLEAR_PT | EXIT_CLEAR_LBR), EXIT_CLEAR_PT | EXIT_CLEAR_LBR);
	assert_int_equal(c.entry & (ENTRY_LOAD_PT | ENTRY_LOAD_LBR),
			 ENTRY_LOAD_PT | ENTRY_LOAD_LBR);
	assert_false(c.pt_refused);
}

/* Of controls that need each other either all are set or none; without them there is no trace. */
static void a_trace_past_ept_is_refused(void **unused)
{
	struct vmx_caps caps[3] = {tracing(), tracing(), tracing()};
	(void)unused;

	caps[0].secondary &= ~both(0, SECONDARY_PT_NESTED);
	caps[1].exit &= ~both(0, EXIT_CLEAR_PT | EXIT_CLEAR_LBR);
	caps[2].entry &= ~both(0, ENTRY_LOAD_PT | ENTRY_LOAD_LBR);
	for (int i = 0; i < 3; i++) {
		struct vmx_controls c = chosen(&caps[i]);

		assert_true(c.pt_refused);
		assert_false(c.secondary & SECONDARY_PT_NESTED);
		assert_false(c.exit & EXIT_CLEAR_PT);
		assert_false(c.entry & ENTRY_LOAD_PT);
		assert_int_equal(!!(c.exit & EXIT_CLEAR_LBR), i == 0);
		assert_int_equal(!!(c.entry & ENTRY_LOAD_LBR), i == 0);
		caps[i].misc = 0; /* VMX and Processor Trace exclude each other: no need to */
		assert_false(chosen(&caps[i]).pt_refused);
	}
}

static void what_is_locked_in_is_locked_on(void **unused)
{
	const uint64_t vmx = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX;
	(void)unused;

	assert_int_equal(vmx_feature_control(0, false, false, true), vmx);
	assert_int_equal(vmx_feature_control(2, false, false, false), vmx | 2);
	assert_int_equal(vmx_feature_control(0, true, false, false), vmx | BIT(20));
	assert_int_equal(vmx_feature_control(0, false, true, false), vmx | BIT(18));
	assert_int_equal(vmx_feature_control(0, true, true, true),
			 vmx | BIT(20) | BIT(18) | BIT(17));
}

static void what_is_lacking_is_named(void **unused)
{
	const struct {
		size_t member;
		uint64_t taken;
		const char *name;
	} lacking[] = {
		{offsetof(struct vmx_caps, secondary), (uint64_t)SECONDARY_EPT << 32, "EPT"},
		{offsetof(struct vmx_caps, secondary), (uint64_t)SECONDARY_UNRESTRICTED << 32,
		 "unrestricted"},
		{offsetof(struct vmx_caps, pin), (uint64_t)PIN_VIRTUAL_NMIS << 32, "NMI"},
		{offsetof(struct vmx_caps, primary), (uint64_t)PRIMARY_MSR_BITMAPS << 32, "MSR"},
		{offsetof(struct vmx_caps, exit), (uint64_t)EXIT_LOAD_EFER << 32, "EFER"},
		{offsetof(struct vmx_caps, entry), (uint64_t)ENTRY_LOAD_PAT << 32, "PAT"},
		{offsetof(struct vmx_caps, ept_vpid), EPT_INVEPT, "INVEPT"},
		{offsetof(struct vmx_caps, ept_vpid), EPT_2M, "2 MiB"},
	};
	(void)unused;

	for (size_t i = 0; i < ARRAY_LEN(lacking); i++) {
		struct vmx_caps caps = broadwell();
		struct vmx_controls controls;
		const char *name;

		*(uint64_t *)((char *)&caps + lacking[i].member) &= ~lacking[i].taken;
		name = vmx_controls_choose(&caps, &controls);
		assert_non_null(name);
		assert_non_null(strstr(name, lacking[i].name));
	}
}

static void vpid_is_not_used_without_invvpid(void **unused)
{
	struct vmx_caps caps = broadwell();
	(void)unused;

	assert_true(chosen(&caps).secondary & SECONDARY_VPID);
	caps.ept_vpid &= ~VPID_INVVPID;
	assert_false(chosen(&caps).secondary & SECONDARY_VPID);
}

static void ept_has_as_many_levels_as_addresses_take(void **state)
{
	(void)state;
	assert_int_equal(vmx_ept_levels(EPT_WALK_4 | EPT_WALK_5, 48), 4);
	assert_int_equal(vmx_ept_levels(EPT_WALK_4 | EPT_WALK_5, 49), 5);
	assert_int_equal(vmx_ept_levels(EPT_WALK_4 | EPT_WALK_5, 52), 5);
	assert_int_equal(vmx_ept_levels(EPT_WALK_4, 52), 4);
}

static void intercepts_add_their_controls(void **unused)
{
	struct vmx_caps caps = broadwell();
	const struct vmx_controls base = chosen(&caps);
	struct vmx_controls c = base;
	(void)unused;

	vmx_controls_intercept(&c, BIT(HADAL_EXIT_HLT) | BIT(HADAL_EXIT_WBINVD));
	assert_int_equal(c.primary, base.primary | PRIMARY_HLT);
	assert_int_equal(c.secondary, base.secondary | SECONDARY_WBINVD);
	c = base;
	vmx_controls_intercept(&c, BIT(HADAL_EXIT_WRMSR));
	assert_int_equal(c.primary, base.primary & ~PRIMARY_MSR_BITMAPS);
	c = base;
	vmx_controls_intercept(&c, BIT(HADAL_EXIT_CR_WRITE));
	assert_int_equal(c.primary, base.primary | PRIMARY_CR3_LOAD | PRIMARY_CR8_LOAD);
	assert_int_equal(c.cr0_mask, ~0ull);
	assert_int_equal(c.cr4_mask, ~0ull);
	c = base;
	vmx_controls_intercept(&c, 0);
	assert_memory_equal(&c, &base, sizeof(c));
}

static void intercepts_without_a_control_are_refused(void **unused)
{
	struct vmx_caps caps = broadwell();
	(void)unused;

	assert_true(vmx_can_intercept(&caps, HADAL_EXIT_CPUID)); /* always exits */
	assert_true(vmx_can_intercept(&caps, HADAL_EXIT_SINGLE_STEP));
	caps.primary &= ~((uint64_t)PRIMARY_STEP << 32);
	assert_false(vmx_can_intercept(&caps, HADAL_EXIT_SINGLE_STEP));
	assert_false(vmx_can_intercept(&caps, HADAL_EXIT_INTERRUPT));
	assert_false(vmx_can_intercept(&caps, HADAL_EXIT_IRET));
}

static void segments_survive_the_conversion(void **unused)
{
	(void)unused;

	for (unsigned attributes = 0; attributes < 0x1000; attributes++)
		assert_int_equal(vmx_attributes(vmx_rights(attributes)),
				 attributes & 0x80 ? attributes : 0);
	assert_int_equal(vmx_rights(0xa9b), 0xa09b); /* a kernel's code segment */
	assert_int_equal(vmx_rights(0x08b), 0x008b); /* a busy TSS */
	assert_int_equal(vmx_rights(0), RIGHTS_UNUSABLE);
	assert_true(vmx_rights(0xa9b) & RIGHTS_LONG);
}

static void exit_reasons_have_their_kinds(void **unused)
{
	const struct {
		unsigned reason;
		enum hadal_exit_kind kind;
	} known[] = {
		{0, HADAL_EXIT_EXCEPTION},     {2, HADAL_EXIT_SHUTDOWN},
		{3, HADAL_EXIT_INIT},          {4, HADAL_EXIT_SIPI},
		{8, HADAL_EXIT_NMI_WINDOW},    {10, HADAL_EXIT_CPUID},
		{13, HADAL_EXIT_INVD},         {18, HADAL_EXIT_HYPERCALL},
		{19, HADAL_EXIT_VIRT_INSN},    {27, HADAL_EXIT_VIRT_INSN},
		{28, HADAL_EXIT_CR_WRITE},     {31, HADAL_EXIT_RDMSR},
		{32, HADAL_EXIT_WRMSR},        {37, HADAL_EXIT_SINGLE_STEP},
		{48, HADAL_EXIT_NESTED_FAULT}, {50, HADAL_EXIT_VIRT_INSN},
		{53, HADAL_EXIT_VIRT_INSN},    {54, HADAL_EXIT_WBINVD},
		{55, HADAL_EXIT_XSETBV},       {33, HADAL_EXIT_UNKNOWN},
		{35, HADAL_EXIT_UNKNOWN},      {58, HADAL_EXIT_INVLPG},
		{67, HADAL_EXIT_MWAIT},        {127, HADAL_EXIT_UNKNOWN},
	};
	(void)unused;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		assert_int_equal(vmx_reasons[known[i].reason].kind, known[i].kind);
}

/* An entry that failed (33, 34, 41) and what may interrupt a delivery must be looked at closely. */
static void only_plain_instructions_take_the_short_way(void **unused)
{
	static const uint8_t close[] = {0, 33, 34, 41, 48, 49};
	(void)unused;

	for (size_t i = 0; i < ARRAY_LEN(close); i++)
		assert_int_equal(vmx_reasons[close[i]].detail, DETAIL_MORE);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		if (vmx_reasons[i].kind == HADAL_EXIT_UNKNOWN)
			assert_int_equal(vmx_reasons[i].detail, DETAIL_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(required_bits_are_set_and_refused_ones_are_not),
		cmocka_unit_test(nothing_exits_that_need_not),
		cmocka_unit_test(the_guest_keeps_instructions_that_it_knows_of),
		cmocka_unit_test(cr_masks_cover_fixed_bits_only),
		cmocka_unit_test(fred_is_not_the_guests),
		cmocka_unit_test(a_kernel_with_a_shadow_stack_is_refused),
		cmocka_unit_test(tracing_is_off_in_the_image),
		cmocka_unit_test(a_trace_past_ept_is_refused),
		cmocka_unit_test(what_is_locked_in_is_locked_on),
		cmocka_unit_test(what_is_lacking_is_named),
		cmocka_unit_test(vpid_is_not_used_without_invvpid),
		cmocka_unit_test(ept_has_as_many_levels_as_addresses_take),
		cmocka_unit_test(intercepts_add_their_controls),
		cmocka_unit_test(intercepts_without_a_control_are_refused),
		cmocka_unit_test(segments_survive_the_conversion),
		cmocka_unit_test(exit_reasons_have_their_kinds),
		cmocka_unit_test(only_plain_instructions_take_the_short_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
