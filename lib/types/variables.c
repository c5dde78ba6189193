// SPDX-License-Identifier: MIT
/* Which type a symbol of data has. */
#include "types/variables.h"

#include <bpf/btf.h>
#include <string.h>

/* Those that analyses begin at. */
static const struct {
	const char *symbol, *type;
	bool pointer;
} variables[] = {
	{"init_task", "task_struct", false},
	{"init_mm", "mm_struct", false},
	{"init_cred", "cred", false},
	{"init_net", "net", false},
	{"init_nsproxy", "nsproxy", false},
	{"init_pid_ns", "pid_namespace", false},
	{"init_user_ns", "user_namespace", false},
	{"init_uts_ns", "uts_namespace", false},
	{"init_files", "files_struct", false},
	{"init_fs", "fs_struct", false},
	{"modules", "list_head", false},
	{"net_namespace_list", "list_head", false},
	{"super_blocks", "list_head", false},
	{"slab_caches", "list_head", false},
	{"vmap_area_list", "list_head", false},
	{"tty_drivers", "list_head", false},
	{"bdi_list", "list_head", false},
	{"module_kset", "kset", true},
	{"file_systems", "file_system_type", true},
	{"prb", "printk_ringbuffer", true},
	{"printk_rb_static", "printk_ringbuffer", false},
	{"iomem_resource", "resource", false},
	{"ioport_resource", "resource", false},
	{"keyboard_notifier_list", "atomic_notifier_head", false},
	{"tcp_hashinfo", "inet_hashinfo", false},
	{"udp_table", "udp_table", false},
	{"boot_cpu_data", "cpuinfo_x86", false},
	{"map_idr", "idr", false},
	{"prog_idr", "idr", false},
	{"mount_hashtable", "hlist_head", true},
	{"ftrace_ops_list", "ftrace_ops", true},
};

uint32_t hadal_types_variable(const struct hadal_types *types, const char *symbol, bool *pointer)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		int32_t id;

		if (strcmp(variables[i].symbol, symbol))
			continue;
		*pointer = variables[i].pointer;
		id = btf__find_by_name_kind(hadal_types_btf(types), variables[i].type,
					    BTF_KIND_STRUCT);
		return id > 0 ? id : 0;
	}
	return 0;
}
