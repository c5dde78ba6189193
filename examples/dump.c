// SPDX-License-Identifier: MIT
/*
 * Writes physical memory as LiME: of this system, or of an image of another format.
 *   cc dump.c $(pkg-config --cflags --libs hadal) -o dump && sudo ./dump FILE [IMAGE]
 */
#include <hadal/hadal.h>
#include <stdio.h>

static int write_memory(struct hadal_machine *machine, FILE *out, struct hadal_error *error)
{
	static char piece[1 << 20];
	struct hadal_view *view;
	int result = hadal_view_lime(hadal_machine_memory(machine), &view);
	uint64_t size, at = 0;

	if (result)
		return hadal_fail(error, -result, "The memory cannot be shown as LiME");
	size = hadal_view_size(view);
	while (at < size) {
		size_t want = size - at < sizeof(piece) ? size - at : sizeof(piece);

		hadal_view_read(view, at, piece, want);
		if (fwrite(piece, 1, want, out) != want)
			break;
		at += want;
	}
	hadal_view_free(view);
	return at < size ? hadal_fail(error, 5, "Not all of it could be written") : 0;
}

int main(int argc, char **argv)
{
	struct hadal_machine *machine = NULL;
	struct hadal_error error;
	FILE *out;
	int result;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "Usage: %s FILE [IMAGE]\n", argv[0]);
		return 2;
	}
	result = argc > 2 ? hadal_open_image(argv[2], &machine, &error)
			  : hadal_open_system(&machine, &error);
	out = result ? NULL : fopen(argv[1], "wx");
	if (out)
		result = write_memory(machine, out, &error);
	else if (!result)
		result = hadal_fail(&error, 5, "Cannot make %s, or it is there", argv[1]);
	if (out && fclose(out) && !result)
		result = hadal_fail(&error, 5, "Not all of it could be written");
	if (result)
		fprintf(stderr, "%s: %s\n", argv[0], error.text);
	hadal_machine_close(machine);
	return result ? 1 : 0;
}
