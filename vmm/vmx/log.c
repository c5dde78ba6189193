// SPDX-License-Identifier: MIT
/* Why the processor refused to enter the guest, for the log. */
#include "base/bits.h"
#include "base/log.h"
#include "vmx/vmx.h"

/* What the checks of an entry look at (SDM vol. 3, 27.2 and 27.3), four fields in a line of the
 * log. */
static const struct {
	const char *name;
	uint16_t field;
} fields[] = {
	{"pin", VMCS_PIN},
	{"primary", VMCS_PRIMARY},
	{"secondary", VMCS_SECONDARY},
	{"eptp", VMCS_EPTP},
	{"exit", VMCS_EXIT},
	{"entry", VMCS_ENTRY},
	{"event", VMCS_ENTRY_EVENT},
	{"error", VMCS_ENTRY_ERROR},
	{"cr0", VMCS_CR0},
	{"cr3", VMCS_CR3},
	{"cr4", VMCS_CR4},
	{"efer", VMCS_GUEST_EFER},
	{"rip", VMCS_RIP},
	{"rsp", VMCS_RSP},
	{"rflags", VMCS_RFLAGS},
	{"dr7", VMCS_DR7},
	{"interruptibility", VMCS_INTERRUPTIBILITY},
	{"activity", VMCS_ACTIVITY},
	{"pending-debug", VMCS_PENDING_DEBUG},
	{"debugctl", VMCS_GUEST_DEBUGCTL},
	{"gdtr", VMCS_GDTR_BASE},
	{"idtr", VMCS_IDTR_BASE},
	{"pat", VMCS_GUEST_PAT},
	{"sysenter-eip", VMCS_SYSENTER_EIP},
	{"host-cr0", VMCS_HOST_CR0},
	{"host-cr3", VMCS_HOST_CR3},
	{"host-cr4", VMCS_HOST_CR4},
	{"host-efer", VMCS_HOST_EFER},
	{"host-rsp", VMCS_HOST_RSP},
	{"host-rip", VMCS_HOST_RIP},
	{"host-tr", VMCS_HOST_TR_BASE},
	{"host-gdtr", VMCS_HOST_GDTR_BASE},
};

_Static_assert(ARRAY_LEN(fields) % 4 == 0, "four fields in a line");

#define SEGMENT_NAME(NAME, member, type, text) text,
static const char *const segment_names[SEG_COUNT] = {HADAL_SEGMENT_REGISTERS(SEGMENT_NAME)};

void vmx_log_entry_failure(struct vcpu *vcpu)
{
	log_line("CPU %u: entry failed: reason %lx, qualification %lx, instruction error %lu",
		 vcpu->index, vmread(VMCS_REASON), vmread(VMCS_QUALIFICATION), vmread(VMCS_ERROR));
	for (unsigned i = 0; i < ARRAY_LEN(fields); i += 4)
		log_line("  %s %lx %s %lx %s %lx %s %lx", fields[i].name, vmread(fields[i].field),
			 fields[i + 1].name, vmread(fields[i + 1].field), fields[i + 2].name,
			 vmread(fields[i + 2].field), fields[i + 3].name,
			 vmread(fields[i + 3].field));
	for (unsigned i = 0; i < SEG_COUNT; i++)
		log_line("  %s selector %lx base %lx limit %lx rights %lx", segment_names[i],
			 vmread(VMCS_SELECTOR(i)), vmread(VMCS_BASE(i)), vmread(VMCS_LIMIT(i)),
			 vmread(VMCS_RIGHTS(i)));
}
