// SPDX-License-Identifier: MIT
/*
 * The file is text: a line "hadal-facts VERSION CHECKSUM", and then one fact a line:
 *   build-id AT HEX
 *   symbol NAME OFFSET
 *   field TYPE PATH OFFSET SIZE BIT-FIRST BIT-COUNT COUNT
 */
#include "facts.h"

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
#define MAX_WORD 127
#define WORD     "%127s"

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

int hadal_facts_add_symbol(struct hadal_facts *facts, const char *name, uint64_t offset)
{
	struct hadal_fact_symbol *symbols;
	char *copy;

	if (hadal_facts_symbol(facts, name))
		return 0;
	symbols = realloc(facts->symbols, (facts->symbol_count + 1) * sizeof(*symbols));
	if (!symbols)
		return -ENOMEM;
	facts->symbols = symbols;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	symbols[facts->symbol_count++] = (struct hadal_fact_symbol){copy, offset};
	facts->changed = true;
	return 0;
}

int hadal_facts_add_field(struct hadal_facts *facts, const char *type, const char *path,
			  const struct hadal_field *field)
{
	struct hadal_fact_field *fields, new = {.field = *field};

	if (hadal_facts_field(facts, type, path))
		return 0;
	fields = realloc(facts->fields, (facts->field_count + 1) * sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	facts->fields = fields;
	new.type = strdup(type);
	new.path = strdup(path);
	/* The number of a type means nothing without the types. */
	new.field.type = 0;
	if (!new.type || !new.path) {
		free(new.type);
		free(new.path);
		return -ENOMEM;
	}
	fields[facts->field_count++] = new;
	facts->changed = true;
	return 0;
}

/* The whole file as a string, to be freed; NULL with errno. */
static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = -1;
	struct stat st;
	char *text;

	if (fd < 0)
		return NULL;
	text = malloc(MAX_FILE);
	if (text && !fstat(fd, &st)) {
		if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
			errno = EPERM;
		else
			got = read(fd, text, MAX_FILE - 1);
	}
	close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

static int parse_build_id(struct hadal_facts *facts, const char *hex)
{
	for (int i = 0; i < HADAL_BUILD_ID_BYTES; i++)
		if (sscanf(hex + 2 * i, "%2" SCNx8, &facts->build_id[i]) != 1)
			return -EINVAL;
	return hex[2 * HADAL_BUILD_ID_BYTES] ? -EINVAL : 0;
}

static int parse_line(struct hadal_facts *facts, const char *line)
{
	char first[MAX_WORD + 1], second[MAX_WORD + 1];
	struct hadal_field field = {0};
	uint64_t offset;

	if (sscanf(line, "symbol " WORD " %" SCNx64, first, &offset) == 2)
		return hadal_facts_add_symbol(facts, first, offset);
	if (sscanf(line,
		   "field " WORD " " WORD " %" SCNu32 " %" SCNu32 " %" SCNu8 " %" SCNu8 " %" SCNu32,
		   first, second, &field.offset, &field.size, &field.bit_first, &field.bit_count,
		   &field.count) == 7)
		return hadal_facts_add_field(facts, first, second, &field);
	if (sscanf(line, "build-id %" SCNx64 " " WORD, &facts->build_id_at, first) == 2)
		return parse_build_id(facts, first);
	return -EINVAL;
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
		fprintf(out, "symbol %s %" PRIx64 "\n", facts->symbols[i].name,
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
