/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_NET_SOCKET_TABLES_H
#define HADAL_LIB_NET_SOCKET_TABLES_H

#include "net/sockets.h"

/*
 * Called for the address of every struct sock in a table of sockets of this family; AF_INET stands
 * for AF_INET6 too. Returns as hadal_chain_visit.
 */
typedef int (*hadal_socket_visit)(void *ctx, uint16_t family, uint64_t sock);

/*
 * Walks the kernel's tables of TCP, UDP, UDP-Lite, raw, UNIX, netlink and packet sockets, of all
 * network namespaces. Sockets may be visited more than once. Adds to *lost how many places could
 * not be followed. Returns 0, what visit ended the walk with, or a negative errno with a sentence
 * in error.
 */
int hadal_socket_tables_walk(struct hadal_kernel *kernel, hadal_socket_visit visit, void *ctx,
			     size_t *lost, struct hadal_error *error);

/*
 * Does a socket belong into one of these tables, as it is now? Those of TCP and UDP have only
 * sockets with a port and a state other than TCP_CLOSE.
 */
bool hadal_socket_has_table(const struct hadal_socket *socket);

#endif
