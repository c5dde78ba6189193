// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Reading and writing memory. The hypervisor copies straight between the memory asked for and the
 * caller's pages, which are pinned meanwhile.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/io.h>

#include "call.h"
#include "loader.h"

#define BATCH_PAGES (HADAL_TRANSFER_MAX / PAGE_SIZE)

static bool request_valid(const struct hadal_ioc_memory *request)
{
	u32 virtual_only = HADAL_MEM_LA57 | HADAL_MEM_LA48;
	u32 flags = request->flags;

	if (flags & ~(HADAL_MEM_VIRTUAL | HADAL_MEM_MMIO | virtual_only))
		return false;
	if (flags & HADAL_MEM_VIRTUAL ? flags & HADAL_MEM_MMIO : flags & virtual_only)
		return false;
	if ((flags & virtual_only) == virtual_only)
		return false;
	if (!request->length)
		return true;
	return request->address + request->length - 1 >= request->address &&
	       request->buffer + request->length - 1 >= request->buffer &&
	       access_ok(u64_to_user_ptr(request->buffer), request->length);
}

/* How many of `bytes` from `offset` into the first page are contiguous in physical memory. */
static u64 contiguous_bytes(struct page **pages, u64 offset, u64 bytes)
{
	u64 length = PAGE_SIZE - offset;

	for (; length < bytes && page_to_pfn(pages[1]) == page_to_pfn(pages[0]) + 1; pages++)
		length += PAGE_SIZE;
	return min(length, bytes);
}

/* Moves `bytes` starting `offset` bytes into the first page; counts them in request->done. */
static int transfer_pages(enum hadal_call call, struct hadal_ioc_memory *request,
			  struct page **pages, u64 offset, u64 bytes)
{
	u64 end = offset + bytes;

	while (offset < end) {
		struct page **first = pages + (offset >> PAGE_SHIFT);
		u64 within = offset_in_page(offset);
		u64 length = contiguous_bytes(first, within, end - offset);
		long result =
			hadal_call(call, request->address + request->done, length,
				   page_to_phys(*first) + within, request->flags, request->root);

		if (result < 0)
			return result;
		/* A call that stops short says why when it is asked to go on. */
		if (!result || result > length)
			return -EIO;
		request->done += result;
		offset += result;
	}
	return 0;
}

static int transfer_batch(enum hadal_call call, struct hadal_ioc_memory *request)
{
	bool into_user = call == HADAL_CALL_READ;
	unsigned long user = request->buffer + request->done;
	u64 offset = offset_in_page(user);
	u64 bytes = min_t(u64, request->length - request->done, HADAL_TRANSFER_MAX - offset);
	struct page *pages[BATCH_PAGES];
	int pinned, error;

	pinned = pin_user_pages_fast(user & PAGE_MASK, DIV_ROUND_UP(offset + bytes, PAGE_SIZE),
				     into_user ? FOLL_WRITE : 0, pages);
	if (pinned <= 0)
		return pinned ? pinned : -EFAULT;
	bytes = min_t(u64, bytes, pinned * PAGE_SIZE - offset);
	error = transfer_pages(call, request, pages, offset, bytes);
	if (into_user)
		unpin_user_pages_dirty_lock(pages, pinned, true);
	else
		unpin_user_pages(pages, pinned);
	return error;
}

int transfer(enum hadal_call call, struct hadal_ioc_memory *request)
{
	int error = 0;

	request->done = 0;
	if (!request_valid(request))
		return -EINVAL;
	while (!error && request->done < request->length) {
		if (fatal_signal_pending(current) || hadal_closing())
			return -EINTR;
		error = transfer_batch(call, request);
		cond_resched();
	}
	return error;
}
