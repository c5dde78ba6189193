// SPDX-License-Identifier: MIT
/* The table of all commands. */
#include "commands.h"

#include <string.h>

const struct cli_command *const cli_commands[] = {
	/* The hypervisor */
	&command_check,
	&command_start,
	&command_keep,
	&command_stop,
	&command_status,
	&command_stats,
	&command_log,
	/* The running system */
	&command_ps,
	&command_files,
	&command_maps,
	&command_sockets,
	&command_mounts,
	&command_modules,
	&command_memmap,
	&command_dmesg,
	/* What happens in it */
	&command_events,
	&command_watch,
	&command_break,
	&command_step,
	/* Memory and registers */
	&command_read,
	&command_write,
	&command_translate,
	&command_find,
	&command_strings,
	&command_regs,
	/* The kernel's symbols, types and text */
	&command_symbols,
	&command_types,
	&command_show,
	&command_disas,
	&command_stack,
	/* For other tools */
	&command_dump,
	&command_mount,
	&command_profile,
	&command_drgn,
	/* Programs that introspect */
	&command_exec,
	&command_kvmi,
	&command_allow,
	&command_clients,
	&command_completion,
	NULL,
};

const struct cli_command *cli_command_find(const char *name)
{
	for (size_t i = 0; cli_commands[i]; i++)
		if (!strcmp(cli_commands[i]->name, name) ||
		    (cli_commands[i]->alias && !strcmp(cli_commands[i]->alias, name)))
			return cli_commands[i];
	return NULL;
}

#define NAME_MAX_LEN 24

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters have to be changed, added, taken away or swapped (Damerau, Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[3][NAME_MAX_LEN + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (size_t j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			now[j] = least(least(before[j], now[j - 1]) + 1,
				       before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

const char *cli_command_guess(const char *name)
{
	const char *guess = NULL;
	unsigned nearest = 1 + strlen(name) / 3; /* farther ones were not meant */

	for (size_t i = 0; cli_commands[i]; i++) {
		unsigned far = distance(name, cli_commands[i]->name);

		if (far <= nearest) {
			nearest = far - (far > 0);
			guess = cli_commands[i]->name;
		}
	}
	return guess;
}
