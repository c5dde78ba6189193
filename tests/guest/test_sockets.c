// SPDX-License-Identifier: MIT
/*
 * test_sockets PID...: the sockets that `hadal sockets` shows are those of the network namespace of
 * each PID in /proc/PID/net, with the same states, queues and owners, and those that processes
 * have open by /proc/PID/fd. What changed meanwhile is left out.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check.h"

#define LINES_MAX 4096

/* Sockets or holders of sockets, each a line of text; the same line may be there many times. */
struct lines {
	char *items[LINES_MAX];
	size_t count;
};

static void add_line(struct lines *lines, const char *format, ...)
{
	va_list arguments;

	CHECK(lines->count < LINES_MAX);
	va_start(arguments, format);
	CHECK(vasprintf(&lines->items[lines->count++], format, arguments) > 0);
	va_end(arguments);
}

static size_t count_line(const struct lines *lines, const char *line)
{
	size_t count = 0;

	for (size_t i = 0; i < lines->count; i++)
		count += !strcmp(lines->items[i], line);
	return count;
}

static void drop_lines(struct lines *lines)
{
	while (lines->count)
		free(lines->items[--lines->count]);
}

static const char *state_name(unsigned int state, bool is_tcp)
{
	static const char *const names[] = {
		"UNCONN",    "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
		"TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
	};

	CHECK(state < sizeof(names) / sizeof(names[0]));
	return state == TCP_CLOSE && !is_tcp ? names[0] : names[state];
}

/* "0100007F" or four such words, as /proc has addresses. */
static void address_text(const char *hex, char text[INET6_ADDRSTRLEN])
{
	bool v6 = strlen(hex) > 8;
	uint32_t words[4];

	for (int i = 0; i < (v6 ? 4 : 1); i++)
		CHECK(sscanf(hex + 8 * i, "%8x", &words[i]) == 1);
	CHECK(inet_ntop(v6 ? AF_INET6 : AF_INET, words, text, INET6_ADDRSTRLEN));
}

static void add_inet(struct lines *lines, const char *kind, const char *row)
{
	char local_hex[33], peer_hex[33], local[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
	unsigned int local_port, peer_port, state, sent, received, uid;
	uint64_t inode;

	if (sscanf(row, " %*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %x:%x %*x:%*x %*x %u %*u %" SCNu64,
		   local_hex, &local_port, peer_hex, &peer_port, &state, &sent, &received, &uid,
		   &inode) != 9)
		return;
	address_text(local_hex, local);
	address_text(peer_hex, peer);
	/* How many may wait is not what is sent. */
	add_line(lines, "%s %s:%u %s:%u %s %d %u %u %" PRIu64, kind, local, local_port, peer,
		 peer_port, state_name(state, !strncmp(kind, "tcp", 3)),
		 state == TCP_LISTEN ? -1 : (int)sent, received, uid, inode);
}

static void add_unix(struct lines *lines, const char *kind, const char *row)
{
	unsigned int flags, type;
	uint64_t inode;
	int path = 0;

	if (sscanf(row, "%*x: %*x %*x %x %x %*x %" SCNu64 "%n", &flags, &type, &inode, &path) != 3)
		return;
	while (row[path] == ' ')
		path++;
	add_line(lines, "%s %u %u %" PRIu64 " %s", kind, type, flags == 0x10000, inode, row + path);
}

static void add_netlink(struct lines *lines, const char *kind, const char *row)
{
	unsigned int protocol, port;
	uint64_t inode;

	if (sscanf(row, "%*x %u %u %*x %*u %*u %*u %*u %*u %" SCNu64, &protocol, &port, &inode) ==
	    3)
		add_line(lines, "%s %u %u %" PRIu64, kind, protocol, port, inode);
}

static void add_packet(struct lines *lines, const char *kind, const char *row)
{
	unsigned int type, protocol, interface, received, uid;
	uint64_t inode;

	if (sscanf(row, "%*x %*u %u %x %u %*u %u %u %" SCNu64, &type, &protocol, &interface,
		   &received, &uid, &inode) == 6)
		add_line(lines, "%s %u %#x %u %u %u %" PRIu64, kind, type, protocol, interface,
			 received, uid, inode);
}

/* The sockets of the network namespace of a process by /proc. */
static void list_proc(struct lines *lines, const char *pid)
{
	static const struct {
		const char *name;
		void (*add)(struct lines *lines, const char *kind, const char *row);
	} files[] = {
		{"tcp", add_inet},  {"tcp6", add_inet},  {"udp", add_inet},
		{"udp6", add_inet}, {"raw", add_inet},   {"raw6", add_inet},
		{"unix", add_unix}, {"nl", add_netlink}, {"packet", add_packet},
	};
	char row[512], path[64];

	drop_lines(lines);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *name = files[i].name;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/net/%s", pid,
			 strcmp(name, "nl") ? name : "netlink");
		file = fopen(path, "r");
		CHECK(file);
		while (fgets(row, sizeof(row), file)) {
			row[strcspn(row, "\n")] = '\0';
			files[i].add(lines, name, row);
		}
		fclose(file);
	}
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	CHECK(json_object_object_get_ex(object, key, &value));
	return json_object_get_string(value);
}

static int64_t number_of(struct json_object *object, const char *key)
{
	return strtoll(text_of(object, key), NULL, 0);
}

/* A socket that hadal shows, as list_proc has it; of kinds that /proc has. */
static void add_hadal(struct lines *lines, struct json_object *socket)
{
	const char *kind = text_of(socket, "kind"), *state = text_of(socket, "state");
	int64_t inode = number_of(socket, "inode"), uid = number_of(socket, "uid");
	bool listens = !strcmp(state, "LISTEN");

	if (!strcmp(text_of(socket, "in_table"), "false"))
		return;
	if (kind[0] == 'u' && kind[1] == '_')
		add_line(lines, "unix %" PRId64 " %d %" PRId64 " %s", number_of(socket, "type"),
			 listens, inode, text_of(socket, "path"));
	else if (!strcmp(kind, "nl"))
		add_line(lines, "%s %" PRId64 " %" PRId64 " %" PRId64, kind,
			 number_of(socket, "protocol"), number_of(socket, "port_id"), inode);
	else if (kind[0] == 'p')
		add_line(lines,
			 "packet %" PRId64 " %#x %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
			 number_of(socket, "type"), (unsigned int)number_of(socket, "ether_type"),
			 number_of(socket, "interface"), number_of(socket, "received"), uid, inode);
	else
		add_line(lines,
			 "%s %s:%" PRId64 " %s:%" PRId64 " %s %" PRId64 " %" PRId64 " %" PRId64
			 " %" PRId64,
			 kind, text_of(socket, "local"), number_of(socket, "local_port"),
			 text_of(socket, "peer"), number_of(socket, "peer_port"), state,
			 listens ? -1 : number_of(socket, "sent"), number_of(socket, "received"),
			 uid, inode);
}

/* Shells and the command come and go, with all the sockets of the one that started them. */
static bool is_passing(const char *name)
{
	return !strcmp(name, "sh") || !strcmp(name, "hadal") || !strcmp(name, "test_sockets");
}

static void add_holders(struct lines *holders, struct json_object *socket)
{
	struct json_object *array;

	CHECK(json_object_object_get_ex(socket, "processes", &array));
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *holder = json_object_array_get_idx(array, i);

		if (!is_passing(text_of(holder, "name")))
			add_line(holders, "%s %s socket:[%s]", text_of(holder, "pid"),
				 text_of(holder, "fd"), text_of(socket, "inode"));
	}
}

static void list_hadal(struct lines *sockets, struct lines *holders, uint64_t namespace)
{
	FILE *pipe = popen("hadal sockets --json 2>&1", "r");
	char *line = NULL;
	size_t size = 0;

	CHECK(pipe);
	drop_lines(sockets);
	drop_lines(holders);
	while (getline(&line, &size, pipe) > 0) {
		struct json_object *socket = json_tokener_parse(line);

		if (!socket) {
			printf("hadal says: %s\n", line);
			exit(1);
		}
		if ((uint64_t)number_of(socket, "net") == namespace)
			add_hadal(sockets, socket);
		add_holders(holders, socket);
		json_object_put(socket);
	}
	free(line);
	CHECK(!pclose(pipe));
}

static void add_process(struct lines *holders, const char *pid)
{
	char path[300], link[64], name[64] = "";
	struct dirent *entry;
	FILE *comm;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	comm = fopen(path, "r");
	if (!comm)
		return;
	if (fgets(name, sizeof(name), comm))
		name[strcspn(name, "\n")] = '\0';
	fclose(comm);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = is_passing(name) ? NULL : opendir(path);
	if (!fds)
		return;
	while ((entry = readdir(fds))) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		if (len <= 0 || strncmp(link, "socket:", 7))
			continue;
		link[len] = '\0';
		add_line(holders, "%s %s %s", pid, entry->d_name, link);
	}
	closedir(fds);
}

static void list_holders(struct lines *holders)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	CHECK(proc);
	drop_lines(holders);
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			add_process(holders, entry->d_name);
	closedir(proc);
}

/* All that was there before and after must be seen, and nothing that was there neither time. */
static void compare(const struct lines *before, const struct lines *seen, const struct lines *after)
{
	bool equal = true;

	for (size_t i = 0; i < before->count; i++) {
		const char *line = before->items[i];
		size_t least = count_line(before, line), later = count_line(after, line);

		least = later < least ? later : least;
		if (count_line(seen, line) < least) {
			printf("hadal does not show: %s\n", line);
			equal = false;
		}
	}
	for (size_t i = 0; i < seen->count; i++) {
		const char *line = seen->items[i];
		size_t most = count_line(before, line), later = count_line(after, line);

		most = later > most ? later : most;
		if (count_line(seen, line) > most) {
			printf("only hadal shows: %s\n", line);
			equal = false;
		}
	}
	if (!equal)
		exit(1);
}

int main(int argc, char **argv)
{
	static struct lines before, seen, after, holders_before, holders_seen, holders_after;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		struct stat namespace;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%s/ns/net", argv[i]);
		CHECK(!stat(path, &namespace));
		list_holders(&holders_before);
		list_proc(&before, argv[i]);
		list_hadal(&seen, &holders_seen, namespace.st_ino);
		list_proc(&after, argv[i]);
		list_holders(&holders_after);
		compare(&before, &seen, &after);
		compare(&holders_before, &holders_seen, &holders_after);
		printf("process %s: %zu sockets, %zu holders\n", argv[i], seen.count,
		       holders_seen.count);
	}
	return 0;
}
