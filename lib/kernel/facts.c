// SPDX-License-Identifier: MIT
/*
 * The file is text: a line "hadal-facts VERSION CHECKSUM", and then one fact a line:
 *   build-id AT HEX
 *   symbol NAME OFFSET
 *   absolute NAME ADDRESS
 *   field TYPE PATH OFFSET SIZE BIT-FIRST BIT-COUNT COUNT
 */
#include "kernel/facts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define VERSION  1
#define MAX_FILE (256u << 10)

void hadal_facts_clear(struct hadal_facts *facts)
{
	for (size_t i = 0; i < facts->symbol_count; i++)
		free(facts->symbols[i].name);
	for (size_t i = 0; i < facts->field_count; i++) {
		free(facts->fields[i].type);
		free(facts->fields[i].path);
	}
	free(facts->symbols);
	free(facts->fields);
	*facts = (struct hadal_facts){0};
}

const struct hadal_fact_symbol *hadal_facts_symbol(const struct hadal_facts *facts,
						   const char *name)
{
	for (size_t i = 0; i < facts->symbol_count; i++)
		if (!strcmp(facts->symbols[i].name, name))
			return &facts->symbols[i];
	return NULL;
}

const struct hadal_fact_field *hadal_facts_field(const struct hadal_facts *facts, const char *type,
						 const char *path)
{
	for (size_t i = 0; i < facts->field_count; i++)
		if (!strcmp(facts->fields[i].path, path) && !strcmp(facts->fields[i].type, type))
			return &facts->fields[i];
	return NULL;
}

static int append_symbol(struct hadal_facts *facts, const char *name, uint64_t offset,
			 bool absolute)
{
	struct hadal_fact_symbol *symbols =
		realloc(facts->symbols, (facts->symbol_count + 1) * sizeof(*symbols));
	char *copy = strdup(name);

	if (symbols)
		facts->symbols = symbols;
	if (!symbols || !copy) {
		free(copy);
		return -ENOMEM;
	}
	symbols[facts->symbol_count++] = (struct hadal_fact_symbol){copy, offset, absolute};
	facts->changed = true;
	return 0;
}

static int append_field(struct hadal_facts *facts, const char *type, const char *path,
			const struct hadal_field *field)
{
	struct hadal_fact_field *fields =
		realloc(facts->fields, (facts->field_count + 1) * sizeof(*fields));
	struct hadal_fact_field new = {strdup(type), strdup(path), *field};

	/* The number of a type means nothing without the types. */
	new.field.type = 0;
	if (fields)
		facts->fields = fields;
	if (!fields || !new.type || !new.path) {
		free(new.type);
		free(new.path);
		return -ENOMEM;
	}
	fields[facts->field_count++] = new;
	facts->changed = true;
	return 0;
}

int hadal_facts_add_symbol(struct hadal_facts *facts, const char *name, uint64_t offset,
			   bool absolute)
{
	return hadal_facts_symbol(facts, name) ? 0 : append_symbol(facts, name, offset, absolute);
}

int hadal_facts_add_field(struct hadal_facts *facts, const char *type, const char *path,
			  const struct hadal_field *field)
{
	return hadal_facts_field(facts, type, path) ? 0 : append_field(facts, type, path, field);
}

/* The whole file as a string, to be freed; NULL with errno. */
static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = NULL;
	ssize_t got = -1;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022 ||
	    st.st_size > MAX_FILE)
		errno = EPERM;
	else
		text = malloc(st.st_size + 1);
	if (text)
		got = read(fd, text, st.st_size);
	close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

/* A line that is being parsed, by hand: at every start of a command there are many of them. */
struct line {
	char *at;
	bool bad;
};

/* The next word, with its end marked. */
static char *next_word(struct line *line)
{
	char *word = line->at, *end = strchrnul(word, ' ');

	line->bad |= end == word;
	line->at = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static uint64_t next_number(struct line *line, int base, uint64_t limit)
{
	char *word = next_word(line), *end;
	uint64_t value = strtoull(word, &end, base);

	line->bad |= !isxdigit((unsigned char)*word) || *end || value > limit;
	return value;
}

static void parse_build_id(struct hadal_facts *facts, struct line *line)
{
	const char *hex;

	facts->build_id_at = next_number(line, 16, UINT64_MAX);
	hex = next_word(line);
	line->bad |= strlen(hex) != 2 * HADAL_BUILD_ID_BYTES;
	for (int i = 0; i < HADAL_BUILD_ID_BYTES && !line->bad; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1]}, *end;

		facts->build_id[i] = strtoul(digits, &end, 16);
		line->bad = *end || !isxdigit((unsigned char)*digits);
	}
}

static int parse_symbol(struct hadal_facts *facts, struct line *line, bool absolute)
{
	const char *name = next_word(line);
	uint64_t offset = next_number(line, 16, UINT64_MAX);

	return line->bad ? 0 : append_symbol(facts, name, offset, absolute);
}

static int parse_field(struct hadal_facts *facts, struct line *line)
{
	const char *type = next_word(line), *path = next_word(line);
	struct hadal_field field = {0};

	field.offset = next_number(line, 10, UINT32_MAX);
	field.size = next_number(line, 10, UINT32_MAX);
	field.bit_first = next_number(line, 10, 7);
	field.bit_count = next_number(line, 10, 64);
	field.count = next_number(line, 10, UINT32_MAX);
	return line->bad ? 0 : append_field(facts, type, path, &field);
}

static int parse_line(struct hadal_facts *facts, char *text)
{
	struct line line = {.at = text};
	const char *kind = next_word(&line);
	int error = 0;

	if (!strcmp(kind, "symbol") || !strcmp(kind, "absolute"))
		error = parse_symbol(facts, &line, *kind == 'a');
	else if (!strcmp(kind, "field"))
		error = parse_field(facts, &line);
	else if (!strcmp(kind, "build-id"))
		parse_build_id(facts, &line);
	else
		return -EINVAL;
	if (!error && (line.bad || *line.at))
		return -EINVAL;
	return error;
}

/* The text after its first line, when that tells the right version and checksum. */
static char *check_header(char *text)
{
	unsigned version, checksum;
	char *body = strchr(text, '\n');

	if (!body++ || sscanf(text, "hadal-facts %u %x", &version, &checksum) != 2 ||
	    version != VERSION || crc32(0, (const unsigned char *)body, strlen(body)) != checksum)
		return NULL;
	return body;
}

int hadal_facts_load(struct hadal_facts *facts, const char *path)
{
	char *text = read_file(path), *body, *line, *rest;
	int error = 0;

	*facts = (struct hadal_facts){0};
	if (!text)
		return -errno;
	body = check_header(text);
	if (!body)
		error = -EINVAL;
	for (; !error && (line = strtok_r(body, "\n", &rest)); body = NULL)
		error = parse_line(facts, line);
	free(text);
	if (error)
		hadal_facts_clear(facts);
	facts->changed = false;
	return error;
}

static void print_facts(const struct hadal_facts *facts, FILE *out)
{
	fprintf(out, "build-id %" PRIx64 " ", facts->build_id_at);
	for (int i = 0; i < HADAL_BUILD_ID_BYTES; i++)
		fprintf(out, "%02x", facts->build_id[i]);
	fputc('\n', out);
	for (size_t i = 0; i < facts->symbol_count; i++)
		fprintf(out, "%s %s %" PRIx64 "\n",
			facts->symbols[i].absolute ? "absolute" : "symbol", facts->symbols[i].name,
			facts->symbols[i].offset);
	for (size_t i = 0; i < facts->field_count; i++) {
		const struct hadal_field *field = &facts->fields[i].field;

		fprintf(out, "field %s %s %" PRIu32 " %" PRIu32 " %u %u %" PRIu32 "\n",
			facts->fields[i].type, facts->fields[i].path, field->offset, field->size,
			field->bit_first, field->bit_count, field->count);
	}
}

static int write_file(const char *path, const char *body, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "hadal-facts %u %08lx\n", VERSION,
		    crc32(0, (const unsigned char *)body, len)) < 0 ||
	    write(fd, body, len) != (ssize_t)len)
		error = errno ? -errno : -EIO;
	if (close(fd) && !error)
		error = -errno;
	return error;
}

/* The file's name, and one beside it under which it is written; free both. */
static int make_names(const struct hadal_facts *facts, const char *directory, char **path,
		      char **temporary)
{
	char id[2 * HADAL_BUILD_ID_BYTES + 1];

	for (int i = 0; i < HADAL_BUILD_ID_BYTES; i++)
		sprintf(id + 2 * i, "%02x", facts->build_id[i]);
	*temporary = NULL;
	if (asprintf(path, "%s/%s", directory, id) < 0) {
		*path = NULL;
		return -ENOMEM;
	}
	if (asprintf(temporary, "%s/.%s.%d", directory, id, getpid()) < 0) {
		*temporary = NULL;
		return -ENOMEM;
	}
	return 0;
}

int hadal_facts_save(const struct hadal_facts *facts, const char *directory)
{
	char *path, *temporary, *body = NULL;
	size_t len;
	FILE *out;
	int error;

	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	out = open_memstream(&body, &len);
	if (!out)
		return -ENOMEM;
	print_facts(facts, out);
	if (fclose(out) || !body) {
		free(body);
		return -ENOMEM;
	}
	error = make_names(facts, directory, &path, &temporary);
	if (!error)
		error = write_file(temporary, body, len);
	if (!error && rename(temporary, path))
		error = -errno;
	if (error && temporary)
		unlink(temporary);
	free(path);
	free(temporary);
	free(body);
	return error;
}
