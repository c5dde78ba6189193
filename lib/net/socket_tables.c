// SPDX-License-Identifier: MIT
/* All sockets that the kernel's tables have, of every family and namespace. */
#include "net/socket_tables.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "walk/address_map.h"
#include "walk/chain.h"
#include "walk/plan.h"

/* More namespaces than a machine has. */
#define NAMESPACE_LIMIT (1u << 18)
/* UNIX_HASH_SIZE of include/net/af_unix.h, by its name of 6.0 and later; of 5.10 twice it. */
#define UNIX_BUCKETS 512u
/* MAX_LINKS of include/uapi/linux/netlink.h: how many protocols nl_table is for. */
#define NETLINK_PROTOCOLS 32u
/* A table that is being replaced by a larger one, and that by another before it is done. */
#define RESIZE_LIMIT 4

enum need {
	NAMESPACES,
	UDP,
	UDPLITE,
	RAW,
	RAW6,
	UNIX,
	NETLINK,
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
	NEEDS
};

/* Not all kernels have all kinds of sockets, but all have the list of namespaces. */
static const struct hadal_need needs[NEEDS] = {
	[NAMESPACES] = {HADAL_SYMBOL("net_namespace_list")},
	[UDP] = {HADAL_SYMBOL("udp_table"), HADAL_WITHOUT(NET_UDP)},
	[UDPLITE] = {HADAL_SYMBOL("udplite_table"), HADAL_OPTIONAL},
	[RAW] = {HADAL_SYMBOL("raw_v4_hashinfo"), HADAL_OPTIONAL},
	[RAW6] = {HADAL_SYMBOL("raw_v6_hashinfo"), HADAL_OPTIONAL},
	[UNIX] = {HADAL_SYMBOL("unix_socket_table"), HADAL_WITHOUT(NET_UNIX), HADAL_OPTIONAL},
	[NETLINK] = {HADAL_SYMBOL("nl_table"), HADAL_OPTIONAL},
	[SOCK_NODE] = {HADAL_MEMBER("sock", "__sk_common.skc_node")},
	[NET_LIST] = {HADAL_MEMBER("net", "list")},
	[NET_TCP] = {HADAL_MEMBER("net", "ipv4.tcp_death_row.hashinfo"), HADAL_OPTIONAL},
	[NET_TCP_POINTER] = {HADAL_MEMBER("net", "ipv4.tcp_death_row"), HADAL_WITHOUT(NET_TCP)},
	[TCP_TABLE] = {HADAL_MEMBER("inet_timewait_death_row", "hashinfo"), HADAL_WITHOUT(NET_TCP)},
	[NET_UDP] = {HADAL_MEMBER("net", "ipv4.udp_table"), HADAL_OPTIONAL},
	[NET_UNIX] = {HADAL_MEMBER("net", "unx.table.buckets"), HADAL_OPTIONAL},
	[NET_PACKET] = {HADAL_MEMBER("net", "packet.sklist"), HADAL_OPTIONAL},
	[TCP_BUCKETS] = {HADAL_MEMBER("inet_hashinfo", "ehash")},
	[TCP_MASK] = {HADAL_MEMBER("inet_hashinfo", "ehash_mask")},
	[TCP_BUCKET] = {HADAL_MEMBER("inet_ehash_bucket", ".")},
	[TCP_CHAIN] = {HADAL_MEMBER("inet_ehash_bucket", "chain")},
	[LISTENING] = {HADAL_MEMBER("inet_hashinfo", "listening_hash"), HADAL_OPTIONAL},
	[LISTENING_BUCKETS] = {HADAL_MEMBER("inet_hashinfo", "lhash2"), HADAL_WITHOUT(LISTENING)},
	[LISTENING_MASK] = {HADAL_MEMBER("inet_hashinfo", "lhash2_mask"), HADAL_WITHOUT(LISTENING)},
	[LISTENING_BUCKET] = {HADAL_MEMBER("inet_listen_hashbucket", ".")},
	[LISTENING_CHAIN] = {HADAL_MEMBER("inet_listen_hashbucket", "nulls_head")},
	[UDP_BUCKETS] = {HADAL_MEMBER("udp_table", "hash")},
	[UDP_MASK] = {HADAL_MEMBER("udp_table", "mask")},
	[UDP_BUCKET] = {HADAL_MEMBER("udp_hslot", ".")},
	[UDP_CHAIN] = {HADAL_MEMBER("udp_hslot", "head")},
	[RAW_BUCKETS] = {HADAL_MEMBER("raw_hashinfo", "ht"), HADAL_OPTIONAL},
	[NETLINK_TABLE] = {HADAL_MEMBER("netlink_table", "."), HADAL_OPTIONAL},
	[NETLINK_BUCKETS] = {HADAL_MEMBER("netlink_table", "hash.tbl"), HADAL_OPTIONAL},
	[NETLINK_NODE] = {HADAL_MEMBER("netlink_sock", "node"), HADAL_OPTIONAL},
	[BUCKETS_COUNT] = {HADAL_MEMBER("bucket_table", "size"), HADAL_OPTIONAL},
	[BUCKETS_NESTED] = {HADAL_MEMBER("bucket_table", "nest"), HADAL_OPTIONAL},
	/* They are behind the structure. */
	[BUCKETS_FIRST] = {HADAL_MEMBER("bucket_table", "."), HADAL_OPTIONAL},
	[BUCKETS_FUTURE] = {HADAL_MEMBER("bucket_table", "future_tbl"), HADAL_OPTIONAL},
};

struct tables {
	struct hadal_plan plan;
	struct hadal_address_map walked; /* tables that several namespaces may share */
	hadal_socket_visit visit;
	void *ctx;
	size_t *lost;
	/* Of the table at hand. */
	uint16_t family;
	uint32_t node_offset; /* in its sockets */
};

static int visit_node(void *ctx, uint64_t node)
{
	const struct tables *tables = ctx;

	return tables->visit(tables->ctx, tables->family, node - tables->node_offset);
}

static int walk_table(struct tables *tables, uint16_t family, enum need node,
		      const struct hadal_hash_table *table)
{
	tables->family = family;
	tables->node_offset = hadal_plan_offset(&tables->plan, node);
	return hadal_hash_table_walk(tables->plan.space, table, visit_node, tables, tables->lost);
}

/* Is this a table that is there and was not walked yet? */
static bool is_new(struct tables *tables, uint64_t table)
{
	return table && hadal_address_map_add(&tables->walked, table, 0) == 1;
}

static int walk_tcp(struct tables *tables, uint64_t info)
{
	const struct hadal_plan *plan = &tables->plan;
	struct hadal_hash_table connected = {
		.buckets = hadal_plan_read(&tables->plan, TCP_BUCKETS, info),
		.count = hadal_plan_read(&tables->plan, TCP_MASK, info) + 1,
		.bucket_size = hadal_plan_size(plan, TCP_BUCKET),
		.head_offset = hadal_plan_offset(plan, TCP_CHAIN),
	};
	struct hadal_hash_table listening = {
		.buckets = info + hadal_plan_offset(plan, LISTENING),
		.count = plan->fields[LISTENING].count,
		.bucket_size = hadal_plan_size(plan, LISTENING_BUCKET),
		.head_offset = hadal_plan_offset(plan, LISTENING_CHAIN),
	};
	int result;

	if (!is_new(tables, info))
		return 0;
	if (!hadal_plan_has(plan, LISTENING)) {
		listening.buckets = hadal_plan_read(&tables->plan, LISTENING_BUCKETS, info);
		listening.count = hadal_plan_read(&tables->plan, LISTENING_MASK, info) + 1;
	}
	result = walk_table(tables, AF_INET, SOCK_NODE, &listening);
	return result ? result : walk_table(tables, AF_INET, SOCK_NODE, &connected);
}

static int walk_udp(struct tables *tables, uint64_t table)
{
	struct hadal_hash_table hash = {
		.buckets = hadal_plan_read(&tables->plan, UDP_BUCKETS, table),
		.count = hadal_plan_read(&tables->plan, UDP_MASK, table) + 1,
		.bucket_size = hadal_plan_size(&tables->plan, UDP_BUCKET),
		.head_offset = hadal_plan_offset(&tables->plan, UDP_CHAIN),
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
	const struct hadal_field *buckets = &tables->plan.fields[RAW_BUCKETS];

	if (!info || !buckets->size)
		return 0;
	return walk_array(tables, AF_INET, info + buckets->offset, buckets->count);
}

/* A table that has grown huge is a tree, which this does not follow. */
static int walk_netlink_table(struct tables *tables, uint64_t table)
{
	struct hadal_hash_table hash = {
		.buckets = table + hadal_plan_size(&tables->plan, BUCKETS_FIRST),
		.count = hadal_plan_read(&tables->plan, BUCKETS_COUNT, table),
		.bucket_size = sizeof(uint64_t),
		.bit_locks_chain = true,
	};

	if (hadal_plan_read(&tables->plan, BUCKETS_NESTED, table)) {
		(*tables->lost)++;
		return 0;
	}
	return walk_table(tables, AF_NETLINK, NETLINK_NODE, &hash);
}

static int walk_netlink(struct tables *tables)
{
	uint64_t protocol, table;
	int result = 0;

	if (!tables->plan.symbols[NETLINK] || !hadal_plan_has(&tables->plan, NETLINK_NODE))
		return 0;
	if (hadal_space_read_u64(tables->plan.space, tables->plan.symbols[NETLINK], &protocol)) {
		(*tables->lost)++;
		return 0;
	}
	for (unsigned int i = 0; !result && i < NETLINK_PROTOCOLS; i++) {
		table = hadal_plan_read(&tables->plan, NETLINK_BUCKETS,
					protocol +
						i * hadal_plan_size(&tables->plan, NETLINK_TABLE));
		for (int j = 0; !result && table && j < RESIZE_LIMIT; j++) {
			result = walk_netlink_table(tables, table);
			table = hadal_plan_read(&tables->plan, BUCKETS_FUTURE, table);
		}
		*tables->lost += !result && table;
	}
	return result;
}

static uint64_t tcp_table(const struct tables *tables, uint64_t net)
{
	if (hadal_plan_has(&tables->plan, NET_TCP))
		return hadal_plan_read(&tables->plan, NET_TCP, net);
	return hadal_plan_read(&tables->plan, TCP_TABLE,
			       hadal_plan_read(&tables->plan, NET_TCP_POINTER, net));
}

static int visit_namespace(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct tables *tables = ctx;
	const struct hadal_plan *plan = &tables->plan;
	uint64_t net = node - hadal_plan_offset(plan, NET_LIST);
	int result;

	if (hadal_space_read_exact(tables->plan.space, node, links, sizeof(*links)))
		return -EFAULT;
	result = walk_tcp(tables, tcp_table(tables, net));
	if (!result)
		result = walk_udp(tables, hadal_plan_read(&tables->plan, NET_UDP, net));
	if (!result)
		result = walk_array(tables, AF_UNIX, hadal_plan_read(&tables->plan, NET_UNIX, net),
				    UNIX_BUCKETS);
	if (!result && hadal_plan_has(plan, NET_PACKET))
		result =
			walk_array(tables, AF_PACKET, net + hadal_plan_offset(plan, NET_PACKET), 1);
	return result;
}

static int walk_all(struct tables *tables, struct hadal_error *error)
{
	int result = 0;

	if (!hadal_plan_has(&tables->plan, NET_UDP))
		result = walk_udp(tables, tables->plan.symbols[UDP]);
	if (!result)
		result = walk_udp(tables, tables->plan.symbols[UDPLITE]);
	if (!result)
		result = walk_raw(tables, tables->plan.symbols[RAW]);
	if (!result)
		result = walk_raw(tables, tables->plan.symbols[RAW6]);
	if (!result && !hadal_plan_has(&tables->plan, NET_UNIX))
		result = walk_array(tables, AF_UNIX, tables->plan.symbols[UNIX], UNIX_BUCKETS);
	if (!result)
		result = walk_netlink(tables);
	if (!result)
		result = hadal_list_walk(tables->plan.space, tables->plan.symbols[NAMESPACES],
					 NAMESPACE_LIMIT, visit_namespace, tables, tables->lost);
	if (result < 0)
		return hadal_fail(error, -result, "Cannot read the list of network namespaces: %s",
				  strerror(-result));
	return result;
}

int hadal_socket_tables_walk(struct hadal_kernel *kernel, hadal_socket_visit visit, void *ctx,
			     size_t *lost, struct hadal_error *error)
{
	struct tables tables = {
		.visit = visit,
		.ctx = ctx,
		.lost = lost,
	};
	int result = hadal_plan_open(&tables.plan, kernel, needs, NEEDS, error);

	if (!result)
		result = walk_all(&tables, error);
	hadal_address_map_free(&tables.walked);
	hadal_plan_close(&tables.plan);
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
