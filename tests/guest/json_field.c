// SPDX-License-Identifier: MIT
/*
 * json_field TEMPLATE FILE [NAME=VALUE]: for each object of the JSON in a file ("-": standard
 * input), or only for those of which a member has a value, prints the template with the members in
 * place of their names, such as "pid name" or "major:minor". Names lead into objects by dots, as in
 * "namespaces.pid"; what is not there is empty. The file may hold one value, a list of objects, or
 * one object a line. Ends with 1 when it is no JSON, and when there was no such object.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

static const char *template, *condition;
static int printed;

static struct json_object *member(struct json_object *object, const char *path, size_t len)
{
	char copy[128], *rest = copy, *name;

	if (len >= sizeof(copy))
		return NULL;
	memcpy(copy, path, len);
	copy[len] = '\0';
	while ((name = strsep(&rest, ".")) && object)
		if (!json_object_object_get_ex(object, name, &object))
			return NULL;
	return object;
}

static bool is_wanted(struct json_object *object)
{
	size_t len = condition ? strcspn(condition, "=") : 0;
	struct json_object *got = len ? member(object, condition, len) : NULL;

	return !len || (got && !strcmp(json_object_get_string(got), condition + len + 1));
}

/* A list's values have spaces between them. */
static void print_value(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array)) {
		fputs(json_object_get_string(value), stdout);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		if (i)
			putchar(' ');
		fputs(json_object_get_string(json_object_array_get_idx(value, i)), stdout);
	}
}

static void see(struct json_object *object)
{
	if (!is_wanted(object))
		return;
	for (const char *at = template; *at;) {
		size_t len = strspn(at, NAME_CHARACTERS);
		struct json_object *got = len ? member(object, at, len) : NULL;

		if (got)
			print_value(got);
		at += len;
		if (*at)
			putchar(*at++);
	}
	putchar('\n');
	printed++;
}

static void see_all(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array)) {
		see(value);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++)
		see(json_object_array_get_idx(value, i));
}

/* Values follow one another. Returns whether all was JSON. */
static bool read_values(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	bool good = true;

	while (good) {
		struct json_object *value;
		size_t space = strspn(text, " \t\r\n");

		text += space;
		len -= space;
		if (!len)
			break;
		value = json_tokener_parse_ex(tokener, text, len);
		good = json_tokener_get_error(tokener) == json_tokener_success;
		text += json_tokener_get_parse_end(tokener);
		len -= json_tokener_get_parse_end(tokener);
		if (good)
			see_all(value);
		json_object_put(value);
	}
	json_tokener_free(tokener);
	return good;
}

int main(int argc, char **argv)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *file;

	if (argc < 3 || argc > 4 || (argc == 4 && !strchr(argv[3], '='))) {
		fprintf(stderr, "usage: json_field TEMPLATE FILE [NAME=VALUE]\n");
		return 2;
	}
	template = argv[1];
	condition = argv[3];
	file = strcmp(argv[2], "-") ? fopen(argv[2], "r") : stdin;
	len = file ? getdelim(&text, &room, '\0', file) : -1;
	if (len < 0) {
		fprintf(stderr, "json_field: nothing in %s\n", argv[2]);
		return 1;
	}
	if (!read_values(text, len)) {
		fprintf(stderr, "json_field: no JSON: %.200s\n", text);
		return 1;
	}
	return printed ? 0 : 1;
}
