// SPDX-License-Identifier: MIT
/* Writes to the local APIC that exit. */
#include "exit/apic.h"
#include "base/insn.h"
#include "cpus/startup.h"
#include "exit/hidden_write.h"
#include "extension/extension.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/cpu.h"

static uint64_t watched_page; /* 0: none */

int apic_watch(void)
{
	uint64_t page = rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;
	int err = msr_intercept(MSR_X2APIC_ICR, MSR_WRITE);

	if (!err)
		err = nested_set(&machine.nested, page, page, PT_READ);
	if (!err)
		watched_page = page;
	return err;
}

void apic_watch_cpu(struct vcpu *vcpu)
{
	vcpu->startup = 0;
	if (!watched_page || apic_is_x2())
		return;
	vcpu->logical_id = apic_read(APIC_LOGICAL_ID);
	vcpu->logical_format = apic_read(APIC_LOGICAL_FORMAT);
}

bool apic_is_watched(uint64_t gpa)
{
	return watched_page && gpa - watched_page < PAGE_BYTES;
}

bool apic_escapes(uint64_t apic_base)
{
	return watched_page && (apic_base & APIC_BASE_ADDRESS) != watched_page;
}

static void write_register(struct vcpu *vcpu, unsigned offset, uint32_t value)
{
	switch (offset) {
	case APIC_LOGICAL_ID:
		vcpu->logical_id = value;
		break;
	case APIC_LOGICAL_FORMAT:
		vcpu->logical_format = value;
		break;
	case APIC_ICR_LOW:
		if (!apic_is_x2() && startup_send(vcpu, value, apic_read(APIC_ICR_HIGH), false))
			return;
		break;
	}
	apic_write(offset, value);
}

/* Registers are written as 32 bits on 16; what else is done to them is undefined (SDM 12.4.1). */
enum verdict apic_page_write(struct vcpu *vcpu)
{
	unsigned offset = vcpu->exit.nested.gpa & (PAGE_BYTES - 1);
	struct insn insn;
	uint64_t value;

	if (vcpu_decode(vcpu, &insn) || insn.operand_bytes != sizeof(uint32_t) || offset % 16 ||
	    (insn.id != INSN_MOV_STORE && insn.id != INSN_MOV_IMMEDIATE))
		return hidden_write_skip(vcpu);
	if (insn.id == INSN_MOV_IMMEDIATE)
		value = insn.immediate;
	else if (insn.reg == HADAL_REG_RSP)
		value = vcpu_get(vcpu, REG_RSP);
	else
		value = *vcpu_gpr(vcpu, insn.reg);
	vcpu->exit.length = insn.length;
	write_register(vcpu, offset, value);
	return VERDICT_DONE;
}

bool apic_command_write(struct vcpu *vcpu, uint64_t value)
{
	return watched_page && apic_is_x2() && startup_send(vcpu, value, value >> 32, true);
}
