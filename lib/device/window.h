/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_DEVICE_WINDOW_H
#define HADAL_LIB_DEVICE_WINDOW_H

#include "device/hypervisor.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The memory window: all RAM of this system mapped into this process, read-only; reading it asks
 * nobody. It shows memory as it is now, the hypervisor's own pages as zeros. Neither a CPU can go
 * offline nor Hadal stop while it is open. When the machine goes down it is taken away: an access
 * then is SIGBUS. Children do not inherit it.
 */
struct hadal_window;

/*
 * *hadal need not stay open. Returns 0, or a negative errno with a sentence in error: -EOPNOTSUPP
 * (no room in the physical address space), -ENOMEM.
 */
int hadal_window_open(struct hadal *hadal, struct hadal_window **window, struct hadal_error *error);
/* No pointer into it may be used any more. NULL is fine. */
void hadal_window_close(struct hadal_window *window);

/*
 * Where the byte at physical address pa is, and in *len how many follow it; NULL when it is not
 * RAM. Valid until hadal_window_close.
 */
const void *hadal_window_at(const struct hadal_window *window, uint64_t pa, uint64_t *len);

#ifdef __cplusplus
}
#endif

#endif
