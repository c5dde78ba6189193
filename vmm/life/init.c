// SPDX-License-Identifier: MIT
/* The image is called: the machine is set up once, then each CPU starts. */
#include <hadal/boot.h>
#include "life/init.h"
#include "life/start.h"
#include "base/log.h"
#include "extension/handlers.h"
#include "exit/msr.h"
#include "leave/leave.h"
#include "paging/memory.h"
#include "vcpu/ports.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define INIT_STACK_BYTES 16384

const struct vendor *vendor;

/* INIT's stack lies right below the vCPU it runs on, as a real vCPU's does. */
static struct {
	uint8_t stack[INIT_STACK_BYTES];
	struct vcpu vcpu;
} init_area __attribute__((aligned(4096), section(".bss.init_area"), used));

__asm__(".globl init_vcpu\n.set init_vcpu, init_area + 16384");

static const struct vendor *find_vendor(void)
{
	struct cpuid_result r = cpuid(0, 0);

	if (r.ebx == 0x756e6547 && r.edx == 0x49656e69 && r.ecx == 0x6c65746e) /* GenuineIntel */
		return &vmx_vendor;
	if ((r.ebx == 0x68747541 && r.edx == 0x69746e65 &&
	     r.ecx == 0x444d4163) ||                                             /* AuthenticAMD */
	    (r.ebx == 0x6f677948 && r.edx == 0x6e65476e && r.ecx == 0x656e6975)) /* HygonGenuine */
		return &svm_vendor;
	return NULL;
}

static int init_vendor(void)
{
	int err;

	vendor = find_vendor();
	if (!vendor) {
		log_line("this processor is neither Intel's nor AMD's");
		return -ENODEV;
	}
	err = vendor->probe();
	if (!err)
		err = ports_init();
	if (!err)
		err = memory_init_nested(vendor->nested_is_ept, vendor->nested_has_1g());
	if (!err)
		err = msr_init();
	if (!err)
		err = extensions_init();
	return err;
}

static int init(struct vcpu *vcpu, struct hadal_boot *boot, uint64_t cr3, uint64_t cr4)
{
	int err;

	idt_init();
	if (boot->abi_version != HADAL_ABI_VERSION)
		return -EPROTO;
	err = memory_init(boot, cr4);
	if (err)
		return err;
	for (uint32_t i = 0; i < machine.cpu_count; i++)
		vcpu_init(i);
	boot->root = memory_root();
	err = start_take_over(vcpu, cr3, cr4);
	if (!err)
		err = init_vendor();
	if (!err)
		log_line("Hadal " HADAL_VERSION ": %s, %u CPUs, %lu KiB of pool", vendor->name,
			 machine.cpu_count, machine.pool_pages * 4);
	return err;
}

/* The registers in which image_enter passes what it saved. */
static void entry_from_caller(struct vcpu *vcpu)
{
	const struct gprs *regs = &vcpu->regs;

	vcpu->entry.rsp = regs->r10 + 8; /* as after the return that ends the call */
	vcpu->entry.rip = regs->r11;
	vcpu->entry.rflags = RFLAGS_FIXED; /* interrupts off, as when the loader called */
}

_Noreturn void image_main(struct vcpu *vcpu)
{
	const struct gprs *regs = &vcpu->regs;
	uint64_t cr4 = regs->r8, cr3 = regs->r9;
	int err;

	entry_from_caller(vcpu);
	if (regs->rdi == HADAL_ENTER_INIT)
		err = init(vcpu, memory_direct(regs->rsi), cr3, cr4);
	else if (regs->rdi == HADAL_ENTER_START)
		err = start_cpu(vcpu, cr3, cr4);
	else
		err = -EINVAL;
	vcpu->regs.rax = (int64_t)err;
	leave_to_system(vcpu, false);
}
