/* SPDX-License-Identifier: MIT */
/*
 * libhadal, all of it: this running system from a hypervisor below it, or an image of one.
 *
 * Begin with hadal_open_system() or hadal_open_image() (machine/machine.h), and
 * hadal_machine_kernel(). Functions return 0 or a count, or a negative errno, and then describe it
 * in *error, one sentence for a person and its kind, unless error is NULL. Those that return a
 * pointer return NULL instead. What a function makes is freed by the one next to it in its header;
 * all else that it returns belongs to what it was got from. Text from a machine may hold any bytes.
 */
#ifndef HADAL_LIB_HADAL_H
#define HADAL_LIB_HADAL_H

#include "error.h"
#include "version.h"
#include "device/hypervisor.h"
#include "device/window.h"
#include "events/events.h"
#include "memory/memory.h"
#include "memory/image.h"
#include "memory/space.h"
#include "types/btf.h"
#include "types/declare.h"
#include "types/outline.h"
#include "types/variables.h"
#include "symbols/kallsyms.h"
#include "kernel/find.h"
#include "kernel/kernel.h"
#include "kernel/layout.h"
#include "kernel/missing.h"
#include "machine/machine.h"
#include "walk/list.h"
#include "walk/object.h"
#include "walk/plan.h"
#include "process/process.h"
#include "process/arguments.h"
#include "process/namespaces.h"
#include "process/running.h"
#include "file/files.h"
#include "file/maps.h"
#include "file/mount_namespaces.h"
#include "file/mounts.h"
#include "file/path.h"
#include "net/sockets.h"
#include "system/dmesg.h"
#include "system/module.h"
#include "system/module_symbols.h"
#include "system/module_types.h"
#include "system/symbolize.h"
#include "unwind/unwind.h"
#include "show/condition.h"
#include "show/value.h"
#include "show/walk.h"
#include "search/pattern.h"
#include "search/area.h"
#include "search/scan.h"
#include "search/find.h"
#include "search/strings.h"
#include "search/owner.h"
#include "disas/disas.h"
#include "dump/view.h"
#include "dump/sink.h"
#include "profile/profile.h"

#endif
