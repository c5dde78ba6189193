// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "profile/profile.h"
#include "profile/symbols.h"

static bool plain(const char *text, const char *others)
{
	for (; *text; text++)
		if (!(*text >= '0' && *text <= '9') && !(*text >= 'a' && *text <= 'z') &&
		    !(*text >= 'A' && *text <= 'Z') && !strchr(others, *text))
			return false;
	return true;
}

bool hadal_libvmi_domain_fits(const char *domain)
{
	return strlen(domain) >= 2 && plain(domain, "._-");
}

bool hadal_libvmi_path_fits(const char *path)
{
	return plain(path, "/._@-");
}

int hadal_profile_system_map(struct hadal_kernel *kernel, FILE *out, struct hadal_error *error)
{
	const struct hadal_kernel_info *info = hadal_kernel_info(kernel);
	struct hadal_kallsyms *symbols = hadal_kernel_symbols(kernel, error);
	struct hadal_symbol symbol;

	if (!symbols)
		return -ENOENT;
	for (size_t i = 0; !hadal_kallsyms_get(symbols, i, &symbol); i++)
		fprintf(out, "%016" PRIx64 " %c %s\n", linked_address(info, symbol.address),
			symbol.type, symbol.name);
	return 0;
}

int hadal_profile_libvmi(struct hadal_kernel *kernel, const char *domain, const char *system_map,
			 FILE *out, struct hadal_error *error)
{
	static const struct hadal_field_request requests[] = {
		{.type = "task_struct", .paths = {"comm"}},
		{.type = "task_struct", .paths = {"tasks"}},
		{.type = "task_struct", .paths = {"mm"}},
		{.type = "task_struct", .paths = {"pid"}},
		{.type = "mm_struct", .paths = {"pgd"}},
	};
	static const char *const keys[] = {"linux_name", "linux_tasks", "linux_mm", "linux_pid",
					   "linux_pgd"};
	const size_t count = sizeof(keys) / sizeof(keys[0]);
	const struct hadal_kernel_info *info = hadal_kernel_info(kernel);
	struct hadal_lookup init_task = {.name = "init_task"};
	struct hadal_field fields[sizeof(keys) / sizeof(keys[0])];
	int result = hadal_kernel_fields(kernel, requests, count, fields, error);

	if (!result)
		result = hadal_kernel_lookup(kernel, &init_task, 1, error);
	if (result)
		return result;
	fprintf(out,
		"# %s\n# linux_init_task and kpgd hold until the machine restarts. From the first "
		"LibVMI also\n# learns how far KASLR has moved the kernel: %#" PRIx64
		". Without both it searches.\n%s {\n\tostype = \"Linux\";\n",
		info->banner, (uint64_t)info->slide, domain);
	if (system_map)
		fprintf(out, "\tsysmap = \"%s\";\n", system_map);
	fprintf(out, "\tlinux_init_task = %#" PRIx64 ";\n\tkpgd = %#" PRIx64 ";\n",
		init_task.address, info->where.root);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\t%s = %#" PRIx32 ";\n", keys[i], fields[i].offset);
	fputs("}\n", out);
	return 0;
}
