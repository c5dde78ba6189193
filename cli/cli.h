/* SPDX-License-Identifier: MIT */
/* What the commands share. */
#ifndef HADAL_CLI_H
#define HADAL_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "commands.h"
#include "device/hypervisor.h"

/* Prints the sentence. Returns CLI_FAILURE. */
int cli_fail(const struct hadal_error *error);
/* "invalid NAME 'value': expected ..." of a sentence that begins with Expected; the last one. */
const char *cli_invalid(const char *name, const char *value, const struct hadal_error *error);

/* The device, or NULL after saying why not. */
struct hadal *cli_open(void);
/* The same for a command that needs Hadal running and asks for its struct hadal_info. */
struct hadal *cli_open_running(struct hadal_info *info);

/* Moves this program away from a CPU that it is to pause. Returns 0 or a negative errno. */
int cli_leave_cpu(unsigned int cpu, struct hadal_error *error);
/*
 * What a command does with what it needs: returns an exit code, having said itself what failed, or
 * a negative errno with a sentence in error.
 */
typedef int (*cli_device_work)(struct hadal *hadal, void *options, struct hadal_error *error);
/* Opens the device, does the work and says why when it failed. Returns an exit code. */
int cli_device_run(cli_device_work work, void *options);

/* Prints an object on one line and frees it. */
void cli_print_json(struct json_object *object);
/* Adds a number as "0x...", because JSON readers may lose bits of a 64-bit number. */
void cli_json_hex(struct json_object *object, const char *name, uint64_t value);
#endif
