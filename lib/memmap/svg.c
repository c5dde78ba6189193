// SPDX-License-Identifier: MIT
/* Physical memory as a picture. */
#include "memmap/svg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Pixels, of which a page of A4 is about 760 wide when it is printed. */
#define LEFT         150 /* of the strips: addresses are there */
#define STRIP        92
#define STRIP_SPACE  8
#define NOTE         190 /* to the right: sizes, and what stands out */
#define TOP          64
#define LEAST_HEIGHT 15
#define PER_DOUBLING 2
#define GAP          18
#define PAGE_BITS    12
#define LEGEND_LINE  18

static const struct {
	const char *colour, *pattern; /* lines over the colour; NULL: plain */
} looks[HADAL_MEMMAP_CLASSES] = {
	[HADAL_MEMMAP_OTHER] = {"#d9d9d9", NULL},
	[HADAL_MEMMAP_RAM] = {"#b7dfb1", NULL},
	[HADAL_MEMMAP_BOOT] = {"#dff0c0", "M0 4H8"},
	[HADAL_MEMMAP_RUNTIME] = {"#f4a582", "M0 8L8 0"},
	[HADAL_MEMMAP_ACPI] = {"#9ecae1", "M4 0V8"},
	[HADAL_MEMMAP_NVS] = {"#6baed6", "M4 0V8M0 4H8"},
	[HADAL_MEMMAP_RESERVED] = {"#fdd49e", "M0 0L8 8"},
	[HADAL_MEMMAP_UNUSABLE] = {"#cccccc", "M0 0L8 8M0 8L8 0"},
	[HADAL_MEMMAP_PERSISTENT] = {"#bcbddc", "M2 0V8M6 0V8"},
	[HADAL_MEMMAP_HIDDEN] = {"#ffffff", "M0 8L8 0M0 4L4 0M4 8L8 4"},
};

/* Neighbours that look the same in every strip are drawn as one. */
struct piece {
	const struct hadal_memmap_row *row; /* the first */
	uint64_t start, last;
	unsigned int marks;
	unsigned int y, height;
	bool behind_gap;
};

struct picture {
	FILE *out;
	const struct hadal_memmap *map;
	struct piece *pieces;
	size_t count;
	unsigned int strips[HADAL_MEMMAP_SOURCES], strip_count;
	unsigned int width, height;
	bool used[HADAL_MEMMAP_CLASSES];
};

static bool same_kind(const struct picture *picture, const struct hadal_memmap_row *one,
		      const struct hadal_memmap_row *other)
{
	for (unsigned int i = 0; i < picture->strip_count; i++) {
		const struct hadal_memmap_range *a = one->in[picture->strips[i]];
		const struct hadal_memmap_range *b = other->in[picture->strips[i]];

		if (!a != !b || (a && a->class != b->class))
			return false;
	}
	return true;
}

/* The kinds are what the strips show, so memory types have none. */
static void choose_strips(struct picture *picture)
{
	for (unsigned int i = 0; i < HADAL_MEMMAP_SOURCES; i++)
		if (picture->map->of[i].known && i != HADAL_MEMMAP_MTRR &&
		    i != HADAL_MEMMAP_EFI_KERNEL && i != HADAL_MEMMAP_E820_KEXEC)
			picture->strips[picture->strip_count++] = i;
}

static unsigned int height_of(uint64_t bytes)
{
	unsigned int bits = 0;

	for (; bytes >> 1 >> PAGE_BITS; bytes >>= 1)
		bits++;
	return LEAST_HEIGHT + bits * PER_DOUBLING;
}

static void add_row(struct picture *picture, const struct hadal_memmap_row *row)
{
	struct piece *before = picture->count ? &picture->pieces[picture->count - 1] : NULL;
	unsigned int marks = hadal_memmap_marks(picture->map, row);

	if (before && before->last + 1 == row->start && before->marks == marks &&
	    same_kind(picture, before->row, row)) {
		before->last = row->last;
		return;
	}
	picture->pieces[picture->count++] = (struct piece){
		.row = row,
		.start = row->start,
		.last = row->last,
		.marks = marks,
		.behind_gap = before ? before->last + 1 != row->start : row->start,
	};
}

static void lay_out(struct picture *picture)
{
	unsigned int y = TOP;

	for (size_t i = 0; i < picture->count; i++) {
		struct piece *piece = &picture->pieces[i];

		y += piece->behind_gap ? GAP : 0;
		piece->y = y;
		piece->height = height_of(piece->last - piece->start);
		y += piece->height;
		for (unsigned int j = 0; j < picture->strip_count; j++)
			if (piece->row->in[picture->strips[j]])
				picture->used[piece->row->in[picture->strips[j]]->class] = true;
	}
	picture->width = LEFT + picture->strip_count * (STRIP + STRIP_SPACE) + NOTE;
	picture->height = y + 48;
	for (size_t i = 0; i < HADAL_MEMMAP_CLASSES; i++)
		picture->height += picture->used[i] ? LEGEND_LINE : 0;
}

/* Names come from the memory of a machine that may be hostile. */
static void put_text(FILE *out, const char *text, size_t most)
{
	for (; *text && most; text++, most--)
		if (*text == '&' || *text == '<' || *text == '>' || *text == '"' ||
		    (unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			fprintf(out, "&#%d;", *text > ' ' && *text < 0x7f ? *text : '?');
		else
			fputc(*text, out);
}

static void put_size(FILE *out, uint64_t last, uint64_t start)
{
	static const char units[] = "KMGTPE";
	uint64_t kib = ((last - start) >> 10) + 1;
	size_t unit = 0;

	for (; kib >= 10240 && unit + 1 < sizeof(units) - 1; kib >>= 10)
		unit++;
	fprintf(out, "%" PRIu64 " %ciB", kib, units[unit]);
}

static void put_styles(const struct picture *picture)
{
	fputs("<style>text{font:11px sans-serif;fill:#000}.a{font-family:monospace;font-size:10px;"
	      "text-anchor:end}.h{font-weight:bold;text-anchor:middle}.n{font-size:10px}"
	      ".b{stroke:#444;stroke-width:.6}.m{font-size:10px;font-weight:bold}</"
	      "style>\n<defs>\n",
	      picture->out);
	for (unsigned int i = 0; i < HADAL_MEMMAP_CLASSES; i++) {
		fprintf(picture->out,
			"<pattern id=\"k%u\" width=\"8\" height=\"8\" "
			"patternUnits=\"userSpaceOnUse\">"
			"<rect width=\"8\" height=\"8\" fill=\"%s\"/>",
			i, looks[i].colour);
		if (looks[i].pattern)
			fprintf(picture->out,
				"<path d=\"%s\" stroke=\"#555\" stroke-width=\".7\" "
				"fill=\"none\"/>",
				looks[i].pattern);
		fputs("</pattern>\n", picture->out);
	}
	fputs("</defs>\n", picture->out);
}

static unsigned int strip_x(unsigned int strip)
{
	return LEFT + strip * (STRIP + STRIP_SPACE);
}

static void put_gap(const struct picture *picture, const struct piece *piece)
{
	unsigned int y = piece->y - GAP / 2;

	fprintf(picture->out, "<path d=\"M%u %u", LEFT - 8, y);
	for (unsigned int x = LEFT - 8, up = 1; x < picture->width - NOTE; x += 8, up = !up)
		fprintf(picture->out, "l8 %d", up ? -4 : 4);
	fputs("\" fill=\"none\" stroke=\"#888\" stroke-dasharray=\"4 2\"/>\n", picture->out);
}

static void put_marks(const struct picture *picture, const struct piece *piece)
{
	static const char *const words[] = {"RAM in some maps only", "hidden", "runtime services",
					    "RAM not write-back"};
	const char *before = "  \302\267 ";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (piece->marks >> i & 1) {
			fprintf(picture->out, "%s%s", before, words[i]);
			before = ", ";
		}
}

static void put_piece(const struct picture *picture, const struct piece *piece)
{
	unsigned int base = piece->y + piece->height / 2 + 4;

	if (piece->behind_gap)
		put_gap(picture, piece);
	fprintf(picture->out, "<text class=\"a\" x=\"%u\" y=\"%u\">%#" PRIx64 "</text>\n",
		LEFT - 12, piece->y + 9, piece->start);
	for (unsigned int i = 0; i < picture->strip_count; i++) {
		const struct hadal_memmap_range *range = piece->row->in[picture->strips[i]];

		if (!range)
			continue;
		fprintf(picture->out,
			"<rect class=\"b\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" "
			"fill=\"url(#k%u)\"/><text class=\"n\" x=\"%u\" y=\"%u\">",
			strip_x(i), piece->y, STRIP, piece->height, range->class, strip_x(i) + 4,
			base);
		put_text(picture->out, range->name, 14);
		fputs("</text>\n", picture->out);
	}
	fprintf(picture->out, "<text class=\"%c\" x=\"%u\" y=\"%u\">", piece->marks ? 'm' : 'n',
		picture->width - NOTE + 6, base);
	put_size(picture->out, piece->last, piece->start);
	put_marks(picture, piece);
	fputs("</text>\n", picture->out);
}

static void put_legend(const struct picture *picture)
{
	const struct piece *last = picture->count ? &picture->pieces[picture->count - 1] : NULL;
	unsigned int y = last ? last->y + last->height : TOP;

	if (last)
		fprintf(picture->out, "<text class=\"a\" x=\"%u\" y=\"%u\">%#" PRIx64 "</text>\n",
			LEFT - 12, y + 9, last->last);
	y += 24;
	fprintf(picture->out,
		"<text class=\"n\" x=\"%u\" y=\"%u\">Heights grow with the logarithm of the size; "
		"broken lines stand for addresses that no map describes.</text>\n",
		LEFT, y);
	y += 10;
	for (unsigned int i = 0; i < HADAL_MEMMAP_CLASSES; i++) {
		if (!picture->used[i])
			continue;
		fprintf(picture->out,
			"<rect class=\"b\" x=\"%u\" y=\"%u\" width=\"28\" height=\"12\" "
			"fill=\"url(#k%u)\"/><text x=\"%u\" y=\"%u\">%s</text>\n",
			LEFT, y, i, LEFT + 36, y + 10, hadal_memmap_class_name(i));
		y += LEGEND_LINE;
	}
}

int hadal_memmap_svg(FILE *out, const struct hadal_memmap *map, const struct hadal_memmap_row *rows,
		     size_t count, const char *title)
{
	struct picture picture = {.out = out, .map = map};

	picture.pieces = calloc(count + 1, sizeof(*picture.pieces));
	if (!picture.pieces)
		return -ENOMEM;
	choose_strips(&picture);
	for (size_t i = 0; i < count; i++)
		add_row(&picture, &rows[i]);
	lay_out(&picture);
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"viewBox=\"0 0 %u %u\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		picture.width, picture.height, picture.width, picture.height);
	put_styles(&picture);
	fprintf(out, "<text x=\"12\" y=\"22\" style=\"font-size:15px;font-weight:bold\">");
	put_text(out, title, 100);
	fputs("</text>\n", out);
	for (unsigned int i = 0; i < picture.strip_count; i++)
		fprintf(out, "<text class=\"h\" x=\"%u\" y=\"%u\">%s</text>\n",
			strip_x(i) + STRIP / 2, TOP - 10,
			hadal_memmap_source_name(picture.strips[i]));
	for (size_t i = 0; i < picture.count; i++)
		put_piece(&picture, &picture.pieces[i]);
	put_legend(&picture);
	fputs("</svg>\n", out);
	free(picture.pieces);
	return 0;
}
