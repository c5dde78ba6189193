// SPDX-License-Identifier: MIT
/*
 * What the driver of 2018 asks for: small numbers, which other interfaces have too, pages by
 * number, and no domain. Only when Hadal was started for it.
 */
#include "paging/memory.h"
#include "ext/bareflank/bareflank.h"

enum {
	CALL_PING = 1,
	CALL_GET_REGISTERS = 2,
	CALL_UNMAP = 3,
	CALL_MAP = DIALECT_2018_LAST,
};

void bareflank_dialect_2018(struct request *request)
{
	const struct gprs *regs = &request->vcpu->regs;

	switch (regs->rax) {
	case CALL_PING:
		break;
	case CALL_GET_REGISTERS:
		bareflank_get_registers(request);
		break;
	case CALL_UNMAP:
		bareflank_hide(request, regs->rdi);
		break;
	case CALL_MAP:
		if (regs->rbx >> (64 - PAGE_SHIFT))
			request->failed = true;
		else
			bareflank_show(request, regs->rdi, regs->rbx << PAGE_SHIFT,
				       HADAL_DOOR_MAP_FRAME);
		break;
	default:
		request->failed = true;
	}
}
