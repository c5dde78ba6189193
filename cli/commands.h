/* SPDX-License-Identifier: MIT */
/* The descriptions of all commands, each in its own file. */
#ifndef HADAL_CLI_COMMANDS_H
#define HADAL_CLI_COMMANDS_H

#include "command.h"

extern const struct cli_command command_check;
extern const struct cli_command command_start;
extern const struct cli_command command_keep;
extern const struct cli_command command_stop;
extern const struct cli_command command_status;
extern const struct cli_command command_stats;
extern const struct cli_command command_log;
extern const struct cli_command command_ps;
extern const struct cli_command command_files;
extern const struct cli_command command_maps;
extern const struct cli_command command_sockets;
extern const struct cli_command command_mounts;
extern const struct cli_command command_modules;
extern const struct cli_command command_memmap;
extern const struct cli_command command_dmesg;
extern const struct cli_command command_events;
extern const struct cli_command command_watch;
extern const struct cli_command command_break;
extern const struct cli_command command_step;
extern const struct cli_command command_read;
extern const struct cli_command command_write;
extern const struct cli_command command_translate;
extern const struct cli_command command_find;
extern const struct cli_command command_strings;
extern const struct cli_command command_regs;
extern const struct cli_command command_symbols;
extern const struct cli_command command_types;
extern const struct cli_command command_show;
extern const struct cli_command command_disas;
extern const struct cli_command command_stack;
extern const struct cli_command command_dump;
extern const struct cli_command command_mount;
extern const struct cli_command command_profile;
extern const struct cli_command command_drgn;
extern const struct cli_command command_exec;
extern const struct cli_command command_kvmi;
extern const struct cli_command command_allow;
extern const struct cli_command command_clients;
extern const struct cli_command command_completion;

#endif
