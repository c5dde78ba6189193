// SPDX-License-Identifier: MIT
/*
 * test_lists [slow]: each list of the command's has what /proc has, byte for byte, in a scene of
 * hostile names and largest values. Prints all that differs, and ends with 1 then.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"
#include "support/extremes.h"
#include "support/line.h"

#define TEXT_MAX (1u << 20)

static unsigned differences;

static void differ(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void differ(const char *format, ...)
{
	va_list arguments;

	if (++differences > 40)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

/* A file of /proc, all of it and terminated; its length, or -1. To be used before the next. */
static ssize_t read_file(const char *path, char text[TEXT_MAX])
{
	int fd = open(path, O_RDONLY);
	ssize_t len = 0, got = 1;

	while (fd >= 0 && got > 0 && len < TEXT_MAX - 1) {
		got = read(fd, text + len, TEXT_MAX - 1 - len);
		len += got > 0 ? got : 0;
	}
	text[len] = '\0';
	if (fd < 0 || got < 0)
		len = -1;
	if (fd >= 0)
		close(fd);
	return len;
}

static void same_text(const char *line, const char *name, const char *expected, size_t len,
		      const char *what)
{
	static char got[TEXT_MAX];
	size_t got_len;

	if (!line_text(line, name, got, sizeof(got), &got_len))
		got_len = 0;
	if (got_len != len || memcmp(got, expected, len))
		differ("%s of %s: '%.*s' (%zu bytes), expected '%.*s' (%zu)", name, what,
		       (int)got_len, got, got_len, (int)len, expected, len);
}

static void same_number(const char *line, const char *name, uint64_t expected, const char *what)
{
	uint64_t got = line_number(line, name);

	if (got != expected)
		differ("%s of %s: %" PRIu64 ", expected %" PRIu64, name, what, got, expected);
}

/* The numbers behind a word of /proc/PID/status; how many of at most four. */
static int status_numbers(const char *status, const char *word, uint64_t numbers[4])
{
	char wanted[32];
	const char *at;

	snprintf(wanted, sizeof(wanted), "\n%s:", word);
	at = strstr(status, wanted);
	return at ? sscanf(at + strlen(wanted), "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64,
			   &numbers[0], &numbers[1], &numbers[2], &numbers[3])
		  : 0;
}

/* "[1,2]" is what the line of the status has, which has tabs in between. */
static void same_numbers(const char *line, const char *status, const char *what)
{
	const char *got = line_value(line, "ns_pids"), *expected = strstr(status, "\nNSpid:");
	const char *at = got ? got + 1 : "";

	for (expected += 7; got && *expected == '\t'; expected++) {
		char *end;
		unsigned long number = strtoul(expected + 1, &end, 10);

		if (strtoul(at, (char **)&at, 10) != number) {
			differ("numbers of %s: %.80s, expected %.80s", what, got, expected);
			return;
		}
		at++;
		expected = end - 1;
	}
	if (!got || at[-1] != ']')
		differ("numbers of %s: %.80s", what, got ? got : "none");
}

/* What a rescuer of a work queue is called, this kernel does not show as a whole. */
static void same_name(const char *line, const char *path, const char *what)
{
	static char text[TEXT_MAX], got[256];
	ssize_t len = read_file(path, text);
	size_t got_len;

	if (len <= 0 || !strncmp(text, "kworker/", 8))
		return;
	if (len == 16 && line_text(line, "name", got, sizeof(got), &got_len) && got_len > 15 &&
	    strstr(line, "\"kernel_thread\":true"))
		line_text(line, "name", got, sizeof(got), &got_len);
	else
		got_len = 0;
	if (got_len && !memcmp(got, text, 15))
		return;
	same_text(line, "name", text, len - 1, what);
}

static void check_arguments(const char *line, const char *directory, const char *what)
{
	static char text[TEXT_MAX], got[TEXT_MAX];
	char path[300];
	ssize_t len;
	size_t at = 0, one;
	const char *value = line_value(line, "arguments");

	snprintf(path, sizeof(path), "%s/cmdline", directory);
	len = read_file(path, text);
	for (; len > 0 && value && (*value == '[' || *value == ','); at += one + 1) {
		value = line_element(value + 1, got, sizeof(got), &one);
		if (at + one >= (size_t)len || memcmp(text + at, got, one) || text[at + one]) {
			differ("an argument of %s is '%.*s', expected '%s'", what, (int)one, got,
			       text + at);
			return;
		}
	}
	if (len > 0 && at != (size_t)len)
		differ("arguments of %s: %zu bytes, expected %zd", what, at, len);
}

/* Only what is the same before and after can be compared; what ends meanwhile is passed over. */
static void check_process(const char *line, pid_t pid)
{
	static char status[TEXT_MAX];
	char directory[64], path[300], what[64];
	uint64_t numbers[4];

	snprintf(directory, sizeof(directory), "/proc/%d", pid);
	snprintf(what, sizeof(what), "process %d", pid);
	snprintf(path, sizeof(path), "%s/comm", directory);
	same_name(line, path, what);
	snprintf(path, sizeof(path), "%s/status", directory);
	if (read_file(path, status) <= 0)
		return;
	CHECK(status_numbers(status, "Uid", numbers) == 4);
	same_number(line, "uid", numbers[0], what);
	same_number(line, "euid", numbers[1], what);
	CHECK(status_numbers(status, "Gid", numbers) == 4);
	same_number(line, "gid", numbers[0], what);
	CHECK(status_numbers(status, "PPid", numbers) >= 1);
	same_number(line, "parent", numbers[0], what);
	CHECK(status_numbers(status, "Threads", numbers) >= 1);
	same_number(line, "threads", numbers[0], what);
	same_numbers(line, status, what);
	check_arguments(line, directory, what);
}

static void check_namespaces(const char *line, pid_t pid)
{
	static const char *const kinds[] = {"pid", "mnt", "net", "user", "uts", "ipc", "cgroup"};
	const char *all = line_value(line, "namespaces");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[64], target[64], what[64];
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[i]);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		snprintf(what, sizeof(what), "namespaces of process %d", pid);
		if (!all)
			differ("no %s", what);
		else
			same_number(all, kinds[i], strtoull(strchr(target, '[') + 1, NULL, 10),
				    what);
	}
}

static unsigned check_threads(char *const *lines, pid_t pid)
{
	char path[320];
	unsigned count = 0;
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		const char *line = line_with(lines, "tid", strtoull(entry->d_name, NULL, 10));
		char what[300];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(what, sizeof(what), "thread %s", entry->d_name);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, entry->d_name);
		if (line)
			same_name(line, path, what);
		else if (!access(path, R_OK))
			differ("%s is not listed", what);
		count++;
	}
	if (directory)
		closedir(directory);
	return count;
}

/* The numbers of all processes, ended by 0; the caller frees them. */
static pid_t *process_numbers(void)
{
	DIR *directory = opendir("/proc");
	pid_t *numbers = NULL;
	struct dirent *entry;
	size_t count = 0;

	CHECK(directory);
	do {
		entry = readdir(directory);
		numbers = realloc(numbers, (count + 1) * sizeof(*numbers));
		CHECK(numbers);
		numbers[count] = entry ? atoi(entry->d_name) : 0;
		count += numbers[count] > 0;
	} while (entry);
	closedir(directory);
	return numbers;
}

/* Those that were there before and are there afterwards must be in the list. */
static void check_processes(void)
{
	pid_t *numbers = process_numbers();
	char **processes = lines_of("hadal ps --json");
	char **threads = lines_of("hadal ps --threads --json");
	unsigned count = 0, thread_count = 0;

	for (const pid_t *pid = numbers; *pid; pid++) {
		const char *line = line_with(processes, "pid", *pid);
		char path[32];

		snprintf(path, sizeof(path), "/proc/%d/status", *pid);
		if (line) {
			check_process(line, *pid);
			check_namespaces(line, *pid);
			thread_count += check_threads(threads, *pid);
			count++;
		} else if (!access(path, R_OK)) {
			differ("process %d is not listed", *pid);
		}
	}
	CHECK(line_with(processes, "pid", extremes_innermost));
	printf("%u processes, %u threads\n", count, thread_count);
	free(numbers);
	lines_free(processes);
	lines_free(threads);
}

static void check_file(const char *line, const char *fd)
{
	static char text[TEXT_MAX], target[PATH_MAX + 1];
	char path[300], what[300];
	const char *at;
	ssize_t len;
	size_t cut;

	snprintf(what, sizeof(what), "file %s", fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%s", fd);
	len = readlink(path, target, sizeof(target));
	if (len >= 0)
		same_text(line, "path", target, len, what);
	else if (errno != ENAMETOOLONG)
		differ("%s has no path", what);
	else if (!strstr(line, "\"path_cut\":true") &&
		 (!line_text(line, "path", text, sizeof(text), &cut) || cut < PATH_MAX))
		differ("the path of %s is cut and not marked", what);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", fd);
	CHECK(read_file(path, text) > 0);
	at = strstr(text, "pos:");
	same_number(line, "position", strtoll(at + 4, NULL, 10), what);
	at = strstr(text, "ino:");
	if (at)
		same_number(line, "inode", strtoull(at + 4, NULL, 10), what);
}

static void check_files(void)
{
	char command[64];
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned count = 0;
	char **lines;
	size_t at = 0;

	snprintf(command, sizeof(command), "hadal files --json %d", getpid());
	lines = lines_of(command);
	CHECK(directory);
	while (lines[at] && !strstr(lines[at], "\"use\":\"fd\""))
		at++;
	/* Both are in order of their numbers. */
	while ((entry = readdir(directory))) {
		uint64_t fd = strtoull(entry->d_name, NULL, 10);
		bool here;

		if (entry->d_name[0] == '.' || fd == (uint64_t)dirfd(directory))
			continue;
		while (lines[at] && line_number(lines[at], "fd") < fd)
			at++;
		here = lines[at] && line_number(lines[at], "fd") == fd;
		if (here)
			check_file(lines[at], entry->d_name);
		else
			differ("file %s is not listed", entry->d_name);
		count++;
	}
	closedir(directory);
	printf("%u files\n", count);
	lines_free(lines);
}

/* A line feed in a name is all that /proc/PID/maps writes in another way. */
static size_t escape_lines(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n') {
			memmove(text + i + 4, text + i + 1, len - i - 1);
			memcpy(text + i, "\\012", 4);
			len += 3;
		}
	return len;
}

static void check_maps(void)
{
	static char text[TEXT_MAX], name[4 * PATH_MAX];
	char command[64], *rest = text, *row;
	unsigned count = 0;
	char **lines;

	CHECK(read_file("/proc/self/maps", text) > 0);
	snprintf(command, sizeof(command), "hadal maps --json %d", getpid());
	lines = lines_of(command);
	for (size_t at = 0; (row = strsep(&rest, "\n")) && *row; count++) {
		uint64_t start, end, offset, inode;
		unsigned major, minor;
		char rights[8];
		int path = 0;
		size_t len;

		CHECK(sscanf(row, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 " %n",
			     &start, &end, rights, &offset, &major, &minor, &inode, &path) == 7);
		if (strstr(row, "[vsyscall]"))
			continue;
		while (lines[at] && line_number(lines[at], "start") < start)
			at++;
		if (!lines[at] || line_number(lines[at], "start") != start) {
			differ("the mapping '%s' is not listed", row);
			continue;
		}
		/* This program's own heap grows while it looks. */
		if (!strstr(row, "[heap]"))
			same_number(lines[at], "end", end, row);
		same_number(lines[at], "offset", offset, row);
		same_number(lines[at], "major", major, row);
		same_number(lines[at], "minor", minor, row);
		same_number(lines[at], "inode", inode, row);
		same_text(lines[at], "rights", rights, strlen(rights), row);
		line_text(lines[at], "path", name, PATH_MAX, &len);
		len = escape_lines(name, len);
		if (len != strlen(row + path) || memcmp(name, row + path, len))
			differ("the path of '%s' is '%.*s'", row, (int)len, name);
	}
	printf("%u mappings\n", count);
	lines_free(lines);
}

/* Three octal digits behind a backslash are a byte. */
static size_t unescape(char *text)
{
	char *out = text;

	for (char *at = text; *at; at++) {
		if (*at == '\\') {
			*out++ = (at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0');
			at += 3;
		} else {
			*out++ = *at;
		}
	}
	*out = '\0';
	return out - text;
}

static void check_mounts(void)
{
	static char text[TEXT_MAX];
	char **lines = lines_of("hadal mounts --json 1"), *rest = text, *row;
	unsigned count = 0;

	CHECK(read_file("/proc/1/mountinfo", text) > 0);
	for (; (row = strsep(&rest, "\n")) && *row; count++) {
		char *words[16], *word, what[64];
		const char *line;
		int separator = 0, all = 0;

		while ((word = strsep(&row, " ")) && all < 16) {
			separator = strcmp(word, "-") || separator ? separator : all;
			words[all++] = word;
		}
		CHECK(all == separator + 4);
		line = line_with(lines, "id", atoi(words[0]));
		snprintf(what, sizeof(what), "mount %s", words[0]);
		if (!line) {
			differ("%s is not listed", what);
			continue;
		}
		same_number(line, "parent", atoi(words[1]), what);
		same_text(line, "root", words[3], unescape(words[3]), what);
		same_text(line, "path", words[4], unescape(words[4]), what);
		same_text(line, "options", words[5], unescape(words[5]), what);
		same_text(line, "type", words[separator + 1], unescape(words[separator + 1]), what);
		same_text(line, "source", words[separator + 2], unescape(words[separator + 2]),
			  what);
	}
	printf("%u mounts\n", count);
	lines_free(lines);
}

/* A row of /proc/net/unix ends with the inode and the name, in which zero bytes are shown as @. */
static void check_sockets(void)
{
	static char text[TEXT_MAX], row[512];
	char **lines = lines_of("hadal sockets --json");
	unsigned count = 0, rows = 0;
	ssize_t all = read_file("/proc/net/unix", text);

	CHECK(all > 0);
	for (size_t i = 0; lines[i]; i++) {
		size_t len, head;
		char name[256];

		if (line_number(lines[i], "family") != 1)
			continue;
		line_text(lines[i], "path", name, sizeof(name), &len);
		for (size_t j = 0; j < len; j++)
			name[j] = name[j] ? name[j] : '@';
		head = snprintf(row, sizeof(row), " %5" PRIu64 "%s", line_number(lines[i], "inode"),
				len ? " " : "");
		memcpy(row + head, name, len);
		row[head + len] = '\n';
		if (!memmem(text, all, row, head + len + 1))
			differ("/proc/net/unix has no '%.*s'", (int)(head + len), row);
		count++;
	}
	for (ssize_t i = 0; i + 14 < all; i++)
		rows += !memcmp(text + i, "\nffff", 5) || !memcmp(text + i, "\n00000000", 9);
	if (rows > count)
		differ("%u UNIX sockets, expected %u", count, rows);
	printf("%u UNIX sockets\n", count);
	lines_free(lines);
}

/* As /dev/kmsg does it: what is not ASCII to be printed, and a backslash, as "\x..". */
static size_t escape_record(const char *text, size_t len, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = text[i];

		if (byte < ' ' || byte >= 127 || byte == '\\')
			at += sprintf(out + at, "\\x%02x", byte);
		else
			out[at++] = byte;
	}
	return at;
}

/* What stands before a record in /dev/kmsg, of which this kernel tells no caller. */
static void check_head(const char *line, const char *head, const char *what)
{
	static const char *const levels[] = {"emerg", "alert",  "crit", "err",
					     "warn",  "notice", "info", "debug"};
	unsigned facility_level;
	uint64_t microseconds;
	char continues;

	CHECK(sscanf(head, "%u,%*u,%" SCNu64 ",%c", &facility_level, &microseconds, &continues) ==
	      3);
	same_text(line, "level", levels[facility_level % 8], strlen(levels[facility_level % 8]),
		  what);
	same_number(line, "facility", facility_level / 8, what);
	same_number(line, "time_ns", line_number(line, "time_ns") % 1000 + microseconds * 1000,
		    what);
	if ((continues == 'c') != !!strstr(line, "\"continues\":true"))
		differ("%s continues: '%c'", what, continues);
}

/* Of the device that a record is about, a line behind it has " KEY=" and this. */
static void check_device(const char *line, const char *name, const char *lines, const char *key,
			 const char *what)
{
	const char *at = strstr(lines, key);

	same_text(line, name, at ? at + strlen(key) : "", at ? strcspn(at + strlen(key), "\n") : 0,
		  what);
}

/* Compares a record with its line; begin: its text, where the first line ends with end. */
static void check_record(const char *line, const char *record, const char *begin, const char *end)
{
	static char name[16384], expected[65536];
	uint64_t sequence = line_number(line, "sequence");
	char what[64];
	size_t len;

	snprintf(what, sizeof(what), "record %" PRIu64, sequence);
	line_text(line, "text", name, sizeof(name), &len);
	len = escape_record(name, len, expected);
	if (len != (size_t)(end - begin) || memcmp(expected, begin, len))
		differ("%s is '%.*s', expected '%.*s'", what, (int)len, expected,
		       (int)(end - begin), begin);
	check_head(line, record, what);
	check_device(line, "subsystem", end, "\n SUBSYSTEM=", what);
	check_device(line, "device", end, "\n DEVICE=", what);
}

/* An action that there is not: the kernel complains of it, and names the device. */
static void log_of_a_device(void)
{
	int event = open("/sys/class/mem/null/uevent", O_WRONLY);

	CHECK(event >= 0 && write(event, "nothing", 7) < 0);
	close(event);
}

/* The next record, behind those that newer ones have taken the place of meanwhile. */
static ssize_t next_record(int log, char *text, size_t size)
{
	ssize_t got;

	do
		got = read(log, text, size);
	while (got < 0 && errno == EPIPE);
	return got;
}

static void check_log(void)
{
	static char text[65536];
	char **lines;
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	unsigned count = 0, devices = 0;
	size_t at = 0;
	ssize_t got;

	CHECK(log >= 0);
	log_of_a_device();
	lines = lines_of("hadal dmesg --json");
	while ((got = next_record(log, text, sizeof(text) - 1)) > 0 && lines[at]) {
		char *begin = memchr(text, ';', got), *end;
		uint64_t sequence;

		text[got] = '\0';
		CHECK(begin && sscanf(text, "%*u,%" SCNu64, &sequence) == 1);
		end = strchr(++begin, '\n');
		while (lines[at] && line_number(lines[at], "sequence") < sequence)
			at++;
		if (!lines[at])
			break;
		if (line_number(lines[at], "sequence") != sequence) {
			differ("record %" PRIu64 " is not listed", sequence);
			continue;
		}
		check_record(lines[at], text, begin, end);
		devices += !!strstr(end, "\n DEVICE=");
		count++;
	}
	close(log);
	CHECK(devices);
	printf("%u records, %u of devices\n", count, devices);
	lines_free(lines);
}

int main(int argc, char **argv)
{
	bool slow = argc > 1 && !strcmp(argv[1], "slow");

	if (argc > 1 && !strcmp(argv[1], "wait")) /* a process with arguments; see the scene */
		for (;;)
			pause();
	setlinebuf(stdout);
	extremes_begin(slow);
	check_processes();
	check_files();
	check_maps();
	check_mounts();
	check_sockets();
	check_log();
	extremes_end();
	printf("%u differences\n", differences);
	return differences ? 1 : 0;
}
