/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_NET_SOCKET_READ_H
#define HADAL_LIB_NET_SOCKET_READ_H

#include "net/sockets.h"

/* Reads sockets, one by one. */
struct hadal_socket_reader;

/* The kernel must outlive the result. Returns NULL with a sentence in error. */
struct hadal_socket_reader *hadal_socket_reader_open(struct hadal_kernel *kernel,
						     struct hadal_error *error);
/* NULL is fine. */
void hadal_socket_reader_close(struct hadal_socket_reader *reader);

/*
 * Describes the struct sock at an address. What the list knows of it (in_table, hidden, holders)
 * is left as it is for an empty one. Returns 0, or a negative errno when it is no socket.
 */
int hadal_socket_read(struct hadal_socket_reader *reader, uint64_t address,
		      struct hadal_socket *socket);

/*
 * The struct sock of the struct socket that an open file has, or 0 when the two do not belong
 * together.
 */
uint64_t hadal_socket_of_file(struct hadal_socket_reader *reader, uint64_t file, uint64_t socket);

#endif
