// SPDX-License-Identifier: MIT OR GPL-2.0
/* Single instructions of ring 0 that events are made of, as often as asked for. */
#include <linux/errno.h>
#include <linux/types.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <hadal/abi.h>

#include "act.h"
#include "hadal_test.h"

/* As struct desc_ptr: what SGDT and LGDT have in memory. */
struct table_pointer {
	u16 limit;
	u64 base;
} __packed;

static void read_msr(struct hadal_test_act *request)
{
	u32 low, high;

	asm volatile("rdmsr"
		     : "=a"(low), "=d"(high)
		     : "c"((u32)request->number), "b"(HADAL_TEST_MARK));
	request->value = (u64)high << 32 | low;
}

static void write_msr(struct hadal_test_act *request)
{
	asm volatile("wrmsr" ::"c"((u32)request->number), "a"((u32)request->value),
		     "d"((u32)(request->value >> 32)), "b"(HADAL_TEST_MARK)
		     : "memory");
}

static void change_cr0(struct hadal_test_act *request)
{
	u64 value;

	asm volatile("mov %%cr0, %0" : "=r"(value));
	asm volatile("mov %0, %%cr0\n\tmov %1, %%cr0" ::"r"(value ^ request->value), "r"(value),
		     "b"(HADAL_TEST_MARK)
		     : "memory");
}

static void change_cr4(struct hadal_test_act *request)
{
	u64 value;

	asm volatile("mov %%cr4, %0" : "=r"(value));
	asm volatile("mov %0, %%cr4\n\tmov %1, %%cr4" ::"r"(value ^ request->value), "r"(value),
		     "b"(HADAL_TEST_MARK)
		     : "memory");
}

static void reload_cr3(struct hadal_test_act *request)
{
	u64 value;

	asm volatile("mov %%cr3, %0" : "=r"(value));
	asm volatile("mov %0, %%cr3" ::"r"(value), "b"(HADAL_TEST_MARK) : "memory");
	request->value = value;
}

static void port_in(struct hadal_test_act *request)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "d"((u16)request->number), "b"(HADAL_TEST_MARK));
	request->value = value;
}

static void port_out(struct hadal_test_act *request)
{
	asm volatile("outl %0, %1" ::"a"((u32)request->value), "d"((u16)request->number),
		     "b"(HADAL_TEST_MARK));
}

static void store_table(struct hadal_test_act *request)
{
	struct table_pointer pointer = {0};
	u64 selector = 0;

	switch (request->number) {
	case 0:
		asm volatile("sgdt %0" : "=m"(pointer) : "b"(HADAL_TEST_MARK));
		break;
	case 1:
		asm volatile("sidt %0" : "=m"(pointer) : "b"(HADAL_TEST_MARK));
		break;
	case 2:
		asm volatile("sldt %0" : "=r"(selector) : "b"(HADAL_TEST_MARK));
		break;
	default:
		asm volatile("str %0" : "=r"(selector) : "b"(HADAL_TEST_MARK));
	}
	request->value = pointer.base | selector;
}

/* Not TR: it is busy, and the GDT is read-only to Linux. */
static void load_table(struct hadal_test_act *request)
{
	struct table_pointer pointer;
	u16 selector;

	switch (request->number) {
	case 0:
		asm volatile("sgdt %0" : "=m"(pointer));
		asm volatile("lgdt %0" ::"m"(pointer), "b"(HADAL_TEST_MARK));
		break;
	case 1:
		asm volatile("sidt %0" : "=m"(pointer));
		asm volatile("lidt %0" ::"m"(pointer), "b"(HADAL_TEST_MARK));
		break;
	default:
		asm volatile("sldt %0" : "=r"(selector));
		asm volatile("lldt %0" ::"r"(selector), "b"(HADAL_TEST_MARK));
	}
}

static void move_apic(struct hadal_test_act *request)
{
	struct hadal_test_registers registers = {.rax = HADAL_CALL_BASE + HADAL_CALL_REGS,
						 .rdi = 1,
						 .rsi = request->value,
						 .rdx = 4096};
	u64 before;

	rdmsrl(MSR_IA32_APICBASE, before);
	request->value = -EIO;
	if (wrmsrl_safe(MSR_IA32_APICBASE, (before & 0xfff) | request->number))
		return;
	if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		execute_vmcall(&registers);
	else
		execute_vmmcall(&registers);
	wrmsrl(MSR_IA32_APICBASE, before);
	request->value = registers.rax;
}

static void (*const actions[])(struct hadal_test_act *request) = {
	[HADAL_TEST_RDMSR] = read_msr,        [HADAL_TEST_WRMSR] = write_msr,
	[HADAL_TEST_CR0] = change_cr0,        [HADAL_TEST_CR4] = change_cr4,
	[HADAL_TEST_CR3] = reload_cr3,        [HADAL_TEST_IN] = port_in,
	[HADAL_TEST_OUT] = port_out,          [HADAL_TEST_STORE_TABLE] = store_table,
	[HADAL_TEST_LOAD_TABLE] = load_table, [HADAL_TEST_MOVE_APIC] = move_apic,
};

int test_act(struct hadal_test_act *request)
{
	u32 i;

	if (request->action >= sizeof(actions) / sizeof(actions[0]))
		return -EINVAL;
	for (i = 0; i < request->count; i++)
		actions[request->action](request);
	return 0;
}
