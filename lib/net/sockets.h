/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_NET_SOCKETS_H
#define HADAL_LIB_NET_SOCKETS_H

#include "process/process.h"

#ifdef __cplusplus
extern "C" {
#endif

/* sun_path of a UNIX address, with the @ in front of an abstract one and the end. */
#define HADAL_SOCKET_NAME_MAX 112

/* What a socket's place among the kernel's objects says of its being hidden. */
enum hadal_socket_hidden {
	HADAL_SOCKET_SEEN,
	/* A process has it, but the kernel's table of such sockets, which /proc/net shows, has not.
	 */
	HADAL_SOCKET_NOT_IN_TABLE,
	/* It is a file that no process has open: on its way in a message, or of a hidden process.
	 */
	HADAL_SOCKET_NOT_IN_PROCESS,
};

/* A socket (struct sock, or the smaller ones that stand for it at its beginning and end). */
struct hadal_socket {
	uint64_t sock;   /* address of its struct sock */
	uint64_t socket; /* address of its struct socket; 0: it has no file, and had one or will */
	uint64_t file;   /* address of its struct file; 0: none, also for a socket of the kernel */
	bool closing;    /* nobody has the file any more, and it is about to be closed */
	uint16_t family, type, protocol; /* AF_*, SOCK_*, IPPROTO_* or NETLINK_* */
	uint8_t state;                   /* TCP_*, as <netinet/tcp.h> numbers them, for all kinds */
	uint8_t local[16], peer[16];     /* AF_INET (4 bytes) and AF_INET6 */
	uint16_t local_port, peer_port;  /* of raw sockets local_port is the protocol */
	uint32_t port_id;                /* AF_NETLINK */
	uint16_t ether_type;             /* AF_PACKET */
	uint32_t interface;              /* index that it is bound to; 0: any */
	/*
	 * AF_UNIX: "/path", "@abstract" or "", terminated; an abstract one may have zero bytes in
	 * it and has name_len bytes.
	 */
	char name[HADAL_SOCKET_NAME_MAX];
	uint32_t name_len;
	uint64_t peer_inode; /* AF_UNIX: of the socket connected to; 0: none */
	uint64_t inode;      /* 0 when it has no file */
	uint32_t uid;        /* owner, in the first user namespace */
	uint32_t net;        /* number of its network namespace */
	/*
	 * Bytes received and not read, bytes sent and not acknowledged; of a listening socket
	 * connections not accepted, and how many there may be. UNIX sockets do not count what
	 * they received: has_received is false.
	 */
	uint32_t received, sent;
	bool has_received;
	bool in_table;
	enum hadal_socket_hidden hidden;
	size_t first_holder; /* of the list's holders; HADAL_SOCKET_NO_HOLDER: no process */
};

#define HADAL_SOCKET_NO_HOLDER SIZE_MAX

/* A process that has a socket open. */
struct hadal_socket_holder {
	int32_t pid, fd;
	char comm[HADAL_COMM_MAX];
	size_t next; /* holder of the same socket, or HADAL_SOCKET_NO_HOLDER */
};

struct hadal_socket_list {
	struct hadal_socket *items; /* by namespace, kind and port */
	size_t count;
	struct hadal_socket_holder *holders;
	size_t holder_count;
	size_t namespaces; /* network namespaces that sockets are in */
	size_t lost;       /* places where the kernel's tables could not be followed */
};

/*
 * Lists the sockets of all network namespaces, each once: those in the kernel's tables (TCP, UDP,
 * UDP-Lite, raw, UNIX, netlink and packet sockets) and those that processes have open, of these and
 * all other kinds. Returns 0 or a negative errno with a sentence in error; free the list in either
 * case.
 */
int hadal_sockets(struct hadal_kernel *kernel, struct hadal_socket_list *list,
		  struct hadal_error *error);
void hadal_sockets_free(struct hadal_socket_list *list);

#ifdef __cplusplus
}
#endif

#endif
