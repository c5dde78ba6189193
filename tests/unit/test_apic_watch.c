// SPDX-License-Identifier: MIT
/* The guest's writes to its APIC: what goes on to the registers, and what is looked at before. */
#include <string.h>
#include "unit.h"
#include "base/insn.h"
#include "cpus/startup.h"
#include "exit/hidden_write.h"
#include "extension/extension.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/cpu.h"

static uint64_t fake_rdmsr(uint32_t msr);
#define rdmsr fake_rdmsr
#include "../../vmm/exit/apic.c"

#define PAGE 0xfee00000ull
#define END  0x0b0u

struct machine machine;
static struct vcpu vcpu;
static struct insn next_insn;
static uint32_t registers[1024];
static unsigned writes, sent, left_out;
static bool x2, is_startup;

static uint64_t fake_rdmsr(uint32_t msr)
{
	assert_int_equal(msr, MSR_APIC_BASE);
	return PAGE | 0x900;
}

int msr_intercept(uint32_t msr, unsigned access)
{
	assert_int_equal(msr, MSR_X2APIC_ICR);
	assert_int_equal(access, MSR_WRITE);
	return 0;
}

int nested_set(struct nested *nested, uint64_t gpa, uint64_t hpa, uint32_t rights)
{
	assert_ptr_equal(nested, &machine.nested);
	assert_int_equal(gpa, PAGE);
	assert_int_equal(hpa, PAGE);
	assert_int_equal(rights, PT_READ);
	return 0;
}

bool apic_is_x2(void)
{
	return x2;
}

uint32_t apic_read(unsigned offset)
{
	return registers[offset / 4];
}

void apic_write(unsigned offset, uint32_t value)
{
	writes++;
	registers[offset / 4] = value;
}

int vcpu_decode(struct vcpu *v, struct insn *insn)
{
	assert_ptr_equal(v, &vcpu);
	*insn = next_insn;
	return next_insn.id ? 0 : -EINVAL;
}

uint64_t vcpu_get(struct vcpu *v, enum vcpu_reg reg)
{
	assert_ptr_equal(v, &vcpu);
	assert_int_equal(reg, REG_RSP);
	return 0x777;
}

enum verdict hidden_write_skip(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	left_out++;
	return VERDICT_DONE;
}

bool startup_send(struct vcpu *v, uint32_t low, uint32_t high, bool x2apic)
{
	assert_ptr_equal(v, &vcpu);
	assert_int_equal(low, 0x4500);
	assert_int_equal(high, x2apic ? 3 : 3u << 24);
	assert_int_equal(x2apic, x2);
	sent++;
	return is_startup;
}

static int reset(void **unused)
{
	(void)unused;
	memset(&vcpu, 0, sizeof(vcpu));
	memset(registers, 0, sizeof(registers));
	next_insn = (struct insn){.id = INSN_MOV_STORE, .length = 6, .operand_bytes = 4, .reg = 3};
	writes = sent = left_out = 0;
	x2 = is_startup = false;
	watched_page = 0;
	return 0;
}

static int watch(void **unused)
{
	reset(unused);
	assert_int_equal(apic_watch(), 0);
	return 0;
}

static void store(unsigned offset, uint64_t value)
{
	vcpu.exit = (struct exit){.nested.gpa = PAGE + offset, .nested.write = true};
	vcpu.regs.rbx = value;
	assert_int_equal(apic_page_write(&vcpu), VERDICT_DONE);
}

static void nothing_is_watched_after_a_late_start(void **unused)
{
	(void)unused;
	apic_watch_cpu(&vcpu);
	assert_false(apic_is_watched(PAGE));
	assert_false(apic_is_watched(0));
	assert_false(apic_escapes(0xd0000000));
	x2 = true;
	assert_false(apic_command_write(&vcpu, 3ull << 32 | 0x4500));
	assert_int_equal(sent, 0);
}

static void a_page_is_watched(void **unused)
{
	(void)unused;
	assert_true(apic_is_watched(PAGE));
	assert_true(apic_is_watched(PAGE + 0xfff));
	assert_false(apic_is_watched(PAGE - 1));
	assert_false(apic_is_watched(PAGE + 0x1000));
	assert_false(apic_escapes(PAGE | 0xd00)); /* into x2APIC's mode */
	assert_true(apic_escapes((PAGE + 0x1000) | 0x800));
}

static void registers_are_written(void **unused)
{
	(void)unused;
	store(END, 0x1100000022ull);
	assert_int_equal(registers[END / 4], 0x22);
	assert_int_equal(vcpu.exit.length, 6);
	next_insn.reg = HADAL_REG_RSP;
	store(END, 0);
	assert_int_equal(registers[END / 4], 0x777);
	next_insn.id = INSN_MOV_IMMEDIATE;
	next_insn.immediate = -2;
	store(END, 0);
	assert_int_equal(registers[END / 4], 0xfffffffe);
	assert_int_equal(writes, 3);
}

static void undefined_writes_are_left_out(void **unused)
{
	(void)unused;
	next_insn.operand_bytes = 8;
	store(END, 1);
	next_insn.operand_bytes = 1;
	store(END, 1);
	next_insn.operand_bytes = 4;
	store(END + 4, 1);
	next_insn.id = INSN_STOS;
	store(END, 1);
	next_insn.id = INSN_NONE;
	store(END, 1);
	assert_int_equal(left_out, 5);
	assert_int_equal(writes, 0);
}

static void logical_ids_are_remembered(void **unused)
{
	(void)unused;
	registers[APIC_LOGICAL_ID / 4] = 1u << 24;
	registers[APIC_LOGICAL_FORMAT / 4] = ~0u;
	apic_watch_cpu(&vcpu);
	assert_int_equal(vcpu.logical_id, 1u << 24);
	assert_int_equal(vcpu.logical_format, ~0u);
	store(APIC_LOGICAL_ID, 4u << 24);
	store(APIC_LOGICAL_FORMAT, 0x0fffffff);
	assert_int_equal(vcpu.logical_id, 4u << 24);
	assert_int_equal(vcpu.logical_format, 0x0fffffff);
	assert_int_equal(writes, 2);
}

static void commands_are_looked_at(void **unused)
{
	(void)unused;
	store(APIC_ICR_HIGH, 3u << 24);
	assert_int_equal(sent, 0);
	store(APIC_ICR_LOW, 0x4500);
	assert_int_equal(sent, 1);
	assert_int_equal(registers[APIC_ICR_LOW / 4], 0x4500);
	is_startup = true;
	store(APIC_ICR_LOW, 0x4500);
	assert_int_equal(sent, 2);
	assert_int_equal(writes, 2);
	/* Nothing of the APIC's is in the page while it has x2APIC. */
	x2 = true;
	store(APIC_ICR_LOW, 0x4500);
	assert_int_equal(sent, 2);
	assert_true(apic_command_write(&vcpu, 3ull << 32 | 0x4500));
	is_startup = false;
	assert_false(apic_command_write(&vcpu, 3ull << 32 | 0x4500));
	x2 = false; /* the processor refuses it */
	assert_false(apic_command_write(&vcpu, 3ull << 32 | 0x4500));
	assert_int_equal(sent, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_watched_after_a_late_start, reset),
		cmocka_unit_test_setup(a_page_is_watched, watch),
		cmocka_unit_test_setup(registers_are_written, watch),
		cmocka_unit_test_setup(undefined_writes_are_left_out, watch),
		cmocka_unit_test_setup(logical_ids_are_remembered, watch),
		cmocka_unit_test_setup(commands_are_looked_at, watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
