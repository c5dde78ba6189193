/* SPDX-License-Identifier: MIT */
/* Sockets as words. */
#ifndef HADAL_CLI_SOCKET_TEXT_H
#define HADAL_CLI_SOCKET_TEXT_H

#include "net/sockets.h"

/* The longest are a UNIX name and an IPv6 address with scope and port. */
#define SOCKET_TEXT_MAX 128

/* "tcp", "udp6", "u_str" and so on, as in ss; "afN" for families without a name. */
void socket_kind_text(const struct hadal_socket *socket, char text[16]);

/* "LISTEN", "ESTABLISHED" and so on; "UNCONN" for what is not connected and not TCP. */
const char *socket_state_name(const struct hadal_socket *socket);

/* An address without the port; empty for families without addresses. */
void socket_address_text(const struct hadal_socket *socket, const uint8_t address[16],
			 char text[SOCKET_TEXT_MAX]);

/* Address and port, name, or what else says which socket it is; "-" for nothing. */
void socket_local_text(const struct hadal_socket *socket, char text[SOCKET_TEXT_MAX]);
/* The same for what it is connected to. */
void socket_peer_text(const struct hadal_socket *socket, char text[SOCKET_TEXT_MAX]);

#endif
