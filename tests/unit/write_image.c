// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/*
 * write_image FILE [NAME]...: raw memory of the made-up machine, for programs that are not of this
 * tree. With names it has more processes, 11 and so on.
 */
#include <stdio.h>

#include "machine.h"

int main(int argc, char **argv)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	FILE *out = argc >= 2 ? fopen(argv[1], "wx") : NULL;
	size_t written;

	machine_add_task(machine, 7, "seventh", 0);
	machine_add_task(machine, 9, "[ninth]", 0);
	for (int i = 2; i < argc; i++)
		machine_add_task(machine, 9 + i, argv[i], 0);
	written = out ? fwrite(machine->ram, 1, MACHINE_RAM, out) : 0;
	machine_free(machine);
	return !out || fclose(out) || written != MACHINE_RAM;
}
