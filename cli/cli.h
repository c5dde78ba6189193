/* SPDX-License-Identifier: MIT */
/* What the commands share. */
#ifndef HADAL_CLI_H
#define HADAL_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "hadal.h"

/* Exit codes of every command. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILURE = 1, /* the sentence on stderr says why */
	CLI_USAGE = 2,   /* the command line is wrong */
};

struct cli_command {
	const char *name;
	const char *summary; /* one line for `hadal --help` */
	/* argv[0] is "hadal NAME". Returns an exit code. */
	int (*run)(int argc, char **argv);
};

int cmd_start(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_regs(int argc, char **argv);
int cmd_read(int argc, char **argv);
int cmd_write(int argc, char **argv);
int cmd_translate(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_modules(int argc, char **argv);
int cmd_maps(int argc, char **argv);
int cmd_files(int argc, char **argv);
int cmd_sockets(int argc, char **argv);
int cmd_mounts(int argc, char **argv);
int cmd_dmesg(int argc, char **argv);
int cmd_symbols(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_allow(int argc, char **argv);
int cmd_clients(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_mount(int argc, char **argv);
int cmd_profile(int argc, char **argv);
int cmd_types(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_disas(int argc, char **argv);
int cmd_strings(int argc, char **argv);
int cmd_find(int argc, char **argv);

/* Options that many commands have; their keys are above all characters. */
enum cli_key {
	CLI_KEY_JSON = 0x100,
	CLI_KEY_VIRTUAL,
	CLI_KEY_ROOT,
	CLI_KEY_LEVELS,
	CLI_KEY_MMIO,
	CLI_KEY_COMMAND, /* first of a command's own */
};

/*
 * Children of a command's argp, for options that many commands have. The command gives each its
 * input at ARGP_KEY_INIT; a command whose argp has no parser passes on its own.
 */
extern const struct argp cli_json_argp; /* --json; input: bool */
extern const struct argp_child cli_json_options[];

/* Prints the sentence. Returns CLI_FAILURE. */
int cli_fail(const struct hadal_error *error);

/* The device, or NULL after saying why not. */
struct hadal *cli_open(void);
/* The same for a command that needs Hadal running and asks for its struct hadal_info. */
struct hadal *cli_open_running(struct hadal_info *info);

/* Prints an object and frees it. */
void cli_print_json(struct json_object *object);
/* Adds a number as "0x...", because JSON readers may lose bits of a 64-bit number. */
void cli_json_hex(struct json_object *object, const char *name, uint64_t value);
/* Adds bytes as a string of hexadecimal digits. */
void cli_json_bytes(struct json_object *object, const char *name, const uint8_t *bytes,
		    size_t length);

/* The value of an option or argument; ends the program with a usage error when it is none. */
uint64_t cli_argument(struct argp_state *state, const char *name, const char *text);
uint64_t cli_length_argument(struct argp_state *state, const char *name, const char *text);

/* Where memory is: physical, or virtual under a root. */
struct cli_place {
	bool is_virtual;
	uint64_t root;
	uint32_t flags;
};

/* clang-format off */
#define CLI_PLACE_OPTIONS                                                                          \
	{ "virtual", CLI_KEY_VIRTUAL, NULL, 0, "ADDRESS is virtual", 0 },                          \
	{ "root", CLI_KEY_ROOT, "CR3", 0,                                                          \
	  "Page tables that translate it, a value of CR3 (default: this process's own)", 0 },      \
	{ "levels", CLI_KEY_LEVELS, "LEVELS", 0,                                                   \
	  "Levels of these page tables, 4 or 5 (default: as this system's)", 0 },                  \
	{ "mmio", CLI_KEY_MMIO, NULL, 0,                                                           \
	  "Also access physical addresses that are not RAM; devices may react to it", 0 }
/* clang-format on */

/* Handles the options above and checks them at the end; ARGP_ERR_UNKNOWN for others. */
error_t cli_place_parse(int key, char *text, struct argp_state *state, struct cli_place *place);

/* HADAL_MEM_LA48 or _LA57 for "4" or "5". */
uint32_t cli_levels(struct argp_state *state, const char *text);

#endif
