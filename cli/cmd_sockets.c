// SPDX-License-Identifier: MIT
/* hadal sockets */
#include "kernel.h"
#include "socket_text.h"

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
	if (!*text)
		strcpy(text, socket->socket && !socket->file ? "(kernel)" : "-");
}

static int print_extended(const struct hadal_socket *socket)
{
	int used =
		socket->has_received ? printf(" %8" PRIu32, socket->received) : printf(" %8s", "-");

	return used + printf(" %8" PRIu32 " %6" PRIu32 " %8" PRIu64, socket->sent, socket->uid,
			     socket->inode);
}

static void print_row(const struct hadal_socket_list *list, const struct hadal_socket *socket,
		      bool extended)
{
	char kind[16], local[SOCKET_TEXT_MAX], peer[SOCKET_TEXT_MAX], holders[HOLDERS_TEXT_MAX];
	int used;

	socket_kind_text(socket, kind);
	socket_local_text(socket, local);
	socket_peer_text(socket, peer);
	cli_make_printable(local);
	holders_text(list, socket, holders);
	used = printf("%-5s %-11s", kind, socket_state_name(socket));
	if (extended)
		used += print_extended(socket);
	used += printf(" %-21s %-21s ", local, peer);
	cli_print_last(holders, used);
}

static void add_string(struct json_object *object, const char *name, char *text)
{
	cli_make_printable(text);
	json_object_object_add(object, name, json_object_new_string(text));
}

static void add_addresses(struct json_object *object, const struct hadal_socket *socket)
{
	char text[SOCKET_TEXT_MAX];

	switch (socket->family) {
	case AF_INET:
	case AF_INET6:
		socket_address_text(socket, socket->local, text);
		add_string(object, "local", text);
		json_object_object_add(object, "local_port",
				       json_object_new_int(socket->local_port));
		socket_address_text(socket, socket->peer, text);
		add_string(object, "peer", text);
		json_object_object_add(object, "peer_port", json_object_new_int(socket->peer_port));
		break;
	case AF_UNIX:
		snprintf(text, sizeof(text), "%s", socket->name);
		add_string(object, "path", text);
		json_object_object_add(object, "peer_inode",
				       json_object_new_uint64(socket->peer_inode));
		break;
	case AF_NETLINK:
		json_object_object_add(object, "port_id", json_object_new_int64(socket->port_id));
		break;
	case AF_PACKET:
		cli_json_hex(object, "ether_type", socket->ether_type);
		break;
	}
	json_object_object_add(object, "interface", json_object_new_int64(socket->interface));
}

static void add_holders(struct json_object *object, const struct hadal_socket_list *list,
			const struct hadal_socket *socket)
{
	struct json_object *holders = json_object_new_array();

	for (size_t i = socket->first_holder; i != HADAL_SOCKET_NO_HOLDER;
	     i = list->holders[i].next) {
		struct json_object *holder = json_object_new_object();

		json_object_object_add(holder, "pid", json_object_new_int(list->holders[i].pid));
		json_object_object_add(holder, "fd", json_object_new_int(list->holders[i].fd));
		add_string(holder, "name", list->holders[i].comm);
		json_object_array_add(holders, holder);
	}
	json_object_object_add(object, "processes", holders);
}

static void print_json(const struct hadal_socket_list *list, const struct hadal_socket *socket)
{
	static const char *const hidden_names[] = {
		[HADAL_SOCKET_NOT_IN_TABLE] = "table",
		[HADAL_SOCKET_NOT_IN_PROCESS] = "process",
	};
	struct json_object *object = json_object_new_object();
	char text[SOCKET_TEXT_MAX];

	socket_kind_text(socket, text);
	add_string(object, "kind", text);
	json_object_object_add(object, "family", json_object_new_int(socket->family));
	json_object_object_add(object, "type", json_object_new_int(socket->type));
	json_object_object_add(object, "protocol", json_object_new_int(socket->protocol));
	json_object_object_add(object, "state", json_object_new_string(socket_state_name(socket)));
	add_addresses(object, socket);
	json_object_object_add(object, "uid", json_object_new_int64(socket->uid));
	json_object_object_add(object, "inode", json_object_new_uint64(socket->inode));
	json_object_object_add(object, "net", json_object_new_int64(socket->net));
	if (socket->has_received)
		json_object_object_add(object, "received", json_object_new_int64(socket->received));
	json_object_object_add(object, "sent", json_object_new_int64(socket->sent));
	cli_json_hex(object, "sock", socket->sock);
	json_object_object_add(object, "in_table", json_object_new_boolean(socket->in_table));
	if (socket->hidden)
		json_object_object_add(object, "hidden",
				       json_object_new_string(hidden_names[socket->hidden]));
	add_holders(object, list, socket);
	cli_print_json(object);
}

static void print_sockets(const struct hadal_socket_list *list, const struct options *options)
{
	if (!options->where.json) {
		printf("%-5s %-11s", "KIND", "STATE");
		if (options->extended)
			printf(" %8s %8s %6s %8s", "RECEIVED", "SENT", "UID", "INODE");
		printf(" %-21s %-21s PROCESS\n", "LOCAL", "PEER");
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct hadal_socket *socket = &list->items[i];

		if (options->where.json) {
			print_json(list, socket);
			continue;
		}
		if (list->namespaces > 1 && (!i || socket->net != list->items[i - 1].net))
			printf("network namespace %" PRIu32 ":\n", socket->net);
		print_row(list, socket, options->extended);
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
	.more = "HIDDEN is a socket that a process has but no table of the kernel, so "
		"/proc/net and ss do not show it; 'open in no process' one that is a file on "
		"its way from process to process, or of a hidden one. RECEIVED and SENT are "
		"bytes that wait; of a listening socket the connections that wait, and how "
		"many may. With --json, one object a line, with all there is.",
	.options = options_table,
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.run = run,
};
