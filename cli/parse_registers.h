/* SPDX-License-Identifier: MIT */
#ifndef HADAL_CLI_PARSE_REGISTERS_H
#define HADAL_CLI_PARSE_REGISTERS_H

#include "device/hypervisor.h"

/*
 * NAME=VALUE,... with names as `hadal regs` prints them, of segments and tables with a part as in
 * fs.base, into a set that holds the registers as they are. -EINVAL (with the sentence): a name
 * that there is not or that comes twice, no number, or one that does not fit.
 */
int parse_registers(const char *text, struct hadal_set_regs *set, struct hadal_error *error);

#endif
