// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A Hadal that was there before this system: what it tells of itself, and the way out of it, which
 * leads through memory of its own that this system has to map.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <asm/pgtable.h>

#include "attach.h"
#include "call.h"

static struct {
	void *way_out;
	struct hadal_log_ring *log; /* zeros while it is hidden */
} attach;

/* A page that the hypervisor fills, whose first bytes are the answer. 0, or a negative errno. */
static long ask(enum hadal_call call, void *answer, size_t bytes)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	long result;

	if (!page)
		return -ENOMEM;
	result = hadal_call(call, virt_to_phys(page), bytes, 0, 0, 0);
	memcpy(answer, page, bytes);
	free_page((unsigned long)page);
	return result;
}

bool attach_find(bool *stops)
{
	struct hadal_info info;

	if (hadal_call(HADAL_CALL_QUERY, HADAL_ABI_VERSION, 0, 0, 0, 0) ||
	    ask(HADAL_CALL_INFO, &info, sizeof(info)))
		return false;
	*stops = info.boot_flags & HADAL_BOOT_STOPS;
	return info.boot_flags & HADAL_BOOT_FIRST;
}

bool attach_is_other(void)
{
	return hadal_call(HADAL_CALL_QUERY, HADAL_ABI_VERSION, 0, 0, 0, 0) == -EPROTO;
}

/* Nobody has touched the address yet, so that no TLB holds the entry. */
static int make_executable(void *address)
{
	unsigned int level;
	pte_t *entry = lookup_address((unsigned long)address, &level);

	if (!entry || level != PG_LEVEL_4K)
		return -ENOMEM;
	set_pte(entry, pte_mkexec(pte_wrprotect(*entry)));
	return 0;
}

int attach_open_way_out(u64 *address)
{
	struct hadal_first first;
	long error = ask(HADAL_CALL_FIRST, &first, sizeof(first));

	if (error)
		return error;
	attach.way_out = memremap(first.way_out, first.way_out_bytes, MEMREMAP_WB);
	attach.log = memremap(first.log, sizeof(*attach.log), MEMREMAP_WB);
	error = attach.way_out && attach.log ? make_executable(attach.way_out) : -ENOMEM;
	if (error)
		attach_close_way_out();
	*address = (u64)attach.way_out;
	return error;
}

void attach_close_way_out(void)
{
	if (attach.way_out)
		memunmap(attach.way_out);
	if (attach.log)
		memunmap(attach.log);
	attach.way_out = NULL;
	attach.log = NULL;
}

void attach_keep_log(void)
{
	log_keep(attach.log);
}
