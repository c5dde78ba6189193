// SPDX-License-Identifier: MIT
/* hadal watch */
#include "event_follow.h"
#include "event_target.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Of an address that is not a variable's. */
#define DEFAULT_BYTES 8
#define BYTES_MAX     ((uint64_t)HADAL_MAX_WATCHED_PAGES * HADAL_PAGE_SIZE)

struct options {
	const char *address;
	uint64_t length; /* 0: the variable's */
	bool read, write, execute;
	struct event_limits limits;
	struct cli_where where;
};

/* The record's address is where in the target the access was; its cookie the piece's offset there.
 */
struct row {
	struct event_row common;
	const struct event_target *target;
	uint64_t offset; /* from the target's beginning, modulo 2^64 */
};

/* What is watched, and by what it is printed. */
struct watch {
	const struct options *options;
	struct event_target target;
	struct event_printer printer;
	struct event_follow follow;
	struct event_piece pieces[HADAL_MAX_SUBSCRIPTIONS];
};

static bool has_value(const struct hadal_event *event)
{
	return !(event->flags & HADAL_RECORD_NO_VALUE) && !(event->access & HADAL_ACCESS_EXECUTE);
}

/* As much of 8 bytes as was accessed. */
static uint64_t accessed(const struct hadal_event *event, uint64_t value)
{
	return event->number && event->number < 8 ? value & ((1ull << 8 * event->number) - 1)
						  : value;
}

static bool make_address(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%#" PRIx64, row->target->address + row->offset);
	return true;
}

static bool make_physical(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%#" PRIx64, row->common.event->physical);
	return true;
}

static bool make_bytes(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%" PRIu64, row->common.event->number);
	return row->common.event->number;
}

static struct json_object *json_bytes(const void *record, void *ctx)
{
	const struct row *row = record;
	uint64_t bytes = row->common.event->number;

	(void)ctx;
	return bytes ? json_object_new_int64(bytes) : NULL;
}

static bool make_old(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_event *event = ((const struct row *)record)->common.event;

	(void)ctx;
	snprintf(text, size, "%#" PRIx64, accessed(event, event->old_value));
	return has_value(event) && event->access & HADAL_ACCESS_WRITE;
}

static bool make_new(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_event *event = ((const struct row *)record)->common.event;

	(void)ctx;
	snprintf(text, size, "%#" PRIx64, accessed(event, event->new_value));
	return has_value(event);
}

static bool make_flags(const void *record, void *ctx, char *text, size_t size)
{
	static const struct {
		uint16_t flag;
		const char *word;
	} flags[] = {
		{HADAL_RECORD_FAULTED, "faulted"},
		{HADAL_RECORD_TABLE, "page-walk"},
		{HADAL_RECORD_DELIVERY, "delivery"},
		{HADAL_RECORD_NOT_RANGE, "perhaps-beside"},
	};
	const struct row *row = record;
	size_t len = 0;

	(void)ctx;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (row->common.event->flags & flags[i].flag)
			len += snprintf(text + len, size - len, "%s%s", len ? "," : "",
					flags[i].word);
	return len;
}

/* "write 8 at jiffies: 0x1 -> 0x2" */
static bool make_what(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;
	const struct hadal_event *event = row->common.event;
	bool write = event->access & HADAL_ACCESS_WRITE;
	char old[24], new[24], flags[64];
	size_t len;

	if (event->access & HADAL_ACCESS_EXECUTE)
		len = snprintf(text, size, "execute at %s", row->target->name);
	else if (event->number)
		len = snprintf(text, size, "%s %" PRIu64 " at %s", write ? "write" : "read",
			       event->number, row->target->name);
	else
		len = snprintf(text, size, "%s at %s", write ? "write" : "read", row->target->name);
	if (row->offset && len < size)
		len += snprintf(text + len, size - len, "%+" PRId64, (int64_t)row->offset);
	if (make_new(record, ctx, new, sizeof(new)) && len < size)
		len += make_old(record, ctx, old, sizeof(old))
			       ? snprintf(text + len, size - len, ": %s -> %s", old, new)
			       : snprintf(text + len, size - len, ": %s", new);
	if (make_flags(record, ctx, flags, sizeof(flags)) && len < size)
		snprintf(text + len, size - len, " (%s)", flags);
	return true;
}

static const struct cli_column columns[] = {
	EVENT_COLUMNS_WHO,
	{"access", NULL, -3, CLI_COLUMN_MADE, 0, event_make_access, NULL, "`r`, `w` or `x`"},
	{"bytes", NULL, 5, CLI_COLUMN_JSON, 0, make_bytes, json_bytes,
	 "number: of the access, where it is known"},
	{"address", NULL, 18, CLI_COLUMN_MADE, 0, make_address, NULL,
	 "`0x...`: of its first byte, as ADDRESS counts"},
	{"physical", NULL, 18, CLI_COLUMN_MADE, 0, make_physical, NULL, "`0x...`: the same"},
	{"old", NULL, 18, CLI_COLUMN_MADE, 0, make_old, NULL,
	 "`0x...`: what was there before a write; at most 8 bytes"},
	{"new", NULL, 18, CLI_COLUMN_MADE, 0, make_new, NULL,
	 "`0x...`: what was read, or is there afterwards"},
	{"flags", NULL, -14, CLI_COLUMN_MADE, 0, make_flags, NULL,
	 "some of `faulted` (the instruction raised an exception instead), `page-walk` (the "
	 "processor's, of page tables), `delivery` (of an interrupt or exception) and "
	 "`perhaps-beside` (it may have been beside the bytes asked for)"},
	EVENT_COLUMNS_WHERE,
	{"what", "WHAT", 0, CLI_COLUMN_MADE, 0, make_what, NULL, "what it did, in words"},
	{0},
};

static const struct cli_record_kind kind = {.name = "access", .columns = columns};

static void print_access(void *ctx, const struct hadal_subscription *asked,
			 const struct hadal_event *event)
{
	struct watch *watch = ctx;
	const struct row row = {
		.common = event_row_of(&watch->printer, asked, event),
		.target = &watch->target,
		.offset = asked->cookie + event->physical - asked->first,
	};

	if (event->kind == HADAL_EVENT_NOTICE)
		event_print_notice(event);
	else
		cli_printer_print(&watch->printer.printer, &row);
}

static uint32_t wanted_access(const struct options *options)
{
	uint32_t access = (options->read ? HADAL_ACCESS_READ : 0) |
			  (options->write ? HADAL_ACCESS_WRITE : 0) |
			  (options->execute ? HADAL_ACCESS_EXECUTE : 0);

	return access ? access : HADAL_ACCESS_READ | HADAL_ACCESS_WRITE;
}

static int watch_piece(struct watch *watch, const struct event_piece *piece, uint64_t root,
		       struct hadal_error *error)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_MEMORY,
		.access = wanted_access(watch->options),
		.first = piece->first,
		.count = piece->count,
		.cookie = piece->offset,
	};
	int result;

	event_printer_want(&watch->printer, &asked);
	result = event_follow_add(&watch->follow, &asked, root, error);
	switch (result) {
	case -ENXIO:
		return hadal_fail(error, ENXIO,
				  "Cannot watch physical address %#" PRIx64
				  ": there is no RAM, and only RAM can be watched",
				  piece->first);
	case -EACCES:
		return hadal_fail(error, EACCES,
				  "Cannot watch physical address %#" PRIx64
				  ": that is the hypervisor's own memory",
				  piece->first);
	case -ENOSPC:
		return hadal_fail(error, ENOSPC,
				  "Cannot watch so much: all programs together may have %u "
				  "subscriptions and watch %u pages",
				  HADAL_MAX_SUBSCRIPTIONS, HADAL_MAX_WATCHED_PAGES);
	default:
		return result;
	}
}

static int find_target(struct watch *watch, struct cli_target *source, struct hadal_error *error)
{
	const struct options *options = watch->options;
	struct event_target *target = &watch->target;
	int result = event_target_find(source, &options->where, watch->printer.symbolizer,
				       options->address, target, error);

	if (result)
		return result;
	if (options->length)
		target->length = options->length;
	else if (!target->length)
		target->length = DEFAULT_BYTES;
	if (target->length > BYTES_MAX || target->address + target->length < target->address)
		return hadal_fail(
			error, EINVAL,
			"%s is %" PRIu64
			" bytes long, and at most %u MiB can be watched; ask for a part with "
			"--length",
			target->name, target->length, (unsigned)(BYTES_MAX >> 20));
	return 0;
}

static int watch_target(struct watch *watch, struct cli_target *source, struct hadal_error *error)
{
	/* The memory of a process is watched whoever touches it. */
	uint64_t root = source->user && watch->target.kernel ? source->space->root : 0;
	int count =
		event_target_pieces(&watch->target, watch->pieces, HADAL_MAX_SUBSCRIPTIONS, error);
	int result = count < 0 ? count : event_follow_open(&watch->follow, EVENT_RING_BYTES, error);

	for (int i = 0; result >= 0 && i < count; i++)
		result = watch_piece(watch, &watch->pieces[i], root, error);
	if (result < 0)
		return result;
	event_printer_begin(&watch->printer, &kind, &watch->options->where);
	return event_follow_run(&watch->follow, error);
}

static int find_and_watch(void *ctx, struct cli_target *source, struct hadal_error *error)
{
	struct watch *watch = ctx;
	int result = find_target(watch, source, error);

	return result ? result : watch_target(watch, source, error);
}

static int run(void *data)
{
	const struct options *options = data;
	static struct watch watch;

	watch.options = options;
	watch.follow = (struct event_follow){.limits = &options->limits,
					     .printer = &watch.printer,
					     .work = find_and_watch,
					     .print = print_access,
					     .ctx = &watch};
	return event_follow_main(&watch.follow, &options->where);
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->limits.cpu = EVENT_ANY_CPU;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('r', "read", "Watch reads (default: reads and writes)", read),
	CLI_OPTION_FLAG('w', "write", "Watch writes", write),
	CLI_OPTION_FLAG('x', "execute", "Watch fetches of instructions", execute),
	CLI_OPTION('l', "length", "LENGTH",
		   "Watch LENGTH bytes (default: all of a variable, 8 of an address)", CLI_LENGTH,
		   length, .least = 1, .most = BYTES_MAX),
	EVENT_OPTIONS,
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("ADDRESS", CLI_TEXT, address), {0}};

const struct cli_command command_watch = {
	.name = "watch",
	.group = CLI_GROUP_EVENTS,
	.summary = "print who reads, writes or executes memory",
	.about = "Print each access to memory as it happens, until Ctrl-C: who, where in the code, "
		 "and the value before and after.",
	.more = "ADDRESS is a symbol, symbol+offset, an expression as 'hadal show' takes it, or a "
		"number: in the upper half the kernel's, else physical, or the process's with "
		"--pid.\n"
		"  hadal watch -w jiffies\n"
		"  hadal watch init_task.cred->usage\n"
		"  hadal watch --pid 133 0x7ffd1c5e2f10 -l 4\n"
		"\n"
		"With --pid the kernel's memory is watched only for what that process does, and "
		"the "
		"process's own memory whoever touches it. What is watched is the physical memory "
		"that lies there at the beginning. The exit status is 1 when records were lost.",
	.options = options_table,
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.run = run,
};
