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
#include "x86/crossing.h"
#include "x86/pmi.h"
#include "x86/speculation.h"

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
		return machine.flags & HADAL_BOOT_FIRST ? svm_vendor_first() : &svm_vendor;
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
	pmi_init();
	err = speculation_init();
	if (!err)
		err = vendor->probe();
	if (!err)
		err = ports_init();
	if (!err)
		err = memory_init_nested(vendor->nested_is_ept, vendor->nested_levels(),
					 vendor->nested_has_1g());
	if (!err)
		err = msr_init();
	if (!err)
		err = extensions_init();
	return err;
}

static int init(struct vcpu *vcpu, struct hadal_boot *boot)
{
	int err;

	idt_init();
	if (boot->abi_version != HADAL_ABI_VERSION)
		return -EPROTO;
	err = memory_init(boot, vcpu->crossing->cr4);
	if (err)
		return err;
	write_cr3(memory_root());
	for (uint32_t i = 0; i < machine.cpu_count; i++)
		vcpu_init(i);
	boot->root = memory_root();
	start_take_over(vcpu);
	err = init_vendor();
	if (!err)
		log_line("Hadal " HADAL_VERSION ": %s, %u CPUs, %lu KiB of pool", vendor->name,
			 machine.cpu_count, machine.pool_pages * 4);
	return err;
}

_Noreturn void image_main(struct vcpu *vcpu)
{
	const struct gprs *regs = &vcpu->regs;
	int err;

	vcpu->phase = PHASE_STARTING;
	vcpu->crossing = (struct crossing *)regs->r8;
	err = entry_state_save(vcpu); /* whatever fails, the system gets it back */
	if (err)
		log_line("a segment register has a selector outside of the GDT");
	else if (regs->rdi == HADAL_ENTER_INIT)
		err = init(vcpu, memory_direct(regs->rsi));
	else if (regs->rdi == HADAL_ENTER_START)
		err = start_cpu(vcpu);
	else if (regs->rdi == HADAL_ENTER_CHECK)
		err = start_check(vcpu);
	else
		err = -EINVAL;
	vcpu->regs.rax = (int64_t)err;
	leave_to_system(vcpu, false);
}
