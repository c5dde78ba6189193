// SPDX-License-Identifier: MIT
/* hadal status */
#include "cli.h"
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <hadal/boot.h>

struct options {
	struct cli_where where;
};

static uint64_t ram_bytes(const struct hadal_ram *ram)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < ram->count; i++)
		bytes += ram->range[i].end - ram->range[i].start;
	return bytes;
}

/* What there is to say while it runs. */
struct row {
	bool running, locked, there_first;
	bool stepped_aside;
	struct hadal_info info;
	struct hadal_first first;
	struct hadal_ram ram;
	struct hadal_state state;
	char version[sizeof(((struct hadal_info *)0)->version) + 1];
	const char *vendor;
};

static void digest_text(const struct hadal_first *first, char text[2 * HADAL_SHA256_BYTES + 1])
{
	for (unsigned int i = 0; i < HADAL_SHA256_BYTES; i++)
		sprintf(text + 2 * i, "%02x", first->image_sha256[i]);
}

static void print_first(const struct hadal_first *first)
{
	char digest[2 * HADAL_SHA256_BYTES + 1];

	digest_text(first, digest);
	puts("  there first   the firmware started it, before this system");
	printf("  SHA-256       %s\n", digest);
	switch (first->measured) {
	case HADAL_MEASURED_EXTENDED:
		printf("  measured      into register %u of the TPM\n", first->measured_register);
		break;
	case HADAL_MEASURED_REFUSED:
		printf("  measured      no: the TPM refused (status %#" PRIx64
		       " of the firmware's)\n",
		       first->measured_status);
		break;
	case HADAL_MEASURED_NO_TPM:
		puts("  measured      no: the firmware offers no TPM");
		break;
	default:
		puts("  measured      in a way that this program does not know");
	}
}

static bool make_digest(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	if (!row->there_first || size < 2 * HADAL_SHA256_BYTES + 1)
		return false;
	digest_text(&row->first, text);
	return true;
}

static bool make_measured(const void *record, void *ctx, char *text, size_t size)
{
	static const char *const names[] = {[HADAL_MEASURED_NO_TPM] = "no_tpm",
					    [HADAL_MEASURED_REFUSED] = "refused",
					    [HADAL_MEASURED_EXTENDED] = "extended"};
	const struct row *row = record;
	uint32_t measured = row->first.measured;

	(void)ctx;
	if (!row->there_first || measured >= sizeof(names) / sizeof(names[0]) || !names[measured])
		return false;
	snprintf(text, size, "%s", names[measured]);
	return true;
}

static struct json_object *json_register(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	if (!row->there_first || row->first.measured != HADAL_MEASURED_EXTENDED)
		return NULL;
	return json_object_new_int64(row->first.measured_register);
}

static void print_text(const void *record, void *ctx)
{
	const struct row *row = record;
	const struct hadal_info *info = &row->info;

	(void)ctx;
	printf("Hadal %s is running (%s, ABI %u)\n", row->version, row->vendor, info->abi_version);
	printf("  CPUs          %u under Hadal, %u possible\n", info->cpu_running, info->cpu_count);
	printf("  image         %" PRIu64 " KiB\n", info->image_bytes >> 10);
	printf("  memory        %" PRIu64 " KiB, of it %" PRIu64 " free, %" PRIu64 " per CPU\n",
	       info->pool_pages * 4, info->pool_free * 4, info->bytes_per_cpu >> 10);
	printf("  pages mapped  %" PRIu64 "\n", info->mapped_pages);
	printf("  RAM           %" PRIu64 " MiB in %u ranges, addresses of %u bits\n",
	       ram_bytes(&row->ram) >> 20, row->ram.count, info->physical_bits);
	if (row->there_first)
		print_first(&row->first);
	if (row->there_first && !row->locked)
		puts("  stop          allowed by the options of hadal.efi");
	if (row->locked)
		puts("  locked        it runs until the machine is reset");
	if (row->state.trial_seconds)
		printf("  on trial      leaves in %u seconds unless you run: sudo hadal keep\n",
		       row->state.trial_seconds);
}

static struct json_object *json_ram(const void *record, void *ctx)
{
	const struct hadal_ram *ram = &((const struct row *)record)->ram;
	struct json_object *ranges = json_object_new_array();

	(void)ctx;
	for (unsigned int i = 0; i < ram->count; i++) {
		struct json_object *range = json_object_new_object();

		cli_json_hex(range, "start", ram->range[i].start);
		cli_json_hex(range, "end", ram->range[i].end);
		json_object_array_add(ranges, range);
	}
	return ranges;
}

#define AT(member)   offsetof(struct row, member), NULL, NULL
#define INFO(member) AT(info.member)

static const struct cli_column columns[] = {
	{"running", NULL, 3, CLI_COLUMN_BOOL, AT(running), "true"},
	{"version", NULL, 8, CLI_COLUMN_TEXT, AT(version), "of the image that runs"},
	{"locked", NULL, 3, CLI_COLUMN_BOOL, AT(locked), "it runs until the machine is reset"},
	{"there_first", NULL, 3, CLI_COLUMN_BOOL, AT(there_first),
	 "the firmware started it, before this system"},
	{"image_sha256", NULL, 64, CLI_COLUMN_MADE, 0, make_digest, NULL,
	 "of the image, before the firmware started it; null when a system did"},
	{"measured", NULL, 8, CLI_COLUMN_MADE, 0, make_measured, NULL,
	 "what became of that hash by the firmware's TPM: `extended`, `refused`, `no_tpm`; null "
	 "when a system started it"},
	{"measured_register", NULL, 3, CLI_COLUMN_JSON, 0, NULL, json_register,
	 "the TPM's register that was extended by it; null when none was"},
	{"trial_seconds", NULL, 5, CLI_COLUMN_U32, AT(state.trial_seconds),
	 "until it leaves by itself; 0: it stays"},
	{"abi_version", NULL, 3, CLI_COLUMN_U32, INFO(abi_version), "of the hypercalls"},
	{"vendor", NULL, 10, CLI_COLUMN_STRING, AT(vendor), "`Intel VT-x` or `AMD SVM`"},
	{"cpu_count", NULL, 5, CLI_COLUMN_U32, INFO(cpu_count), "CPUs that there may be"},
	{"cpu_running", NULL, 5, CLI_COLUMN_U32, INFO(cpu_running), "CPUs that Hadal is under"},
	{"image_bytes", NULL, 10, CLI_COLUMN_U64, INFO(image_bytes), "size of the image"},
	{"pool_pages", NULL, 10, CLI_COLUMN_U64, INFO(pool_pages),
	 "pages of 4 KiB that it has for its tables"},
	{"pool_free", NULL, 10, CLI_COLUMN_U64, INFO(pool_free), "of these, not used"},
	{"bytes_per_cpu", NULL, 10, CLI_COLUMN_U64, INFO(bytes_per_cpu), "that each CPU takes"},
	{"mapped_pages", NULL, 8, CLI_COLUMN_U64, INFO(mapped_pages),
	 "pages of programs that show other memory"},
	{"physical_bits", NULL, 3, CLI_COLUMN_U32, INFO(physical_bits), "of a physical address"},
	{"ram", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_ram,
	 "array of objects: `start`, and `end` behind the last byte"},
	{0},
};

static const struct cli_column columns_off[] = {
	{"running", NULL, 3, CLI_COLUMN_BOOL, AT(running), "false"},
	{"stepped_aside", NULL, 3, CLI_COLUMN_BOOL, AT(stepped_aside),
	 "hadal.efi has not started it, for too many boots were not reported back"},
	{0}};

static const struct cli_record_kind kind_off = {
	.name = "answer", .columns = columns_off, .when = "When it does not run,"};

static const struct cli_record_kind kind = {
	.name = "hypervisor", .columns = columns, .print = print_text, .also = &kind_off};

static int ask(struct row *row, struct hadal_error *error)
{
	struct hadal *hadal;
	int result = hadal_open(&hadal, error);

	if (result)
		return result;
	result = hadal_info(hadal, &row->info, error);
	if (!result)
		result = hadal_state(hadal, &row->state, error);
	if (!result)
		result = hadal_ram(hadal, &row->ram, error);
	row->there_first = row->info.boot_flags & HADAL_BOOT_FIRST;
	if (!result && row->there_first)
		result = hadal_first(hadal, &row->first, error);
	hadal_close(hadal);
	return result;
}

/* The variable that hadal.efi counts its starts in, behind the four bytes of its attributes. */
#define ATTEMPTS "/sys/firmware/efi/efivars/HadalAttempts-f0beb471-5ed2-4d5d-b6f4-3c2f1b1d7c5a"

static bool has_stepped_aside(void)
{
	FILE *file = fopen(ATTEMPTS, "re");
	uint8_t value[5];
	bool whole;

	if (!file)
		return false;
	whole = fread(value, 1, sizeof(value), file) == sizeof(value);
	fclose(file);
	return whole && value[4] >= HADAL_EFI_ATTEMPTS_MAX;
}

static int run(void *data)
{
	const struct options *options = data;
	struct hadal_error error;
	static struct row row;
	int result = ask(&row, &error);

	if (result == -ENODEV || result == -ENOENT)
		row.stepped_aside = has_stepped_aside();
	if (row.stepped_aside && !options->where.json)
		fprintf(stderr,
			"hadal.efi has stepped aside: after %u starts no system had reported back. "
			"To "
			"try again, delete " ATTEMPTS "\n",
			HADAL_EFI_ATTEMPTS_MAX);
	if (options->where.json && (result == -ENODEV || result == -ENOENT)) {
		cli_print_one(&kind_off, &options->where, &row, NULL);
		return CLI_FAILURE;
	}
	if (result)
		return cli_fail(&error);
	row.running = true;
	row.locked = row.state.locked;
	row.vendor = hadal_vendor_name(row.info.vendor);
	memcpy(row.version, row.info.version, sizeof(row.info.version));
	cli_print_one(&kind, &options->where, &row, NULL);
	return CLI_OK;
}

const struct cli_command command_status = {
	.name = "status",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "say whether Hadal runs and what it uses",
	.about = "Say whether Hadal runs, under which CPUs, and what memory it uses.",
	.more = "The exit status is 0 when it runs, 1 when not.",
	.records = &kind,
	.takes = CLI_TAKES_JSON,
	CLI_OPTIONS_AT(where),
	.run = run,
};
