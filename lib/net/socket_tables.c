// SPDX-License-Identifier: MIT
#include "net/socket_tables.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "walk/address_map.h"
#include "walk/chain.h"
#include "walk/object.h"

/* More namespaces than a machine has. */
#define NAMESPACE_LIMIT (1u << 18)
/* UNIX_HASH_SIZE of include/net/af_unix.h, by its name of 6.0 and later; of 5.10 twice it. */
#define UNIX_BUCKETS 512u
/* MAX_LINKS of include/uapi/linux/netlink.h: how many protocols nl_table is for. */
#define NETLINK_PROTOCOLS 32u
/* A table that is being replaced by a larger one, and that by another before it is done. */
#define RESIZE_LIMIT 4

enum field {
	SOCK_NODE,
	NET_LIST,
	NET_TCP,         /* 5.10 to 5.16, and from 6.1 on */
	NET_TCP_POINTER, /* 5.17 to 6.0: the structure that the one above is in */
	TCP_TABLE,
	NET_UDP,  /* from 6.2 on, before there is the one table udp_table */
	NET_UNIX, /* from 6.0 on, before there is the one table unix_socket_table */
	NET_PACKET,
	TCP_BUCKETS,
	TCP_MASK,
	TCP_BUCKET,
	TCP_CHAIN,
	LISTENING,         /* up to 5.18 */
	LISTENING_BUCKETS, /* in use for the same from 5.19 on */
	LISTENING_MASK,
	LISTENING_BUCKET,
	LISTENING_CHAIN,
	UDP_BUCKETS,
	UDP_MASK,
	UDP_BUCKET,
	UDP_CHAIN,
	RAW_BUCKETS,
	NETLINK_TABLE,
	NETLINK_BUCKETS,
	NETLINK_NODE,
	BUCKETS_COUNT,
	BUCKETS_NESTED,
	BUCKETS_FIRST,
	BUCKETS_FUTURE,
	FIELDS
};

static const struct hadal_field_request requests[FIELDS] = {
	[SOCK_NODE] = {"sock", {"__sk_common.skc_node"}, false},
	[NET_LIST] = {"net", {"list"}, false},
	[NET_TCP] = {"net", {"ipv4.tcp_death_row.hashinfo"}, true},
	[NET_TCP_POINTER] = {"net", {"ipv4.tcp_death_row"}, false},
	[TCP_TABLE] = {"inet_timewait_death_row", {"hashinfo"}, false},
	[NET_UDP] = {"net", {"ipv4.udp_table"}, true},
	[NET_UNIX] = {"net", {"unx.table.buckets"}, true},
	[NET_PACKET] = {"net", {"packet.sklist"}, true},
	[TCP_BUCKETS] = {"inet_hashinfo", {"ehash"}, false},
	[TCP_MASK] = {"inet_hashinfo", {"ehash_mask"}, false},
	[TCP_BUCKET] = {"inet_ehash_bucket", {"."}, false},
	[TCP_CHAIN] = {"inet_ehash_bucket", {"chain"}, false},
	[LISTENING] = {"inet_hashinfo", {"listening_hash"}, true},
	[LISTENING_BUCKETS] = {"inet_hashinfo", {"lhash2"}, false},
	[LISTENING_MASK] = {"inet_hashinfo", {"lhash2_mask"}, false},
	[LISTENING_BUCKET] = {"inet_listen_hashbucket", {"."}, false},
	[LISTENING_CHAIN] = {"inet_listen_hashbucket", {"nulls_head"}, false},
	[UDP_BUCKETS] = {"udp_table", {"hash"}, false},
	[UDP_MASK] = {"udp_table", {"mask"}, false},
	[UDP_BUCKET] = {"udp_hslot", {"."}, false},
	[UDP_CHAIN] = {"udp_hslot", {"head"}, false},
	[RAW_BUCKETS] = {"raw_hashinfo", {"ht"}, true},
	[NETLINK_TABLE] = {"netlink_table", {"."}, true},
	[NETLINK_BUCKETS] = {"netlink_table", {"hash.tbl"}, true},
	[NETLINK_NODE] = {"netlink_sock", {"node"}, true},
	[BUCKETS_COUNT] = {"bucket_table", {"size"}, true},
	[BUCKETS_NESTED] = {"bucket_table", {"nest"}, true},
	/* They are behind the structure. */
	[BUCKETS_FIRST] = {"bucket_table", {"."}, true},
	[BUCKETS_FUTURE] = {"bucket_table", {"future_tbl"}, true},
};

enum symbol { NAMESPACES, UDP, UDPLITE, RAW, RAW6, UNIX, NETLINK, SYMBOLS };

static const char *const symbol_names[SYMBOLS] = {
	[NAMESPACES] = "net_namespace_list",
	[UDP] = "udp_table",
	[UDPLITE] = "udplite_table",
	[RAW] = "raw_v4_hashinfo",
	[RAW6] = "raw_v6_hashinfo",
	[UNIX] = "unix_socket_table",
	[NETLINK] = "nl_table",
};

struct tables {
	struct hadal_space *space;
	struct hadal_field fields[FIELDS];
	uint64_t symbols[SYMBOLS];
	struct hadal_address_map walked; /* tables that several namespaces may share */
	hadal_socket_visit visit;
	void *ctx;
	size_t *lost;
	/* Of the table at hand. */
	uint16_t family;
	uint32_t node_offset; /* in its sockets */
};

static uint64_t value(const struct tables *tables, enum field field, uint64_t address)
{
	return hadal_field_read(tables->space, &tables->fields[field], address);
}

static int visit_node(void *ctx, uint64_t node)
{
	const struct tables *tables = ctx;

	return tables->visit(tables->ctx, tables->family, node - tables->node_offset);
}

static int walk_table(struct tables *tables, uint16_t family, enum field node,
		      const struct hadal_hash_table *table)
{
	tables->family = family;
	tables->node_offset = tables->fields[node].offset;
	return hadal_hash_table_walk(tables->space, table, visit_node, tables, tables->lost);
}

/* Is this a table that is there and was not walked yet? */
static bool is_new(struct tables *tables, uint64_t table)
{
	return table && hadal_address_map_add(&tables->walked, table, 0) == 1;
}

static int walk_tcp(struct tables *tables, uint64_t info)
{
	const struct hadal_field *fields = tables->fields;
	struct hadal_hash_table connected = {
		.buckets = value(tables, TCP_BUCKETS, info),
		.count = value(tables, TCP_MASK, info) + 1,
		.bucket_size = fields[TCP_BUCKET].size,
		.head_offset = fields[TCP_CHAIN].offset,
	};
	struct hadal_hash_table listening = {
		.buckets = info + fields[LISTENING].offset,
		.count = fields[LISTENING].count,
		.bucket_size = fields[LISTENING_BUCKET].size,
		.head_offset = fields[LISTENING_CHAIN].offset,
	};
	int result;

	if (!is_new(tables, info))
		return 0;
	if (!fields[LISTENING].size) {
		listening.buckets = value(tables, LISTENING_BUCKETS, info);
		listening.count = value(tables, LISTENING_MASK, info) + 1;
	}
	result = walk_table(tables, AF_INET, SOCK_NODE, &listening);
	return result ? result : walk_table(tables, AF_INET, SOCK_NODE, &connected);
}

static int walk_udp(struct tables *tables, uint64_t table)
{
	struct hadal_hash_table hash = {
		.buckets = value(tables, UDP_BUCKETS, table),
		.count = value(tables, UDP_MASK, table) + 1,
		.bucket_size = tables->fields[UDP_BUCKET].size,
		.head_offset = tables->fields[UDP_CHAIN].offset,
	};

	return is_new(tables, table) ? walk_table(tables, AF_INET, SOCK_NODE, &hash) : 0;
}

/* A table that is an array of chains and nothing else. */
static int walk_array(struct tables *tables, uint16_t family, uint64_t buckets, uint64_t count)
{
	struct hadal_hash_table hash = {buckets, count, sizeof(uint64_t), 0, false};

	return is_new(tables, buckets) ? walk_table(tables, family, SOCK_NODE, &hash) : 0;
}

static int walk_raw(struct tables *tables, uint64_t info)
{
	const struct hadal_field *buckets = &tables->fields[RAW_BUCKETS];

	if (!info || !buckets->size)
		return 0;
	return walk_array(tables, AF_INET, info + buckets->offset, buckets->count);
}

/* A table that has grown huge is a tree, which this does not follow. */
static int walk_netlink_table(struct tables *tables, uint64_t table)
{
	struct hadal_hash_table hash = {
		.buckets = table + tables->fields[BUCKETS_FIRST].size,
		.count = value(tables, BUCKETS_COUNT, table),
		.bucket_size = sizeof(uint64_t),
		.bit_locks_chain = true,
	};

	if (value(tables, BUCKETS_NESTED, table)) {
		(*tables->lost)++;
		return 0;
	}
	return walk_table(tables, AF_NETLINK, NETLINK_NODE, &hash);
}

static int walk_netlink(struct tables *tables)
{
	uint64_t protocol, table;
	int result = 0;

	if (!tables->symbols[NETLINK] || !tables->fields[NETLINK_NODE].size ||
	    hadal_space_read_u64(tables->space, tables->symbols[NETLINK], &protocol))
		return 0;
	for (unsigned int i = 0; !result && i < NETLINK_PROTOCOLS; i++) {
		table = value(tables, NETLINK_BUCKETS,
			      protocol + i * tables->fields[NETLINK_TABLE].size);
		for (int j = 0; !result && table && j < RESIZE_LIMIT; j++) {
			result = walk_netlink_table(tables, table);
			table = value(tables, BUCKETS_FUTURE, table);
		}
	}
	return result;
}

static uint64_t tcp_table(const struct tables *tables, uint64_t net)
{
	if (tables->fields[NET_TCP].size)
		return value(tables, NET_TCP, net);
	return value(tables, TCP_TABLE, value(tables, NET_TCP_POINTER, net));
}

static int visit_namespace(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct tables *tables = ctx;
	const struct hadal_field *fields = tables->fields;
	uint64_t net = node - fields[NET_LIST].offset;
	int result;

	if (hadal_space_read_exact(tables->space, node, links, sizeof(*links)))
		return -EFAULT;
	result = walk_tcp(tables, tcp_table(tables, net));
	if (!result)
		result = walk_udp(tables, value(tables, NET_UDP, net));
	if (!result)
		result = walk_array(tables, AF_UNIX, value(tables, NET_UNIX, net), UNIX_BUCKETS);
	if (!result && fields[NET_PACKET].size)
		result = walk_array(tables, AF_PACKET, net + fields[NET_PACKET].offset, 1);
	return result;
}

static int walk_all(struct tables *tables, struct hadal_error *error)
{
	int result = 0;

	if (!tables->fields[NET_UDP].size)
		result = walk_udp(tables, tables->symbols[UDP]);
	if (!result)
		result = walk_udp(tables, tables->symbols[UDPLITE]);
	if (!result)
		result = walk_raw(tables, tables->symbols[RAW]);
	if (!result)
		result = walk_raw(tables, tables->symbols[RAW6]);
	if (!result && !tables->fields[NET_UNIX].size)
		result = walk_array(tables, AF_UNIX, tables->symbols[UNIX], UNIX_BUCKETS);
	if (!result)
		result = walk_netlink(tables);
	if (!result)
		result = hadal_list_walk(tables->space, tables->symbols[NAMESPACES],
					 NAMESPACE_LIMIT, visit_namespace, tables, tables->lost);
	if (result < 0)
		return hadal_fail(error, -result, "Cannot read the list of network namespaces: %s",
				  strerror(-result));
	return result;
}

/* Not all kernels have all kinds of sockets, but all have the list of namespaces. */
static int find_symbols(struct tables *tables, struct hadal_kernel *kernel,
			struct hadal_error *error)
{
	struct hadal_lookup lookups[SYMBOLS];
	enum symbol symbols[SYMBOLS];
	size_t count = 0;

	for (int i = 0; i < SYMBOLS; i++) {
		if ((i == UDP && tables->fields[NET_UDP].size) ||
		    (i == UNIX && tables->fields[NET_UNIX].size))
			continue;
		symbols[count] = i;
		lookups[count++] = (struct hadal_lookup){.name = symbol_names[i]};
	}
	hadal_kernel_lookup(kernel, lookups, count, NULL);
	for (size_t i = 0; i < count; i++)
		tables->symbols[symbols[i]] = lookups[i].address;
	if (!tables->symbols[NAMESPACES])
		return hadal_fail(error, ENOENT, "This kernel has no symbol %s",
				  symbol_names[NAMESPACES]);
	return 0;
}

int hadal_socket_tables_walk(struct hadal_kernel *kernel, hadal_socket_visit visit, void *ctx,
			     size_t *lost, struct hadal_error *error)
{
	struct tables tables = {
		.space = hadal_kernel_space(kernel),
		.visit = visit,
		.ctx = ctx,
		.lost = lost,
	};
	int result = hadal_kernel_fields(kernel, requests, FIELDS, tables.fields, error);

	if (!result)
		result = find_symbols(&tables, kernel, error);
	if (result)
		return result;
	result = walk_all(&tables, error);
	hadal_address_map_free(&tables.walked);
	return result;
}

bool hadal_socket_has_table(const struct hadal_socket *socket)
{
	switch (socket->family) {
	case AF_INET:
	case AF_INET6:
		if (socket->type == SOCK_RAW)
			return true;
		if (socket->protocol == IPPROTO_TCP)
			return socket->state != TCP_CLOSE;
		return (socket->protocol == IPPROTO_UDP || socket->protocol == IPPROTO_UDPLITE) &&
		       socket->local_port;
	case AF_NETLINK:
		return socket->port_id;
	case AF_UNIX:
	case AF_PACKET:
		return true;
	default:
		return false;
	}
}
