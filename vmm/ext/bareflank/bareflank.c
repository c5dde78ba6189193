// SPDX-License-Identifier: MIT
/* The interface that LibVMI's Bareflank driver speaks, for clients only. */
#include "extension/extension.h"
#include "hypercall/client.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "ext/bareflank/bareflank.h"
#include "x86/cpu.h"

static const struct {
	void (*handle)(struct request *request);
	bool has_domain;
} calls[] = {
	[BAREFLANK_ACK] = {NULL, false},
	[BAREFLANK_GET_REGISTERS] = {bareflank_get_registers, true},
	[BAREFLANK_SET_REGISTERS] = {bareflank_set_registers, true},
	[BAREFLANK_V2P] = {bareflank_v2p, true},
	[BAREFLANK_MAP] = {bareflank_map, true},
	[BAREFLANK_PROBE] = {bareflank_probe, true},
};

static enum verdict answer(struct vcpu *vcpu, struct client *client)
{
	struct request request = {.vcpu = vcpu, .client = client};
	uint64_t number = vcpu->regs.rax - BAREFLANK_BASE;

	if (machine.flags & HADAL_BOOT_DIALECT_2018 && vcpu->regs.rax <= DIALECT_2018_LAST)
		bareflank_dialect_2018(&request);
	else if (number > 0xffffffff)
		return VERDICT_PASS;
	else if (!number || number >= ARRAY_LEN(calls) ||
		 (calls[number].has_domain && vcpu->regs.rdx != DOMAIN_SELF))
		request.failed = true;
	else if (calls[number].handle)
		calls[number].handle(&request);
	if (request.rang)
		return VERDICT_RETRY;
	if (!request.has_rax)
		vcpu->regs.rax = request.failed ? STATUS_FAILURE : STATUS_SUCCESS;
	if (request.jumped)
		return VERDICT_RETRY;
	vcpu->exit.length = CALL_BYTES;
	return VERDICT_DONE;
}

static enum verdict on_hypercall(struct vcpu *vcpu, void *data)
{
	struct client *client = client_current(vcpu);

	(void)data;
	return client ? answer(vcpu, client) : VERDICT_PASS;
}

/* VMCALL is no instruction on AMD. */
static enum verdict on_exception(struct vcpu *vcpu, void *data)
{
	struct client *client;
	uint8_t code[3];

	(void)data;
	if (vcpu->exit.exception.vector != VECTOR_UD)
		return VERDICT_PASS;
	client = client_current(vcpu);
	if (!client || vcpu_fetch(vcpu, vcpu->rip, code, sizeof(code)) < sizeof(code))
		return VERDICT_PASS;
	if (code[0] != 0x0f || code[1] != 0x01 || code[2] != 0xc1)
		return VERDICT_PASS;
	return answer(vcpu, client);
}

static enum verdict on_cpuid(struct vcpu *vcpu, void *data)
{
	struct gprs *regs = &vcpu->regs;

	(void)data;
	if ((uint32_t)regs->rax != BAREFLANK_CPUID || !client_current(vcpu))
		return VERDICT_PASS;
	regs->rax = regs->rbx = regs->rcx = regs->rdx = BAREFLANK_SIGN;
	return VERDICT_DONE;
}

static void follow_clients(struct vcpu *vcpu, void *data, bool any)
{
	(void)data;
	if (vendor->id != HADAL_VENDOR_AMD)
		return;
	if (any)
		vcpu_intercept_exception(vcpu, VECTOR_UD);
	else
		vcpu_release_exception(vcpu, VECTOR_UD);
}

static const struct hadal_extension bareflank = {
	.name = "bareflank",
	.follow_clients = follow_clients,
	.on =
		{
			[HADAL_EXIT_HYPERCALL] = on_hypercall,
			[HADAL_EXIT_EXCEPTION] = on_exception,
			[HADAL_EXIT_CPUID] = on_cpuid,
		},
};
HADAL_EXTENSION(bareflank);
