// SPDX-License-Identifier: MIT
/* hadal sockets */
#include "kernel.h"
#include "record.h"
#include "text.h"
#include "socket_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

/* As many processes as anybody reads in a row; --json has all. */
#define HOLDERS_TEXT_MAX 256

struct options {
	bool extended;
	struct cli_where where;
};

static const char *hidden_text(const struct hadal_socket *socket)
{
	switch (socket->hidden) {
	case HADAL_SOCKET_NOT_IN_TABLE:
		return "HIDDEN ";
	case HADAL_SOCKET_NOT_IN_PROCESS:
		return "open in no process";
	default:
		return "";
	}
}

static void holders_text(const struct hadal_socket_list *list, const struct hadal_socket *socket,
			 char text[HOLDERS_TEXT_MAX])
{
	int len = snprintf(text, HOLDERS_TEXT_MAX, "%s", hidden_text(socket));
	int32_t last = -1;

	for (size_t i = socket->first_holder; i != HADAL_SOCKET_NO_HOLDER;
	     i = list->holders[i].next) {
		const struct hadal_socket_holder *holder = &list->holders[i];

		if (holder->pid == last)
			continue;
		if (len < HOLDERS_TEXT_MAX)
			len += snprintf(text + len, HOLDERS_TEXT_MAX - len, "%s%s/%" PRId32,
					last < 0 ? "" : ",", holder->comm, holder->pid);
		last = holder->pid;
	}
	if (len >= HOLDERS_TEXT_MAX)
		strcpy(text + HOLDERS_TEXT_MAX - sizeof("..."), "...");
	if (!*text)
		strcpy(text, socket->socket && !socket->file ? "(kernel)" : "-");
}

static bool make_kind(const void *record, void *ctx, char *text, size_t size)
{
	char kind[16];

	(void)ctx;
	socket_kind_text(record, kind);
	snprintf(text, size, "%s", kind);
	return true;
}

static bool make_state(const void *record, void *ctx, char *text, size_t size)
{
	(void)ctx;
	snprintf(text, size, "%s", socket_state_name(record));
	return true;
}

static bool make_received(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_socket *socket = record;

	(void)ctx;
	snprintf(text, size, "%" PRIu32, socket->received);
	return socket->has_received;
}

static struct json_object *json_received(const void *record, void *ctx)
{
	const struct hadal_socket *socket = record;

	(void)ctx;
	return socket->has_received ? json_object_new_int64(socket->received) : NULL;
}

static bool make_local(const void *record, void *ctx, char *text, size_t size)
{
	char local[SOCKET_TEXT_MAX];

	(void)ctx;
	socket_local_text(record, local);
	snprintf(text, size, "%s", local);
	return true;
}

static bool make_peer(const void *record, void *ctx, char *text, size_t size)
{
	char peer[SOCKET_TEXT_MAX];

	(void)ctx;
	socket_peer_text(record, peer);
	snprintf(text, size, "%s", peer);
	return true;
}

static bool make_process(const void *record, void *ctx, char *text, size_t size)
{
	char holders[HOLDERS_TEXT_MAX];

	holders_text(ctx, record, holders);
	snprintf(text, size, "%s", holders);
	return true;
}

static bool is_internet(const struct hadal_socket *socket)
{
	return socket->family == AF_INET || socket->family == AF_INET6;
}

static struct json_object *json_address(const struct hadal_socket *socket, const uint8_t *address)
{
	char text[SOCKET_TEXT_MAX];

	if (!is_internet(socket))
		return NULL;
	socket_address_text(socket, address, text);
	return json_object_new_string(text);
}

static struct json_object *json_local(const void *record, void *ctx)
{
	const struct hadal_socket *socket = record;

	(void)ctx;
	return json_address(socket, socket->local);
}

static struct json_object *json_peer(const void *record, void *ctx)
{
	const struct hadal_socket *socket = record;

	(void)ctx;
	return json_address(socket, socket->peer);
}

/* A number, of the families that have it. */
#define JSON_NUMBER(member, condition)                                              \
	static struct json_object *number_##member(const void *record, void *ctx)   \
	{                                                                           \
		const struct hadal_socket *socket = record;                         \
                                                                                    \
		(void)ctx;                                                          \
		return (condition) ? json_object_new_uint64(socket->member) : NULL; \
	}

JSON_NUMBER(local_port, is_internet(socket))
JSON_NUMBER(peer_port, is_internet(socket))
JSON_NUMBER(peer_inode, socket->family == AF_UNIX)
JSON_NUMBER(port_id, socket->family == AF_NETLINK)
JSON_NUMBER(family, true)
JSON_NUMBER(type, true)
JSON_NUMBER(protocol, true)

static struct json_object *json_path(const void *record, void *ctx)
{
	const struct hadal_socket *socket = record;

	(void)ctx;
	return socket->family == AF_UNIX ? text_json(socket->name, socket->name_len) : NULL;
}

static struct json_object *json_ether_type(const void *record, void *ctx)
{
	const struct hadal_socket *socket = record;
	char text[16];

	(void)ctx;
	if (socket->family != AF_PACKET)
		return NULL;
	snprintf(text, sizeof(text), "%#" PRIx16, socket->ether_type);
	return json_object_new_string(text);
}

static struct json_object *json_hidden(const void *record, void *ctx)
{
	static const char *const names[] = {
		[HADAL_SOCKET_NOT_IN_TABLE] = "table",
		[HADAL_SOCKET_NOT_IN_PROCESS] = "process",
	};
	const struct hadal_socket *socket = record;

	(void)ctx;
	return socket->hidden ? json_object_new_string(names[socket->hidden]) : NULL;
}

static struct json_object *json_processes(const void *record, void *ctx)
{
	const struct hadal_socket *socket = record;
	const struct hadal_socket_list *list = ctx;
	struct json_object *holders = json_object_new_array();

	for (size_t i = socket->first_holder; i != HADAL_SOCKET_NO_HOLDER;
	     i = list->holders[i].next) {
		const struct hadal_socket_holder *from = &list->holders[i];
		struct json_object *holder = json_object_new_object();

		json_object_object_add(holder, "pid", json_object_new_int(from->pid));
		json_object_object_add(holder, "fd", json_object_new_int(from->fd));
		json_object_object_add(holder, "name", text_json(from->comm, strlen(from->comm)));
		json_object_array_add(holders, holder);
	}
	return holders;
}

#define AT(member) offsetof(struct hadal_socket, member), NULL, NULL

static const struct cli_column columns[] = {
	{"kind", "KIND", -5, CLI_COLUMN_MADE, 0, make_kind, NULL, "as in ss: `tcp`, `u_str`, ..."},
	{"family", NULL, 6, CLI_COLUMN_JSON, 0, NULL, number_family, "number: AF_*"},
	{"type", NULL, 4, CLI_COLUMN_JSON, 0, NULL, number_type, "number: SOCK_*"},
	{"protocol", NULL, 8, CLI_COLUMN_JSON, 0, NULL, number_protocol,
	 "number: IPPROTO_* or NETLINK_*"},
	{"state", "STATE", -11, CLI_COLUMN_MADE, 0, make_state, NULL, "as in ss"},
	{"received", "RECEIVED", 8, CLI_COLUMN_JSON, 0, make_received, json_received,
	 "number: bytes not read, or connections not accepted"},
	{"sent", "SENT", 8, CLI_COLUMN_U32, AT(sent),
	 "bytes not acknowledged, or how many connections may wait"},
	{"uid", "UID", 6, CLI_COLUMN_U32, AT(uid), "owner"},
	{"inode", "INODE", 8, CLI_COLUMN_U64, AT(inode), "0 without a file"},
	{"local", "LOCAL", -21, CLI_COLUMN_JSON, 0, make_local, json_local, "string: address"},
	{"local_port", NULL, 5, CLI_COLUMN_JSON, 0, NULL, number_local_port, "number"},
	{"peer", "PEER", -21, CLI_COLUMN_JSON, 0, make_peer, json_peer, "string: address"},
	{"peer_port", NULL, 5, CLI_COLUMN_JSON, 0, NULL, number_peer_port, "number"},
	{"path", NULL, -21, CLI_COLUMN_JSON, 0, NULL, json_path,
	 "string: of a UNIX socket, `@...` for abstract ones"},
	{"peer_inode", NULL, 8, CLI_COLUMN_JSON, 0, NULL, number_peer_inode,
	 "number: of a UNIX socket, what it is connected to"},
	{"port_id", NULL, 8, CLI_COLUMN_JSON, 0, NULL, number_port_id, "number: of netlink"},
	{"ether_type", NULL, 8, CLI_COLUMN_JSON, 0, NULL, json_ether_type,
	 "string, `0x...`: of packet sockets"},
	{"interface", NULL, 4, CLI_COLUMN_U32, AT(interface), "that it is bound to; 0: any"},
	{"net", NULL, 10, CLI_COLUMN_U32, AT(net), "number of its network namespace"},
	{"sock", NULL, 18, CLI_COLUMN_HEX, AT(sock), "its struct sock"},
	{"in_table", NULL, 3, CLI_COLUMN_BOOL, AT(in_table), "in one of the kernel's tables"},
	{"hidden", NULL, 7, CLI_COLUMN_JSON, 0, NULL, json_hidden,
	 "string: missing in the `table` or in every `process`"},
	{"processes", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_processes,
	 "array of objects with pid, fd and name: who has it open"},
	{"process", "PROCESS", 0, CLI_COLUMN_JSON, 0, make_process, NULL, "in the table only"},
	{0},
};

static const struct cli_record_kind kind = {.name = "socket", .columns = columns};

static void print_sockets(struct hadal_socket_list *list, const struct options *options)
{
	const char *hide = options->extended ? NULL : "received,sent,uid,inode";
	bool plain = !options->where.json && !options->where.columns;
	struct cli_printer printer;

	cli_printer_begin(&printer, &kind, &options->where, hide, list);
	for (size_t i = 0; i < list->count; i++) {
		const struct hadal_socket *socket = &list->items[i];

		if (plain && list->namespaces > 1 && (!i || socket->net != list->items[i - 1].net))
			printf("network namespace %" PRIu32 ":\n", socket->net);
		cli_printer_print(&printer, socket);
	}
	cli_warn_lost(list->lost, "sockets");
}

static int list_sockets(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	struct hadal_socket_list list;
	int result = hadal_sockets(kernel, &list, error);

	if (!result)
		print_sockets(&list, ctx);
	hadal_sockets_free(&list);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_sockets, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('e', "extended", "Also show queues, owners and inodes", extended),
	{0},
};

const struct cli_command command_sockets = {
	.name = "sockets",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list the sockets of all network namespaces",
	.about = "List the sockets of all network namespaces, from the kernel's own tables "
		 "and from the open files of all processes. KIND is as in ss: u_ is UNIX, nl "
		 "netlink, p_ packet. PROCESS is -, with TIME_WAIT for example, when there is "
		 "no file any more, or not yet.",
	.more = "HIDDEN marks a socket that a process has open but that is in none of the kernel's "
		"tables, so that /proc/net and ss do not show it; 'open in no process' one whose "
		"file is on its way from process to process, or belongs to a hidden one. RECEIVED "
		"and SENT are bytes that wait; of a listening socket, the connections that wait "
		"and how many may.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.run = run,
};
