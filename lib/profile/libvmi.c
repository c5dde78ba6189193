// SPDX-License-Identifier: MIT
/* What LibVMI needs to know of a kernel: System.map and libvmi.conf. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "profile/profile.h"
#include "profile/symbols.h"
#include "walk/plan.h"

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

enum need { NAME, TASKS, MM, PID, PGD, MEMBERS, INIT_TASK = MEMBERS, NEEDS };

static const struct hadal_need needs[NEEDS] = {
	[NAME] = {HADAL_MEMBER("task_struct", "comm")},
	[TASKS] = {HADAL_MEMBER("task_struct", "tasks")},
	[MM] = {HADAL_MEMBER("task_struct", "mm")},
	[PID] = {HADAL_MEMBER("task_struct", "pid")},
	[PGD] = {HADAL_MEMBER("mm_struct", "pgd")},
	[INIT_TASK] = {HADAL_SYMBOL("init_task")},
};

/* LibVMI finds the mode of paging by itself where there is a processor to ask, not in a file. */
static void write_domain(const struct hadal_plan *plan, const char *domain, const char *system_map,
			 FILE *out)
{
	static const char *const keys[MEMBERS] = {
		[NAME] = "linux_name", [TASKS] = "linux_tasks", [MM] = "linux_mm",
		[PID] = "linux_pid",   [PGD] = "linux_pgd",
	};
	const struct hadal_kernel_info *info = hadal_kernel_info(plan->kernel);

	fprintf(out, "%s {\n\tostype = \"Linux\";\n\tpagemode = \"VMI_PM_IA32E\";\n", domain);
	if (system_map)
		fprintf(out, "\tsysmap = \"%s\";\n", system_map);
	fprintf(out, "\tlinux_init_task = %#" PRIx64 ";\n\tkpgd = %#" PRIx64 ";\n",
		plan->symbols[INIT_TASK], info->where.root);
	for (size_t i = 0; i < MEMBERS; i++)
		fprintf(out, "\t%s = %#" PRIx32 ";\n", keys[i], hadal_plan_offset(plan, i));
	fputs("}\n", out);
}

static void write_remarks(const struct hadal_kernel_info *info, FILE *out)
{
	fprintf(out,
		"# %s\n# linux_init_task and kpgd hold until the machine restarts. From the first "
		"LibVMI also\n# learns how far KASLR has moved the kernel: %#" PRIx64
		". Without both it searches.\n",
		info->banner, (uint64_t)info->slide);
}

int hadal_profile_libvmi(struct hadal_kernel *kernel, const char *domain, const char *system_map,
			 FILE *out, struct hadal_error *error)
{
	struct hadal_plan plan;
	int result = hadal_plan_open(&plan, kernel, needs, NEEDS, error);

	if (!result) {
		write_remarks(hadal_kernel_info(kernel), out);
		write_domain(&plan, domain ? domain : HADAL_LIBVMI_DOMAIN, system_map, out);
		if (!domain)
			write_domain(&plan, HADAL_LIBVMI_FILE, system_map, out);
	}
	hadal_plan_close(&plan);
	return result;
}
