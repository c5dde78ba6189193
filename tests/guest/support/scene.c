// SPDX-License-Identifier: MIT
/* Makes the scene of test_fuzz_events. */
#include "support/scene.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

static const char *const names[] = {
	"do_syscall_64",
	"entry_SYSCALL_64",
	"vfs_read",
	"vfs_write",
	"handle_mm_fault",
	"copy_process",
	"do_exit",
	"try_to_wake_up",
	"__x64_sys_getppid",
	"kmem_cache_alloc",
	"asm_exc_page_fault",
	"exc_page_fault",
	"hrtimer_interrupt",
	"schedule",
	"finish_task_switch.isra.0",
	"__switch_to",
	"do_int3",
	"exc_int3",
	"signal_wake_up_state",
	"unmap_page_range",
	"sched_clock",
	"asm_exc_int3",
	"flush_tlb_mm_range",
	"load_new_mm_cr3",
};

static void *share(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

static bool is_named(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void find_functions(struct scene *scene)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], name[256], type;
	unsigned long long address;

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %c %255s", &address, &type, name) == 3 && is_named(name) &&
		    scene->function_count < SCENE_FUNCTIONS)
			scene->functions[scene->function_count++] = address;
	fclose(file);
	CHECK(scene->function_count > 8);
}

static void find_ram(struct scene *scene)
{
	FILE *file = fopen("/proc/iomem", "r");
	unsigned long long start, end;
	char line[256];

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "System RAM") && sscanf(line, "%llx-%llx", &start, &end) == 2)
			scene->ram_end = end + 1;
	fclose(file);
	CHECK(scene->ram_end);
}

void scene_open(struct scene *scene)
{
	unsigned int pages = SCENE_CPUS * SCENE_PATTERNS;

	*scene = (struct scene){.shared = share(sizeof(*scene->shared))};
	scene->cpus = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? SCENE_CPUS : 1;
	victim_open(&scene->victim);
	scene->patterns = share(pages * PAGE);
	for (unsigned int i = 0; i < pages; i++)
		scene->pattern_physical[i] = physical_of(scene->patterns + i * PAGE);
	find_ram(scene);
	find_functions(scene);
}
