/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What kernels from 5.10 on name differently. */
#ifndef HADAL_LOADER_COMPAT_H
#define HADAL_LOADER_COMPAT_H

#include <linux/mm.h>
#include <linux/syscore_ops.h>
#include <linux/version.h>
#include <asm/msr.h>

/* From Linux 6.3 on a VMA's flags are changed by functions. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define vm_flags_set(vma, flags)   ((vma)->vm_flags |= (flags))
#define vm_flags_clear(vma, flags) ((vma)->vm_flags &= ~(flags))
#endif

/* Before Linux 6.16 they had other names. */
#ifndef rdmsrq
#define rdmsrq_safe rdmsrl_safe
#define wrmsrq      wrmsrl
#endif

/* Before Linux 5.11 it had another name. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define may_split split
#endif

/*
 * From Linux 6.18 on system core operations are registered with data that they get; Kbuild finds
 * out, for stable kernels took it over.
 */
#ifdef SYSCORE_HAS_DATA
#define SYSCORE_ARGUMENT void *data
#else
#define SYSCORE_ARGUMENT void

struct syscore {
	struct syscore_ops *ops;
};

static inline void register_syscore(struct syscore *syscore)
{
	register_syscore_ops(syscore->ops);
}

static inline void unregister_syscore(struct syscore *syscore)
{
	unregister_syscore_ops(syscore->ops);
}
#endif

#endif
