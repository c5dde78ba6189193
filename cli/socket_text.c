// SPDX-License-Identifier: MIT
/* Sockets in words: addresses, states, who holds them. */
#include "socket_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const state_names[] = {
	[TCP_ESTABLISHED] = "ESTABLISHED",
	[TCP_SYN_SENT] = "SYN_SENT",
	[TCP_SYN_RECV] = "SYN_RECV",
	[TCP_FIN_WAIT1] = "FIN_WAIT1",
	[TCP_FIN_WAIT2] = "FIN_WAIT2",
	[TCP_TIME_WAIT] = "TIME_WAIT",
	[TCP_CLOSE] = "CLOSE",
	[TCP_CLOSE_WAIT] = "CLOSE_WAIT",
	[TCP_LAST_ACK] = "LAST_ACK",
	[TCP_LISTEN] = "LISTEN",
	[TCP_CLOSING] = "CLOSING",
};

/* NETLINK_* of include/uapi/linux/netlink.h. */
static const char *const netlink_names[] = {
	[0] = "route",      [2] = "usersock", [4] = "sock_diag", [5] = "nflog", [6] = "xfrm",
	[7] = "selinux",    [8] = "iscsi",    [9] = "audit",     [10] = "fib",  [11] = "connector",
	[12] = "netfilter", [15] = "uevent",  [16] = "generic",  [18] = "scsi", [19] = "ecryptfs",
	[20] = "rdma",      [21] = "crypto",  [22] = "smc",
};

static const char *inet_name(const struct hadal_socket *socket)
{
	if (socket->type == SOCK_RAW)
		return "raw";
	switch (socket->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_UDPLITE:
		return "udpl";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_MPTCP:
		return "mptcp";
	default:
		return "ip";
	}
}

static const char *unix_name(const struct hadal_socket *socket)
{
	return socket->type == SOCK_STREAM  ? "u_str"
	       : socket->type == SOCK_DGRAM ? "u_dgr"
					    : "u_seq";
}

void socket_kind_text(const struct hadal_socket *socket, char text[16])
{
	switch (socket->family) {
	case AF_INET:
		snprintf(text, 16, "%s", inet_name(socket));
		break;
	case AF_INET6:
		snprintf(text, 16, "%s6", inet_name(socket));
		break;
	case AF_UNIX:
		snprintf(text, 16, "%s", unix_name(socket));
		break;
	case AF_NETLINK:
		snprintf(text, 16, "nl");
		break;
	case AF_PACKET:
		snprintf(text, 16, socket->type == SOCK_DGRAM ? "p_dgr" : "p_raw");
		break;
	case AF_VSOCK:
		snprintf(text, 16, "vsock");
		break;
	default:
		snprintf(text, 16, "af%u", socket->family);
	}
}

const char *socket_state_name(const struct hadal_socket *socket)
{
	bool is_tcp = socket->protocol == IPPROTO_TCP || socket->protocol == IPPROTO_MPTCP;

	if (socket->state >= COUNT(state_names))
		return "UNKNOWN";
	if (!socket->state ||
	    (socket->state == TCP_CLOSE && !(is_tcp && socket->type == SOCK_STREAM)))
		return "UNCONN";
	return state_names[socket->state];
}

void socket_address_text(const struct hadal_socket *socket, const uint8_t address[16],
			 char text[SOCKET_TEXT_MAX])
{
	bool is_inet = socket->family == AF_INET || socket->family == AF_INET6;

	*text = '\0';
	if (is_inet)
		inet_ntop(socket->family, address, text, SOCKET_TEXT_MAX);
}

static void endpoint_text(const struct hadal_socket *socket, const uint8_t address[16],
			  uint16_t port, char text[SOCKET_TEXT_MAX])
{
	char host[SOCKET_TEXT_MAX];
	bool brackets = socket->family == AF_INET6;
	int len;

	socket_address_text(socket, address, host);
	len = snprintf(text, SOCKET_TEXT_MAX, "%s%.64s%s:", brackets ? "[" : "", host,
		       brackets ? "]" : "");
	if (port)
		snprintf(text + len, SOCKET_TEXT_MAX - len, "%u", port);
	else
		snprintf(text + len, SOCKET_TEXT_MAX - len, "*");
}

static void netlink_text(const struct hadal_socket *socket, char text[SOCKET_TEXT_MAX])
{
	const char *name =
		socket->protocol < COUNT(netlink_names) ? netlink_names[socket->protocol] : NULL;

	if (name)
		snprintf(text, SOCKET_TEXT_MAX, "%s:%" PRIu32, name, socket->port_id);
	else
		snprintf(text, SOCKET_TEXT_MAX, "%u:%" PRIu32, socket->protocol, socket->port_id);
}

/* A zero byte within an abstract name is shown as ss does it. */
static void unix_text(const struct hadal_socket *socket, char text[SOCKET_TEXT_MAX])
{
	snprintf(text, SOCKET_TEXT_MAX, "-");
	for (uint32_t i = 0; i < socket->name_len && i < HADAL_SOCKET_NAME_MAX; i++) {
		text[i] = socket->name[i] ? socket->name[i] : '@';
		text[i + 1] = '\0';
	}
}

void socket_local_text(const struct hadal_socket *socket, char text[SOCKET_TEXT_MAX])
{
	switch (socket->family) {
	case AF_INET:
	case AF_INET6:
		endpoint_text(socket, socket->local, socket->local_port, text);
		break;
	case AF_UNIX:
		unix_text(socket, text);
		break;
	case AF_NETLINK:
		netlink_text(socket, text);
		break;
	case AF_PACKET:
		/* The Ethernet type that it takes, and the interface's number. */
		snprintf(text, SOCKET_TEXT_MAX, "0x%04x:%" PRIu32, socket->ether_type,
			 socket->interface);
		break;
	default:
		snprintf(text, SOCKET_TEXT_MAX, "-");
	}
}

void socket_peer_text(const struct hadal_socket *socket, char text[SOCKET_TEXT_MAX])
{
	if (socket->family == AF_INET || socket->family == AF_INET6)
		endpoint_text(socket, socket->peer, socket->peer_port, text);
	else if (socket->peer_inode)
		snprintf(text, SOCKET_TEXT_MAX, "socket:[%" PRIu64 "]", socket->peer_inode);
	else
		snprintf(text, SOCKET_TEXT_MAX, "-");
}
