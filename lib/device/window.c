// SPDX-License-Identifier: MIT
/* All RAM mapped read-only into this process, by the window of the hypervisor. */
#include "device/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hadal/ioctl.h>

struct hadal_window {
	int fd;       /* its own, so that it ends when this is closed */
	size_t count; /* of those mapped */
	struct hadal_ram ram;
	const uint8_t *at[HADAL_MAX_RAM_RANGES];
};

static int open_error(struct hadal_error *error, int code)
{
	if (code == EOPNOTSUPP)
		return hadal_fail(error, code,
				  "The physical address space has no room to show all RAM again");
	return hadal_fail(error, code, "Cannot open the memory window: %s", strerror(code));
}

static int map_ranges(struct hadal_window *window)
{
	for (uint32_t i = 0; i < window->ram.count; i++) {
		const struct hadal_range *range = &window->ram.range[i];
		void *at = mmap(NULL, range->end - range->start, PROT_READ, MAP_SHARED, window->fd,
				HADAL_WINDOW_OFFSET + range->start);

		if (at == MAP_FAILED)
			return errno;
		window->at[window->count++] = at;
	}
	return 0;
}

int hadal_window_open(struct hadal *hadal, struct hadal_window **out, struct hadal_error *error)
{
	struct hadal_ioc_window request = {.version = HADAL_ABI_VERSION};
	struct hadal_window *window = calloc(1, sizeof(*window));
	int code;

	if (!window)
		return hadal_fail(error, ENOMEM, "Out of memory");
	code = hadal_ram(hadal, &window->ram, error);
	if (code) {
		free(window);
		return code;
	}
	window->fd = open("/dev/hadal", O_RDWR | O_CLOEXEC);
	if (window->fd < 0 || ioctl(window->fd, HADAL_IOC_WINDOW, &request))
		code = errno;
	else
		code = map_ranges(window);
	if (code) {
		hadal_window_close(window);
		return open_error(error, code);
	}
	*out = window;
	return 0;
}

void hadal_window_close(struct hadal_window *window)
{
	if (!window)
		return;
	for (size_t i = 0; i < window->count; i++)
		munmap((void *)window->at[i],
		       window->ram.range[i].end - window->ram.range[i].start);
	if (window->fd >= 0)
		close(window->fd);
	free(window);
}

const void *hadal_window_at(const struct hadal_window *window, uint64_t pa, uint64_t *len)
{
	for (size_t i = 0; i < window->count; i++) {
		const struct hadal_range *range = &window->ram.range[i];

		if (pa >= range->start && pa < range->end) {
			*len = range->end - pa;
			return window->at[i] + (pa - range->start);
		}
	}
	return NULL;
}
