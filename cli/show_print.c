// SPDX-License-Identifier: MIT
/* Values of the kernel, printed as C or as JSON. */
#include "show_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel.h"
#include "text.h"

static void print_escaped(const char *text, size_t len)
{
	putchar('"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = text[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c == '\n')
			fputs("\\n", stdout);
		else if (c == '\t')
			fputs("\\t", stdout);
		else if (c < ' ' || c >= 0x7f)
			printf("\\%03o", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_pointer(const struct hadal_leaf *leaf)
{
	char symbol[4 * HADAL_LEAF_TEXT_MAX];

	printf("%#" PRIx64, leaf->number);
	if (*leaf->text)
		printf(" <%s>",
		       text_for_terminal(leaf->text, strlen(leaf->text), symbol, sizeof(symbol)));
	if (leaf->has_string) {
		putchar(' ');
		print_escaped(leaf->string, strlen(leaf->string));
		fputs(leaf->cut ? "..." : "", stdout);
	}
}

static void print_number(const struct show_text *text, const struct hadal_leaf *leaf)
{
	if (text->hex)
		printf("%#" PRIx64, leaf->number);
	else if (leaf->kind == HADAL_LEAF_SIGNED || leaf->kind == HADAL_LEAF_ENUM)
		printf("%" PRId64, (int64_t)leaf->number);
	else
		printf("%" PRIu64, leaf->number);
}

static void print_leaf(const struct show_text *text, const struct hadal_leaf *leaf)
{
	char name[4 * HADAL_LEAF_TEXT_MAX];

	switch (leaf->kind) {
	case HADAL_LEAF_BOOL:
		fputs(leaf->number ? "true" : "false", stdout);
		break;
	case HADAL_LEAF_POINTER:
		print_pointer(leaf);
		break;
	case HADAL_LEAF_STRING:
		print_escaped(leaf->text, leaf->text_len);
		fputs(leaf->cut ? "..." : "", stdout);
		break;
	case HADAL_LEAF_UNREADABLE:
		fputs("<not mapped>", stdout);
		break;
	case HADAL_LEAF_DEEPER:
		fputs("{...}", stdout);
		break;
	case HADAL_LEAF_MORE:
		printf("... %" PRIu64 " more", leaf->number);
		break;
	case HADAL_LEAF_ENUM:
	case HADAL_LEAF_WIDE:
		if (*leaf->text) {
			fputs(text_for_terminal(leaf->text, strlen(leaf->text), name, sizeof(name)),
			      stdout);
			break;
		}
		/* fall through */
	default:
		print_number(text, leaf);
	}
	if (leaf->repeats > 1)
		printf(" <repeats %" PRIu64 " times>", leaf->repeats);
}

/* A new line for what comes next, with its name; elements of an array follow each other. */
static void print_before(struct show_text *text, const char *name)
{
	char copy[2048];

	if (!text->depth) {
		printf(text->type ? "%s = (%s) " : "%s = ", text->expression, text->type);
		text->begun = true;
		return;
	}
	if (name || text->wide) {
		putchar('\n');
		for (unsigned i = 0; i < text->depth; i++)
			putchar('\t');
	} else if (!text->first) {
		fputs(", ", stdout);
	}
	text->first = false;
	if (!name)
		return;
	printf("%s = ", text_for_terminal(name, strlen(name), copy, sizeof(copy)));
}

/* Members end with a comma, and so do elements on lines of their own. */
static void print_after(const struct show_text *text, const char *name)
{
	if (text->depth && (name || text->wide))
		putchar(',');
}

static void text_begin(void *ctx, const char *name, bool array)
{
	struct show_text *text = ctx;

	(void)array;
	/* Elements that are themselves structures have lines of their own. */
	text->wide |= text->depth && !name;
	print_before(text, name);
	putchar('{');
	text->depth++;
	text->wide = false;
	text->first = true;
}

static void text_end(void *ctx, bool array)
{
	struct show_text *text = ctx;

	text->depth--;
	if (!array || text->wide) {
		putchar('\n');
		for (unsigned i = 0; i < text->depth; i++)
			putchar('\t');
	}
	putchar('}');
	if (text->depth)
		putchar(',');
	/* What is in an array is in a line of its own if what was before it is. */
	text->wide = true;
	text->first = false;
}

static void text_leaf(void *ctx, const char *name, const struct hadal_leaf *leaf)
{
	struct show_text *text = ctx;

	text->unreadable += leaf->kind == HADAL_LEAF_UNREADABLE;
	print_before(text, name);
	print_leaf(text, leaf);
	print_after(text, name);
}

struct hadal_value_visitor show_text_visitor(struct show_text *text)
{
	return (struct hadal_value_visitor){text_begin, text_end, text_leaf, text};
}

static void json_add(struct show_json *json, const char *name, struct json_object *object)
{
	struct json_object *around = json->depth ? json->open[json->depth - 1] : NULL;
	char copy[2048];

	if (!around) {
		json->result = object;
	} else if (name) {
		text_for_terminal(name, strlen(name), copy, sizeof(copy));
		json_object_object_add(around, copy, object);
	} else {
		json_object_array_add(around, object);
	}
}

static void json_begin(void *ctx, const char *name, bool array)
{
	struct show_json *json = ctx;
	struct json_object *object = array ? json_object_new_array() : json_object_new_object();

	json_add(json, name, object);
	json->open[json->depth++] = object;
}

static void json_end(void *ctx, bool array)
{
	struct show_json *json = ctx;

	(void)array;
	json->depth--;
}

static struct json_object *json_number(uint64_t number)
{
	char text[19];

	snprintf(text, sizeof(text), "%#" PRIx64, number);
	return json_object_new_string(text);
}

static struct json_object *json_leaf_value(const struct hadal_leaf *leaf)
{
	switch (leaf->kind) {
	case HADAL_LEAF_SIGNED:
		return json_object_new_int64(leaf->number);
	case HADAL_LEAF_UNSIGNED:
		return json_object_new_uint64(leaf->number);
	case HADAL_LEAF_BOOL:
		return json_object_new_boolean(leaf->number);
	case HADAL_LEAF_POINTER:
		return json_number(leaf->number);
	case HADAL_LEAF_ENUM:
		if (!*leaf->text)
			return json_object_new_int64(leaf->number);
		/* fall through */
	case HADAL_LEAF_STRING:
	case HADAL_LEAF_WIDE:
		return text_json(leaf->text, leaf->text_len);
	default:
		return NULL;
	}
}

/* Elements that were left out are counted, and leave a shorter array. */
static void json_leaf(void *ctx, const char *name, const struct hadal_leaf *leaf)
{
	struct show_json *json = ctx;

	json->unreadable += leaf->kind == HADAL_LEAF_UNREADABLE;
	if (leaf->kind == HADAL_LEAF_MORE) {
		json->left_out += leaf->number;
		return;
	}
	json->left_out += leaf->kind == HADAL_LEAF_STRING && leaf->cut;
	json_add(ctx, name, json_leaf_value(leaf));
}

struct hadal_value_visitor show_json_visitor(struct show_json *json)
{
	return (struct hadal_value_visitor){json_begin, json_end, json_leaf, json};
}
