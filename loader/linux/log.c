// SPDX-License-Identifier: MIT OR GPL-2.0
/* The log: from the hypervisor while it runs, from a copy of its last words afterwards. */
#include <linux/gfp.h>
#include <linux/uaccess.h>
#include <asm/io.h>

#include "call.h"
#include "loader.h"

static struct hadal_log_ring last_log;

void log_keep(const struct hadal_log_ring *log)
{
	memcpy(&last_log, log, sizeof(last_log));
}

static long read_last(u64 *position, char *page)
{
	u64 oldest = last_log.head > HADAL_LOG_BYTES ? last_log.head - HADAL_LOG_BYTES : 0;
	u64 start = clamp(*position, oldest, last_log.head);
	long bytes = min_t(u64, last_log.head - start, PAGE_SIZE);
	long i;

	for (i = 0; i < bytes; i++)
		page[i] = last_log.data[(start + i) % HADAL_LOG_BYTES];
	*position = start + bytes;
	return bytes;
}

int log_read(struct hadal_ioc_log *request, bool running)
{
	char *page = (char *)__get_free_page(GFP_KERNEL);
	int error = 0;

	if (!page)
		return -ENOMEM;
	request->done = 0;
	while (request->done < request->size) {
		u64 room = min_t(u64, request->size - request->done, PAGE_SIZE);
		u64 position = request->position;
		long bytes = running ? hadal_call_inout(HADAL_CALL_LOG, &position,
							virt_to_phys(page), room, 0, 0)
				     : read_last(&position, page);

		if (bytes <= 0) {
			error = bytes;
			request->position = position;
			break;
		}
		if (bytes > room) {
			position -= bytes - room;
			bytes = room;
		}
		if (copy_to_user(u64_to_user_ptr(request->buffer + request->done), page, bytes)) {
			error = -EFAULT;
			break;
		}
		request->done += bytes;
		request->position = position;
		if (hadal_closing() || fatal_signal_pending(current)) {
			error = -EINTR;
			break;
		}
	}
	free_page((unsigned long)page);
	return error;
}
