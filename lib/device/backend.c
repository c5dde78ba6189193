// SPDX-License-Identifier: MIT
/*
 * The running system as a source of memory. A few small reads are cheaper by calls
 * than the window is to open; who reads more gets the window.
 */
#include "device/window.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Calls made before the window is opened, and a read that is worth it at once, in bytes. */
#define FEW_CALLS  512u
#define LARGE_READ (256u << 10)

struct source {
	struct hadal *hadal;
	struct hadal_ram ram;
	atomic_uint calls;
	pthread_mutex_t lock; /* of opening the window */
	bool tried;
	_Atomic(struct hadal_window *) window; /* NULL: not open yet, or there is none */
};

/* Opens the window once; NULL when there is none, and every read remains a call. */
static struct hadal_window *source_window(struct source *source)
{
	struct hadal_window *window = atomic_load(&source->window);

	if (window)
		return window;
	pthread_mutex_lock(&source->lock);
	if (!source->tried && !hadal_window_open(source->hadal, &window, NULL))
		atomic_store(&source->window, window);
	source->tried = true;
	pthread_mutex_unlock(&source->lock);
	return atomic_load(&source->window);
}

static const void *source_at(void *context, uint64_t address, uint64_t *length)
{
	struct hadal_window *window = source_window(context);

	return window ? hadal_window_at(window, address, length) : NULL;
}

static ssize_t source_call(struct source *source, uint64_t address, void *buffer, size_t length)
{
	size_t done;
	int result = hadal_read(source->hadal, address, buffer, length, 0, &done, NULL);

	return done ? (ssize_t)done : result;
}

static ssize_t source_read(void *context, uint64_t address, void *buffer, size_t length)
{
	struct source *source = context;
	struct hadal_window *window = atomic_load(&source->window);
	const void *from;
	uint64_t mapped;

	if (!window && (length >= LARGE_READ || atomic_fetch_add(&source->calls, 1) >= FEW_CALLS))
		window = source_window(source);
	if (!window)
		return source_call(source, address, buffer, length);
	from = hadal_window_at(window, address, &mapped);
	if (!from)
		return -ENXIO;
	if (length > mapped)
		length = mapped;
	memcpy(buffer, from, length);
	return length;
}

static void source_close(void *context)
{
	struct source *source = context;

	hadal_window_close(source->window);
	pthread_mutex_destroy(&source->lock);
	free(source);
}

int hadal_device_memory(struct hadal *hadal, struct hadal_memory *memory, struct hadal_error *error)
{
	struct source *source = calloc(1, sizeof(*source));
	int result;

	if (!source)
		return hadal_fail(error, ENOMEM, "Out of memory");
	source->hadal = hadal;
	result = hadal_ram(hadal, &source->ram, error);
	if (result) {
		free(source);
		return result;
	}
	pthread_mutex_init(&source->lock, NULL);
	*memory = (struct hadal_memory){
		.read = source_read,
		.at = source_at,
		.close = source_close,
		.ctx = source,
		.ranges = source->ram.range,
		.range_count = source->ram.count,
	};
	return 0;
}

int hadal_device_traces(struct hadal *hadal, unsigned int cpu, struct hadal_traces *traces,
			struct hadal_error *error)
{
	struct hadal_regs regs;
	int result = hadal_regs(hadal, cpu, &regs, error);

	if (result)
		return result;
	*traces = (struct hadal_traces){
		.cr3 = regs.cr3,
		.cr4 = regs.cr4,
		.lstar = regs.lstar,
		.idt_base = regs.idtr_base,
	};
	return 0;
}
