// SPDX-License-Identifier: MIT
/* Addresses and pages. */
#include "hypercall/map.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "ext/bareflank/bareflank.h"
#include "x86/cpu.h"

static void ring(struct request *request, enum hadal_door door)
{
	client_ring(request->vcpu, request->client, door);
	request->rang = true;
}

/*
 * Guest-physical address under the client's kernel's tables, where the kernel's half is mapped too.
 */
static int translate(const struct request *request, uint64_t gva, uint64_t *gpa)
{
	struct vcpu *vcpu = request->vcpu;
	uint64_t root = request->client->kernel_root;
	const uint8_t *cached = walk_cache_hit(&vcpu->client_cache, root, gva);
	struct guest_paging paging;
	struct guest_walk walk;
	int err;

	if (cached) {
		*gpa = (uint64_t)cached - HADAL_DIRECT_BASE;
		return 0;
	}
	vcpu_paging(vcpu, &paging);
	paging.cr3 = root;
	err = guest_walk(&paging, gva, WALK_ANY, memory_walk_table, NULL, &walk);
	if (err)
		return err;
	*gpa = walk.gpa;
	walk_cache_fill(&vcpu->client_cache, root, gva, &walk,
			memory_direct(walk.gpa & ~(PAGE_BYTES - 1)));
	return 0;
}

static bool is_user_half(uint64_t gva)
{
	return !(gva >> 63);
}

/*
 * A page of the client's own that it may come to map must keep the frame that it is told here, so
 * the kernel has to hold it first.
 */
void bareflank_v2p(struct request *request)
{
	struct gprs *regs = &request->vcpu->regs;
	uint64_t gpa;

	if (translate(request, regs->rdi, &gpa)) {
		if (is_user_half(regs->rdi))
			ring(request, HADAL_DOOR_TRANSLATE);
		else
			request->failed = true;
	} else if (is_user_half(regs->rdi) && !map_is_client_page(request->client, gpa)) {
		ring(request, HADAL_DOOR_TRANSLATE);
	} else {
		regs->rdi = gpa;
	}
}

static bool is_page(uint64_t address)
{
	return !(address & (PAGE_BYTES - 1));
}

void bareflank_show(struct request *request, uint64_t gva, uint64_t physical, enum hadal_door door)
{
	uint64_t gpa = 0;
	int err;

	if (!is_page(gva) || !is_page(physical) || !is_user_half(gva)) {
		request->failed = true;
		return;
	}
	err = translate(request, gva, &gpa);
	if (!err && gpa != physical && !walk_cache_user_writable(&request->vcpu->client_cache))
		err = -EFAULT;
	if (!err)
		err = map_client_page(request->vcpu, request->client, gpa, physical);
	if (err == -ENOENT || err == -EFAULT)
		ring(request, door);
	else
		request->failed = err;
}

void bareflank_hide(struct request *request, uint64_t gva)
{
	uint64_t gpa;

	if (!is_page(gva) || !is_user_half(gva))
		request->failed = true;
	else if (!translate(request, gva, &gpa))
		map_client_page(request->vcpu, request->client, gpa, gpa);
}

void bareflank_map(struct request *request)
{
	const struct gprs *regs = &request->vcpu->regs;

	bareflank_show(request, regs->rdi, regs->rsi, HADAL_DOOR_MAP);
}

void bareflank_probe(struct request *request)
{
	uint64_t gpa;

	request->failed = translate(request, request->vcpu->regs.rdi, &gpa);
}
