// SPDX-License-Identifier: MIT
#include "net/socket_read.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "walk/object.h"

/* A request for a connection is a struct request_sock, with a state that only the kernel sees. */
#define NEW_SYN_RECV 12u
/* More families and types than there are. */
#define FAMILY_LIMIT 128u
#define TYPE_LIMIT   16u
/* Of include/linux/file_ref.h: what a counter is at or above when the last reference is gone. */
#define FILE_REF_RELEASED 0xc000000000000000ull
/* struct sockaddr_un: the family and sun_path. */
#define UNIX_ADDRESS_MAX (2 + 108)

enum common_field {
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
	COMMON_FIELDS
};

/* What all begin with, also the smaller ones of TIME_WAIT and SYN_RECV. */
static const struct hadal_field_request common_requests[COMMON_FIELDS] = {
	[FAMILY] = {"sock_common", {"skc_family"}, false},
	[STATE] = {"sock_common", {"skc_state"}, false},
	[LOCAL] = {"sock_common", {"skc_rcv_saddr"}, false},
	[PEER] = {"sock_common", {"skc_daddr"}, false},
	[LOCAL6] = {"sock_common", {"skc_v6_rcv_saddr"}, true},
	[PEER6] = {"sock_common", {"skc_v6_daddr"}, true},
	[LOCAL_PORT] = {"sock_common", {"skc_num"}, false},
	[PEER_PORT] = {"sock_common", {"skc_dport"}, false},
	[BOUND_DEVICE] = {"sock_common", {"skc_bound_dev_if"}, false},
	[NET] = {"sock_common", {"skc_net"}, false},
};

enum sock_field {
	TYPE,
	PROTOCOL,
	SOCKET,
	UID,
	BACKLOG,
	BACKLOG_MAX,
	RECEIVED,
	RECEIVED_COUNT,
	SENT,
	SOCK_FIELDS
};

static const struct hadal_field_request sock_requests[SOCK_FIELDS] = {
	[TYPE] = {"sock", {"sk_type"}, false},
	[PROTOCOL] = {"sock", {"sk_protocol"}, false},
	[SOCKET] = {"sock", {"sk_socket"}, false},
	[UID] = {"sock", {"sk_uid"}, false},
	[BACKLOG] = {"sock", {"sk_ack_backlog"}, false},
	[BACKLOG_MAX] = {"sock", {"sk_max_ack_backlog"}, false},
	[RECEIVED] = {"sock", {"sk_backlog.rmem_alloc"}, false},
	[RECEIVED_COUNT] = {"sock", {"sk_receive_queue.qlen"}, false},
	[SENT] = {"sock", {"sk_wmem_alloc"}, false},
};

/* Kinds that a kernel may be built without are optional. */
enum other_field {
	SOCK_SOCKET,
	NET_NUMBER,
	SOCKET_SOCK,
	SOCKET_FILE,
	FILE_COUNT,      /* up to 6.12 */
	FILE_REFERENCES, /* from 6.13 on */
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
	OTHER_FIELDS
};

static const struct hadal_field_request other_requests[OTHER_FIELDS] = {
	[SOCK_SOCKET] = {"sock", {"sk_socket"}, false},
	[NET_NUMBER] = {"net", {"ns.inum"}, false},
	[SOCKET_SOCK] = {"socket", {"sk"}, false},
	[SOCKET_FILE] = {"socket", {"file"}, false},
	[FILE_COUNT] = {"file", {"f_count"}, true},
	[FILE_REFERENCES] = {"file", {"f_ref.refcnt"}, true},
	[ALLOC_SOCKET] = {"socket_alloc", {"socket"}, false},
	[ALLOC_NUMBER] = {"socket_alloc", {"vfs_inode.i_ino"}, false},
	[ALLOC_UID] = {"socket_alloc", {"vfs_inode.i_uid"}, false},
	[TIME_WAIT_STATE] = {"inet_timewait_sock", {"tw_substate"}, false},
	[TCP_RECEIVED] = {"tcp_sock", {"rcv_nxt"}, false},
	[TCP_READ] = {"tcp_sock", {"copied_seq"}, false},
	[TCP_WRITTEN] = {"tcp_sock", {"write_seq"}, false},
	[TCP_ACKNOWLEDGED] = {"tcp_sock", {"snd_una"}, false},
	[UDP_RELEASED] = {"udp_sock", {"forward_deficit"}, false},
	[UNIX_ADDRESS] = {"unix_sock", {"addr"}, true},
	[UNIX_PEER] = {"unix_sock", {"peer"}, true},
	[ADDRESS_LEN] = {"unix_address", {"len"}, true},
	/* The name is behind the structure. */
	[ADDRESS_NAME] = {"unix_address", {"."}, true},
	[NETLINK_PORT] = {"netlink_sock", {"portid"}, true},
	[PACKET_TYPE] = {"packet_sock", {"num"}, true},
	[PACKET_DEVICE] = {"packet_sock", {"ifindex"}, true},
};

struct hadal_socket_reader {
	struct hadal_space *space;
	struct hadal_field common_fields[COMMON_FIELDS];
	struct hadal_field sock_fields[SOCK_FIELDS];
	struct hadal_field other[OTHER_FIELDS];
	struct hadal_object common, sock;
};

static uint64_t other_value(const struct hadal_socket_reader *reader, enum other_field field,
			    uint64_t address)
{
	return hadal_field_read(reader->space, &reader->other[field], address);
}

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
	struct hadal_object *common = &reader->common;
	int error = hadal_object_read(common, address);
	bool v6;

	if (error)
		return error;
	socket->family = hadal_object_value(common, FAMILY);
	socket->state = hadal_object_value(common, STATE);
	socket->net = other_value(reader, NET_NUMBER, hadal_object_value(common, NET));
	if (!socket->family || socket->family >= FAMILY_LIMIT || socket->state > NEW_SYN_RECV ||
	    !socket->net)
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
	return socket ? socket - reader->other[ALLOC_SOCKET].offset : 0;
}

/* A file that has lost its last reference is closed a little later, sometimes much. */
static bool is_closing(const struct hadal_socket_reader *reader, uint64_t file)
{
	if (reader->other[FILE_COUNT].size)
		return file && !other_value(reader, FILE_COUNT, file);
	return other_value(reader, FILE_REFERENCES, file) >= FILE_REF_RELEASED;
}

static void read_file(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	uint64_t alloc = alloc_of(reader, socket->socket);

	socket->file = other_value(reader, SOCKET_FILE, socket->socket);
	socket->closing = is_closing(reader, socket->file);
	socket->inode = other_value(reader, ALLOC_NUMBER, alloc);
	if (alloc)
		socket->uid = other_value(reader, ALLOC_UID, alloc);
}

static void read_queues(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	const struct hadal_object *sock = &reader->sock;
	bool is_unix = socket->family == AF_UNIX;

	socket->has_received = true;
	if (socket->state == TCP_LISTEN) {
		socket->received = hadal_object_value(sock, is_unix ? RECEIVED_COUNT : BACKLOG);
		socket->sent = hadal_object_value(sock, BACKLOG_MAX);
	} else if (is_inet(socket) && socket->protocol == IPPROTO_TCP) {
		socket->received = other_value(reader, TCP_RECEIVED, socket->sock) -
				   other_value(reader, TCP_READ, socket->sock);
		socket->sent = other_value(reader, TCP_WRITTEN, socket->sock) -
			       other_value(reader, TCP_ACKNOWLEDGED, socket->sock);
	} else {
		socket->has_received = !is_unix;
		socket->received = hadal_object_value(sock, RECEIVED);
		/* It holds one byte of its own, so that it ends after what it sent. */
		socket->sent = hadal_object_value(sock, SENT) - 1;
		if (is_inet(socket) && socket->protocol == IPPROTO_UDP)
			socket->received -= other_value(reader, UDP_RELEASED, socket->sock);
	}
}

static void read_unix(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	uint64_t address = other_value(reader, UNIX_ADDRESS, socket->sock);
	uint64_t peer = other_value(reader, UNIX_PEER, socket->sock);
	uint64_t len = other_value(reader, ADDRESS_LEN, address);
	char name[UNIX_ADDRESS_MAX] = "";

	peer = alloc_of(reader, other_value(reader, SOCK_SOCKET, peer));
	socket->peer_inode = other_value(reader, ALLOC_NUMBER, peer);
	if (len <= 2 || len > sizeof(name) ||
	    hadal_space_read_exact(reader->space, address + reader->other[ADDRESS_NAME].size, name,
				   len))
		return;
	len -= 2;
	/* A path has an end; an abstract name begins with a zero byte and may have more of them. */
	if (name[2])
		len = strnlen(name + 2, len);
	for (size_t i = 0; i < len; i++)
		socket->name[i] = name[2 + i] ? name[2 + i] : '@';
}

static void read_special(struct hadal_socket_reader *reader, struct hadal_socket *socket)
{
	switch (socket->family) {
	case AF_UNIX:
		read_unix(reader, socket);
		break;
	case AF_NETLINK:
		socket->port_id = other_value(reader, NETLINK_PORT, socket->sock);
		break;
	case AF_PACKET:
		socket->ether_type = ntohs(other_value(reader, PACKET_TYPE, socket->sock));
		socket->interface = other_value(reader, PACKET_DEVICE, socket->sock);
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
					: other_value(reader, TIME_WAIT_STATE, address);
		return 0;
	}
	error = hadal_object_read(&reader->sock, address);
	if (error)
		return error;
	socket->type = hadal_object_value(&reader->sock, TYPE);
	socket->protocol = hadal_object_value(&reader->sock, PROTOCOL);
	socket->socket = hadal_object_value(&reader->sock, SOCKET);
	socket->uid = hadal_object_value(&reader->sock, UID);
	if (!socket->type || socket->type >= TYPE_LIMIT)
		return -EINVAL;
	read_file(reader, socket);
	read_queues(reader, socket);
	read_special(reader, socket);
	return 0;
}

uint64_t hadal_socket_of_file(struct hadal_socket_reader *reader, uint64_t file, uint64_t socket)
{
	if (other_value(reader, SOCKET_FILE, socket) != file)
		return 0;
	return other_value(reader, SOCKET_SOCK, socket);
}

static int open_reader(struct hadal_socket_reader *reader, struct hadal_kernel *kernel,
		       struct hadal_error *error)
{
	int result = hadal_kernel_fields(kernel, common_requests, COMMON_FIELDS,
					 reader->common_fields, error);

	if (!result)
		result = hadal_kernel_fields(kernel, sock_requests, SOCK_FIELDS,
					     reader->sock_fields, error);
	if (!result)
		result = hadal_kernel_fields(kernel, other_requests, OTHER_FIELDS, reader->other,
					     error);
	if (!result)
		result = hadal_object_init(&reader->common, reader->space, reader->common_fields,
					   COMMON_FIELDS, "struct sock_common", error);
	if (!result)
		result = hadal_object_init(&reader->sock, reader->space, reader->sock_fields,
					   SOCK_FIELDS, "struct sock", error);
	return result;
}

struct hadal_socket_reader *hadal_socket_reader_open(struct hadal_kernel *kernel,
						     struct hadal_error *error)
{
	struct hadal_socket_reader *reader = calloc(1, sizeof(*reader));

	if (!reader) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	reader->space = hadal_kernel_space(kernel);
	if (!open_reader(reader, kernel, error))
		return reader;
	hadal_socket_reader_close(reader);
	return NULL;
}

void hadal_socket_reader_close(struct hadal_socket_reader *reader)
{
	if (!reader)
		return;
	hadal_object_free(&reader->common);
	hadal_object_free(&reader->sock);
	free(reader);
}
