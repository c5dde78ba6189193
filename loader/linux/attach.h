/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* attach.c: a Hadal that was there before this system. */
#ifndef HADAL_LOADER_ATTACH_H
#define HADAL_LOADER_ATTACH_H

#include <linux/types.h>

/* Whether there is one, and whether it lets itself be stopped. */
bool attach_find(bool *stops);
/* There is one of another version, with which this module cannot speak. */
bool attach_is_other(void);
/*
 * Maps the way out of it, which HADAL_CALL_STOP wants the address of, and its log. 0, or a negative
 * errno and nothing is mapped.
 */
int attach_open_way_out(u64 *address);
void attach_close_way_out(void);
/* All CPUs have left by it: the log that it leaves behind. */
void attach_keep_log(void);

#endif
