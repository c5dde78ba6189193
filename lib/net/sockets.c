// SPDX-License-Identifier: MIT
/* Sockets of tables and of open files put together, and what is missing in one of them. */
#include "net/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/missing.h"
#include "walk/address_map.h"
#include "file/files.h"
#include "walk/object.h"
#include "net/socket_read.h"
#include "net/socket_tables.h"

/* How often a socket must seem hidden, each time all is looked at: it may just come or go. */
#define ROUNDS 3

struct collector {
	struct hadal_kernel *kernel;
	struct hadal_socket_reader *reader;
	struct hadal_files *files;
	struct hadal_socket_list *list;
	size_t capacity, holder_capacity;
	struct hadal_address_map known;    /* the place in the list by the address of the sock */
	struct hadal_address_map suspects; /* the inode of each that has seemed hidden so far */
};

/* Returns 0, a negative errno when it is no socket, or ENOMEM. */
static int add_socket(struct collector *collector, uint64_t sock, uint16_t family,
		      struct hadal_socket **added)
{
	const size_t *place = hadal_address_map_find(&collector->known, sock);
	struct hadal_socket socket;
	int error;

	if (place) {
		*added = &collector->list->items[*place];
		return 0;
	}
	error = hadal_socket_read(collector->reader, sock, &socket);
	if (error)
		return error;
	if (family != AF_UNSPEC && socket.family != family &&
	    !(family == AF_INET && socket.family == AF_INET6))
		return -EINVAL;
	if (hadal_address_map_add(&collector->known, sock, collector->list->count) < 0)
		return ENOMEM;
	*added = HADAL_LIST_APPEND(collector->list, &collector->capacity);
	if (!*added)
		return ENOMEM;
	**added = socket;
	return 0;
}

static int visit_sock(void *ctx, uint16_t family, uint64_t sock)
{
	struct hadal_socket *socket;
	int result = add_socket(ctx, sock, family, &socket);

	if (!result)
		socket->in_table = true;
	return result;
}

static int add_holder(struct collector *collector, struct hadal_socket *socket,
		      const struct hadal_process *process, int32_t fd)
{
	struct hadal_socket_list *list = collector->list;
	struct hadal_socket_holder *grown =
		hadal_list_grow(list->holders, list->holder_count, &collector->holder_capacity,
				sizeof(*list->holders));

	if (!grown)
		return ENOMEM;
	list->holders = grown;
	list->holders[list->holder_count] = (struct hadal_socket_holder){
		.pid = process->tgid, .fd = fd, .next = socket->first_holder};
	memcpy(list->holders[list->holder_count].comm, process->comm, sizeof(process->comm));
	socket->first_holder = list->holder_count++;
	return 0;
}

static int visit_file(void *ctx, const struct hadal_process *process, const struct hadal_file *file)
{
	struct collector *collector = ctx;
	uint64_t sock = hadal_socket_of_file(collector->reader, file->file, file->private_data);
	struct hadal_socket *socket;
	int result;

	/* A path to a socket, opened with O_PATH. */
	if (!file->private_data)
		return 0;
	result = sock ? add_socket(collector, sock, AF_UNSPEC, &socket) : -EINVAL;
	if (result > 0)
		return result;
	if (result < 0) {
		collector->list->lost++;
		return 0;
	}
	return add_holder(collector, socket, process, file->fd);
}

static int walk_processes(struct collector *collector, struct hadal_error *error)
{
	struct hadal_process_list processes;
	struct hadal_socket_list *list = collector->list;
	int result = hadal_processes(collector->kernel, false, &processes, error);

	/* Those that are hidden have sockets too. */
	if (!result)
		hadal_processes_check(collector->kernel, false, &processes, NULL);
	list->lost += processes.lost;
	/* The holders of a socket are a list that grows at its beginning. */
	for (size_t i = processes.count; !result && i-- > 0;)
		if (hadal_files_sockets_of(collector->files, &processes.items[i], visit_file,
					   collector, &list->lost))
			result = hadal_fail(error, ENOMEM, "Out of memory");
	hadal_processes_free(&processes);
	return result;
}

static enum hadal_socket_hidden judge(const struct hadal_socket *socket)
{
	bool held = socket->first_holder != HADAL_SOCKET_NO_HOLDER;

	if (held && !socket->in_table && hadal_socket_has_table(socket))
		return HADAL_SOCKET_NOT_IN_TABLE;
	return socket->file && !socket->closing && !held ? HADAL_SOCKET_NOT_IN_PROCESS
							 : HADAL_SOCKET_SEEN;
}

/* Tells which sockets are hidden, of those that have seemed so each time before. */
static int judge_all(struct collector *collector, bool first)
{
	struct hadal_address_map suspects = {0};
	int result = 0;

	for (size_t i = 0; result >= 0 && i < collector->list->count; i++) {
		struct hadal_socket *socket = &collector->list->items[i];
		const size_t *inode = hadal_address_map_find(&collector->suspects, socket->sock);

		socket->hidden = judge(socket);
		/* What an image lacks is not hidden. */
		if ((!first && !(inode && *inode == socket->inode)) ||
		    hadal_kernel_missing(collector->kernel, NULL))
			socket->hidden = HADAL_SOCKET_SEEN;
		if (socket->hidden != HADAL_SOCKET_SEEN)
			result = hadal_address_map_add(&suspects, socket->sock, socket->inode);
	}
	hadal_address_map_free(&collector->suspects);
	collector->suspects = suspects;
	return result < 0 ? result : 0;
}

static int look(struct collector *collector, struct hadal_error *error)
{
	struct hadal_socket_list *list = collector->list;
	int result;

	list->count = list->holder_count = list->lost = 0;
	hadal_address_map_free(&collector->known);
	hadal_space_flush(hadal_kernel_space(collector->kernel));
	result = hadal_socket_tables_walk(collector->kernel, visit_sock, collector, &list->lost,
					  error);
	if (result == ENOMEM)
		return hadal_fail(error, ENOMEM, "Out of memory");
	return result ? result : walk_processes(collector, error);
}

static int collect(struct collector *collector, struct hadal_error *error)
{
	for (int round = 0; round < ROUNDS; round++) {
		int result = look(collector, error);

		if (result)
			return result;
		if (judge_all(collector, !round))
			return hadal_fail(error, ENOMEM, "Out of memory");
		if (!collector->suspects.count)
			break;
	}
	return 0;
}

/* IPv4 and IPv6 before the other families. */
static unsigned int family_order(const struct hadal_socket *socket)
{
	if (socket->family == AF_INET || socket->family == AF_INET6)
		return socket->family == AF_INET6;
	return 2u + socket->family;
}

static int compare_numbers(uint64_t left, uint64_t right)
{
	return left < right ? -1 : left > right;
}

static int compare_sockets(const void *left, const void *right)
{
	const struct hadal_socket *a = left, *b = right;
	int order = compare_numbers(a->net, b->net);

	if (!order)
		order = compare_numbers(family_order(a), family_order(b));
	if (!order)
		order = compare_numbers(a->protocol, b->protocol);
	if (!order)
		order = compare_numbers(a->local_port, b->local_port);
	if (!order)
		order = compare_numbers(a->inode, b->inode);
	return order ? order : compare_numbers(a->sock, b->sock);
}

static void sort(struct hadal_socket_list *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_sockets);
	for (size_t i = 0; i < list->count; i++)
		if (!i || list->items[i].net != list->items[i - 1].net)
			list->namespaces++;
}

int hadal_sockets(struct hadal_kernel *kernel, struct hadal_socket_list *list,
		  struct hadal_error *error)
{
	struct collector collector = {.kernel = kernel, .list = list};
	int result = -ENOENT;

	*list = (struct hadal_socket_list){0};
	collector.reader = hadal_socket_reader_open(kernel, error);
	if (collector.reader)
		collector.files = hadal_files_open(kernel, error);
	if (collector.files)
		result = collect(&collector, error);
	if (!result)
		sort(list);
	hadal_files_close(collector.files);
	hadal_socket_reader_close(collector.reader);
	hadal_address_map_free(&collector.known);
	hadal_address_map_free(&collector.suspects);
	return result;
}

void hadal_sockets_free(struct hadal_socket_list *list)
{
	free(list->items);
	free(list->holders);
	*list = (struct hadal_socket_list){0};
}
