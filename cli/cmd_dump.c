// SPDX-License-Identifier: MIT
/* hadal dump */
#include "dump/sink.h"
#include "dump_source.h"
#include "progress.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (1u << 20)

struct options {
	const char *path;
	struct cli_where where;
	int format; /* enum dump_format */
	bool compress;
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
	stop_signal = number;
}

static void catch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = on_signal}, before;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int copy(struct hadal_view *view, struct hadal_sink *sink, struct progress *progress,
		struct hadal_error *error)
{
	uint64_t size = hadal_view_size(view), offset = 0;
	void *buffer = malloc(PIECE_BYTES);
	int result = buffer ? 0 : hadal_fail(error, ENOMEM, "Out of memory");

	while (!result && offset < size) {
		uint64_t len = PIECE_BYTES;
		const void *bytes = hadal_view_next(view, offset, buffer, &len);

		if (bytes)
			result = hadal_sink_write(sink, bytes, len, error);
		else
			result = hadal_sink_skip(sink, len, error);
		offset += len;
		if (stop_signal)
			result = hadal_fail(error, EINTR, "Interrupted; nothing was kept");
		progress_update(progress, offset);
	}
	free(buffer);
	return result;
}

/* Returns an exit code. */
static int report(const struct options *options, struct hadal_view *view, double seconds)
{
	uint64_t size = hadal_view_size(view), lost = hadal_view_unreadable(view);
	char size_text[16], rate_text[16];

	if (lost)
		fprintf(stderr,
			"hadal: %" PRIu64
			" KiB of RAM could not be read and are zeros in the dump\n",
			lost / 1024);
	if (strcmp(options->path, "-"))
		printf("%s: %s in %.1f s (%s/s)\n", options->path, format_bytes(size_text, size),
		       seconds, format_bytes(rate_text, size / (seconds > 0 ? seconds : 1e-9)));
	return lost ? CLI_FAILURE : CLI_OK;
}

static int dump(const struct options *options, struct hadal_view *view)
{
	struct hadal_sink *sink;
	struct hadal_error error;
	struct progress progress;
	double seconds;
	int result;

	catch_signals();
	if (hadal_sink_open(options->path, options->compress, hadal_view_size(view), &sink, &error))
		return cli_fail(&error);
	progress_begin(&progress, hadal_view_size(view));
	result = copy(view, sink, &progress, &error);
	if (!result)
		result = hadal_sink_commit(sink, &error);
	else
		hadal_sink_abandon(sink);
	seconds = progress_end(&progress);
	if (result)
		return cli_fail(&error);
	return report(options, view, seconds);
}

static int run(void *data)
{
	struct options *options = data;
	struct dump_source source;
	struct hadal_view *view;
	int result = CLI_FAILURE;

	if (!dump_source_open(&source, options->where.image))
		return CLI_FAILURE;
	view = dump_source_view(&source, options->format);
	if (view)
		result = dump(options, view);
	hadal_view_free(view);
	dump_source_close(&source);
	if (stop_signal) { /* the caller sees what ended this */
		signal(stop_signal, SIG_DFL);
		raise(stop_signal);
	}
	return result;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_WORD(0, "format", "FORMAT",
			"elf (default), a core with VMCOREINFO for crash, drgn and gdb; lime, for "
			"volatility3; or raw, where the offset is the physical address",
			format, DUMP_FORMAT_WORDS),
	CLI_OPTION_FLAG(0, "zstd", "Compress with zstd", compress),
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("FILE", CLI_TEXT, path), {0}};

const struct cli_command command_dump = {
	.name = "dump",
	.group = CLI_GROUP_EVIDENCE,
	.summary = "write physical memory to a file",
	.about = "Write physical memory to FILE, or to standard output for '-'.",
	.more = "Only RAM is read; the hypervisor's own pages are zeros. Pages of zeros "
		"become holes in a regular file. FILE appears only when it is whole. The "
		"system runs on meanwhile, so that what changes during the dump may not fit "
		"together.",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_IMAGE,
	CLI_OPTIONS_AT(where),
	.run = run,
};
