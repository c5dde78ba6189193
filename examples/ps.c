// SPDX-License-Identifier: MIT
/*
 * Lists processes: of this system, or of an image.
 *   cc ps.c $(pkg-config --cflags --libs hadal) -o ps && sudo ./ps [IMAGE]
 */
#include <hadal/hadal.h>
#include <stdio.h>

/* Names may hold any bytes, and here they go to a terminal. */
static void print_name(const char *name)
{
	for (; *name; name++)
		putchar(*name < ' ' || *name > '~' ? '?' : *name);
}

static int list_processes(struct hadal_machine *machine, struct hadal_error *error)
{
	struct hadal_kernel *kernel = hadal_machine_kernel(machine, error);
	struct hadal_process_list list;
	int result;

	if (!kernel)
		return -1;
	result = hadal_processes(kernel, false, &list, error);
	if (!result)
		result = hadal_processes_check(kernel, false, &list, error);
	for (size_t i = 0; i < list.count; i++) {
		printf("%7d ", list.items[i].pid);
		print_name(list.items[i].comm);
		puts(list.items[i].hidden ? " (hidden)" : "");
	}
	hadal_processes_free(&list);
	return result;
}

int main(int argc, char **argv)
{
	struct hadal_machine *machine;
	struct hadal_error error;
	int result = argc > 1 ? hadal_open_image(argv[1], &machine, &error)
			      : hadal_open_system(&machine, &error);

	if (!result) {
		result = list_processes(machine, &error);
		hadal_machine_close(machine);
	}
	if (result)
		fprintf(stderr, "%s: %s\n", argv[0], error.text);
	return result ? 1 : 0;
}
