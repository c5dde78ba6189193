// SPDX-License-Identifier: MIT
/* One socket, read from its struct sock. */
#include "net/socket_read.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "walk/plan.h"

/* A request for a connection is a struct request_sock, with a state that only the kernel sees. */
#define NEW_SYN_RECV 12u
/* More families and types than there are. */
#define FAMILY_LIMIT 128u
#define TYPE_LIMIT   16u
/* Of include/linux/file_ref.h: what a counter is at or above when the last reference is gone. */
#define FILE_REF_RELEASED 0xc000000000000000ull
/* struct sockaddr_un: the family and sun_path; the kernel adds an end to a path without one. */
#define UNIX_ADDRESS_MAX (2 + 108 + 1)

enum need {
	COMMON,
	SOCK,
	FAMILY,
	STATE,
	LOCAL,
	PEER,
	LOCAL6,
	PEER6,
	LOCAL_PORT,
	PEER_PORT,
	BOUND_DEVICE,
	NET,
	TYPE,
	PROTOCOL,
	SOCKET,
	UID,
	BACKLOG,
	BACKLOG_MAX,
	RECEIVED,
	RECEIVED_COUNT,
	SENT,
	NET_NUMBER,
	SOCKET_SOCK,
	SOCKET_FILE,
	FILE_REFERENCES, /* from 6.13 on */
	FILE_COUNT,      /* up to 6.12 */
	ALLOC_SOCKET,
	ALLOC_NUMBER,
	ALLOC_UID,
	TIME_WAIT_STATE,
	TCP_RECEIVED,
	TCP_READ,
	TCP_WRITTEN,
	TCP_ACKNOWLEDGED,
	UDP_RELEASED,
	UNIX_ADDRESS,
	UNIX_PEER,
	ADDRESS_LEN,
	ADDRESS_NAME,
	NETLINK_PORT,
	PACKET_TYPE,
	PACKET_DEVICE,
	NEEDS
};

/* Kinds that a kernel may be built without are optional. All sockets begin with a struct
 * sock_common, also the smaller ones of TIME_WAIT and SYN_RECV. */
static const struct hadal_need needs[NEEDS] = {
	[COMMON] = {HADAL_OBJECT("sock_common")},
	[SOCK] = {HADAL_OBJECT("sock")},
	[FAMILY] = {HADAL_MEMBER("sock_common", "skc_family")},
	[STATE] = {HADAL_MEMBER("sock_common", "skc_state")},
	[LOCAL] = {HADAL_MEMBER("sock_common", "skc_rcv_saddr")},
	[PEER] = {HADAL_MEMBER("sock_common", "skc_daddr")},
	[LOCAL6] = {HADAL_MEMBER("sock_common", "skc_v6_rcv_saddr"), HADAL_OPTIONAL},
	[PEER6] = {HADAL_MEMBER("sock_common", "skc_v6_daddr"), HADAL_OPTIONAL},
	[LOCAL_PORT] = {HADAL_MEMBER("sock_common", "skc_num")},
	[PEER_PORT] = {HADAL_MEMBER("sock_common", "skc_dport")},
	[BOUND_DEVICE] = {HADAL_MEMBER("sock_common", "skc_bound_dev_if")},
	[NET] = {HADAL_MEMBER("sock_common", "skc_net")},
	[TYPE] = {HADAL_MEMBER("sock", "sk_type")},
	[PROTOCOL] = {HADAL_MEMBER("sock", "sk_protocol")},
	[SOCKET] = {HADAL_MEMBER("sock", "sk_socket")},
	[UID] = {HADAL_MEMBER("sock", "sk_uid")},
	[BACKLOG] = {HADAL_MEMBER("sock", "sk_ack_backlog")},
	[BACKLOG_MAX] = {HADAL_MEMBER("sock", "sk_max_ack_backlog")},
	[RECEIVED] = {HADAL_MEMBER("sock", "sk_backlog.rmem_alloc")},
	[RECEIVED_COUNT] = {HADAL_MEMBER("sock", "sk_receive_queue.qlen")},
	[SENT] = {HADAL_MEMBER("sock", "sk_wmem_alloc")},
	[NET_NUMBER] = {HADAL_MEMBER("net", "ns.inum")},
	[SOCKET_SOCK] = {HADAL_MEMBER("socket", "sk")},
	[SOCKET_FILE] = {HADAL_MEMBER("socket", "file")},
	[FILE_REFERENCES] = {HADAL_MEMBER("file", "f_ref.refcnt"), HADAL_OPTIONAL},
	[FILE_COUNT] = {HADAL_MEMBER("file", "f_count"), HADAL_WITHOUT(FILE_REFERENCES)},
	[ALLOC_SOCKET] = {HADAL_MEMBER("socket_alloc", "socket")},
	[ALLOC_NUMBER] = {HADAL_MEMBER("socket_alloc", "vfs_inode.i_ino")},
	[ALLOC_UID] = {HADAL_MEMBER("socket_alloc", "vfs_inode.i_uid")},
	[TIME_WAIT_STATE] = {HADAL_MEMBER("inet_timewait_sock", "tw_substate")},
	[TCP_RECEIVED] = {HADAL_MEMBER("tcp_sock", "rcv_nxt")},
	[TCP_READ] = {HADAL_MEMBER("tcp_sock", "copied_seq")},
	[TCP_WRITTEN] = {HADAL_MEMBER("tcp_sock", "write_seq")},
	[TCP_ACKNOWLEDGED] = {HADAL_MEMBER("tcp_sock", "snd_una")},
	[UDP_RELEASED] = {HADAL_MEMBER("udp_sock", "forward_deficit")},
	[UNIX_ADDRESS] = {HADAL_MEMBER("unix_sock", "addr"), HADAL_OPTIONAL},
	[UNIX_PEER] = {HADAL_MEMBER("unix_sock", "peer"), HADAL_OPTIONAL},
	[ADDRESS_LEN] = {HADAL_MEMBER("unix_address", "len"), HADAL_OPTIONAL},
	/* The name is behind the structure. */
	[ADDRESS_NAME] = {HADAL_MEMBER("unix_address", "."), HADAL_OPTIONAL},
	[NETLINK_PORT] = {HADAL_MEMBER("netlink_sock", "portid"), HADAL_OPTIONAL},
	[PACKET_TYPE] = {HADAL_MEMBER("packet_sock", "num"), HADAL_OPTIONAL},
	[PACKET_DEVICE] = {HADAL_MEMBER("packet_sock", "ifindex"), HADAL_OPTIONAL},
};

struct hadal_socket_reader {
	struct hadal_plan plan;
	struct hadal_object *common, *sock;
};

static bool is_inet(const struct hadal_socket *socket)
{
	return socket->family == AF_INET || socket->family == AF_INET6;
}

static void copy_member(const struct hadal_object *object, size_t field, uint8_t copy[16])
{
	const void *member = hadal_object_member(object, field);

	if (member && object->fields[field].size <= 16)
		memcpy(copy, member, object->fields[field].size);
}

static int read_common(struct hadal_socket_reader *reader, uint64_t address,
		       struct hadal_socket *socket)
{
	struct hadal_object *common = reader->common;
	int error = hadal_object_read(common, address);
	bool v6;

	if (error)
		return error;
	socket->family = hadal_object_value(common, FAMILY);
	socket->state = hadal_object_value(common, STATE);
	socket->net = hadal_plan_read(&reader->plan, NET_NUMBER, hadal_object_value(common, NET));
	/* Others have states of their own; SMC's go up to 27. */
	if (!socket->family || socket->family >= FAMILY_LIMIT || !socket->net ||
	    (is_inet(socket) && socket->state > NEW_SYN_RECV))
		return -EINVAL;
	socket->interface = hadal_object_value(common, BOUND_DEVICE);
	if (!is_inet(socket))
		return 0;
	v6 = socket->family == AF_INET6;
	copy_member(common, v6 ? LOCAL6 : LOCAL, socket->local);
	copy_member(common, v6 ? PEER6 : PEER, socket->peer);
	socket->local_port = hadal_object_value(common, LOCAL_PORT);
	socket->peer_port = ntohs(hadal_object_value(common, PEER_PORT));
	return 0;
}

/* Address of the struct socket_alloc that holds a struct socket and its inode. */
static uint64_t alloc_of(const struct hadal_socket_reader *reader, uint64_t socket)
{
	return socket ? socket - hadal_plan_offset(&reader->plan, ALLOC_SOCKET) : 0;
}

/* A file that has lost its last reference is closed a little later, sometimes much. */
static bool is_closing(const struct hadal_socket_reader *reader, uint64_t file)
{
	if (hadal_plan_has(&reader->plan, FILE_COUNT))
		return file && !hadal_plan_read(&reader->plan, FILE_COUNT, file);
	return hadal_plan_read(&reader->plan, FILE_REFERENCES, file) >= FILE_REF_RELEASED;
}

static void read_file(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	uint64_t alloc = alloc_of(reader, socket->socket);

	socket->file = hadal_plan_read(&reader->plan, SOCKET_FILE, socket->socket);
	socket->closing = is_closing(reader, socket->file);
	socket->inode = hadal_plan_read(&reader->plan, ALLOC_NUMBER, alloc);
	if (alloc)
		socket->uid = hadal_plan_read(&reader->plan, ALLOC_UID, alloc);
}

static void read_queues(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	const struct hadal_object *sock = reader->sock;
	bool is_unix = socket->family == AF_UNIX;

	socket->has_received = true;
	if (socket->state == TCP_LISTEN) {
		socket->received = hadal_object_value(sock, is_unix ? RECEIVED_COUNT : BACKLOG);
		socket->sent = hadal_object_value(sock, BACKLOG_MAX);
	} else if (is_inet(socket) && socket->protocol == IPPROTO_TCP) {
		socket->received = hadal_plan_read(&reader->plan, TCP_RECEIVED, socket->sock) -
				   hadal_plan_read(&reader->plan, TCP_READ, socket->sock);
		socket->sent = hadal_plan_read(&reader->plan, TCP_WRITTEN, socket->sock) -
			       hadal_plan_read(&reader->plan, TCP_ACKNOWLEDGED, socket->sock);
	} else {
		socket->has_received = !is_unix;
		socket->received = hadal_object_value(sock, RECEIVED);
		/* It holds one byte of its own, so that it ends after what it sent. */
		socket->sent = hadal_object_value(sock, SENT) - 1;
		if (is_inet(socket) && socket->protocol == IPPROTO_UDP)
			socket->received -=
				hadal_plan_read(&reader->plan, UDP_RELEASED, socket->sock);
	}
}

static void read_unix(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	uint64_t address = hadal_plan_read(&reader->plan, UNIX_ADDRESS, socket->sock);
	uint64_t peer = hadal_plan_read(&reader->plan, UNIX_PEER, socket->sock);
	uint64_t len = hadal_plan_read(&reader->plan, ADDRESS_LEN, address);
	char name[UNIX_ADDRESS_MAX] = "";

	peer = alloc_of(reader, hadal_plan_read(&reader->plan, SOCKET, peer));
	socket->peer_inode = hadal_plan_read(&reader->plan, ALLOC_NUMBER, peer);
	if (len <= 2 || len > sizeof(name) ||
	    hadal_space_read_exact(reader->plan.space,
				   address + hadal_plan_size(&reader->plan, ADDRESS_NAME), name,
				   len))
		return;
	len -= 2;
	/* A path has an end; an abstract name begins with a zero byte and may have more of them. */
	if (name[2])
		len = strnlen(name + 2, len);
	memcpy(socket->name, name + 2, len);
	if (!name[2])
		socket->name[0] = '@';
	socket->name_len = len;
}

static void read_special(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	switch (socket->family) {
	case AF_UNIX:
		read_unix(reader, socket);
		break;
	case AF_NETLINK:
		socket->port_id = hadal_plan_read(&reader->plan, NETLINK_PORT, socket->sock);
		break;
	case AF_PACKET:
		socket->ether_type =
			ntohs(hadal_plan_read(&reader->plan, PACKET_TYPE, socket->sock));
		socket->interface = hadal_plan_read(&reader->plan, PACKET_DEVICE, socket->sock);
		break;
	}
}

int hadal_socket_read(struct hadal_socket_reader *reader, uint64_t address,
		      struct hadal_socket *socket)
{
	int error;

	*socket = (struct hadal_socket){.sock = address, .first_holder = HADAL_SOCKET_NO_HOLDER};
	error = read_common(reader, address, socket);
	if (error)
		return error;
	if (is_inet(socket) && (socket->state == TCP_TIME_WAIT || socket->state == NEW_SYN_RECV)) {
		socket->type = SOCK_STREAM;
		socket->protocol = IPPROTO_TCP;
		socket->has_received = true;
		socket->state = socket->state == NEW_SYN_RECV
					? TCP_SYN_RECV
					: hadal_plan_read(&reader->plan, TIME_WAIT_STATE, address);
		return 0;
	}
	error = hadal_object_read(reader->sock, address);
	if (error)
		return error;
	socket->type = hadal_object_value(reader->sock, TYPE);
	socket->protocol = hadal_object_value(reader->sock, PROTOCOL);
	socket->socket = hadal_object_value(reader->sock, SOCKET);
	socket->uid = hadal_object_value(reader->sock, UID);
	if (!socket->type || socket->type >= TYPE_LIMIT)
		return -EINVAL;
	read_file(reader, socket);
	read_queues(reader, socket);
	read_special(reader, socket);
	return 0;
}

uint64_t hadal_socket_of_file(struct hadal_socket_reader *reader, uint64_t file, uint64_t socket)
{
	if (hadal_plan_read(&reader->plan, SOCKET_FILE, socket) != file)
		return 0;
	return hadal_plan_read(&reader->plan, SOCKET_SOCK, socket);
}

struct hadal_socket_reader *hadal_socket_reader_open(struct hadal_kernel *kernel,
						     struct hadal_error *error)
{
	struct hadal_socket_reader *reader = calloc(1, sizeof(*reader));

	if (!reader) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (!hadal_plan_open(&reader->plan, kernel, needs, NEEDS, error)) {
		reader->common = &reader->plan.objects[COMMON];
		reader->sock = &reader->plan.objects[SOCK];
		return reader;
	}
	hadal_socket_reader_close(reader);
	return NULL;
}

void hadal_socket_reader_close(struct hadal_socket_reader *reader)
{
	if (!reader)
		return;
	hadal_plan_close(&reader->plan);
	free(reader);
}
