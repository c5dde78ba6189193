/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Address spaces that may ask the hypervisor themselves. */
#ifndef HADAL_LOADER_CLIENT_H
#define HADAL_LOADER_CLIENT_H

#include <linux/fs.h>
#include <linux/mm_types.h>
#include <hadal/ioctl.h>

/*
 * Mapping the device makes an address space a client, as long as the mapping lasts: this is its
 * door. A fork's child has one too; a new program has none.
 */
int door_map(struct file *file, struct vm_area_struct *vma);
/*
 * Puts a door into the address space of a process, as HADAL_IOC_ADMIT says. 0, -ESRCH, -EEXIST,
 * -ENODEV, -ENOSPC, -ENOMEM, -EINVAL (a process without memory).
 */
int client_admit(struct file *file, const struct hadal_ioc_admit *request);
/* As HADAL_IOC_ROOT says. */
int client_root(struct hadal_ioc_root *request);

/* Nobody is admitted before the first and after the second, which takes everything from clients. */
void clients_open(void);
void clients_close(void);
/* Pages of clients that show others now. */
u64 clients_mapped_pages(void);
int clients_list(struct hadal_ioc_clients *request);

/* client_exec.c: programs that clients execute. From the first to the second. */
void client_exec_register(void);
void client_exec_unregister(void);

/* client_page.c: pages of clients. All under clients_lock. */

struct client {
	struct list_head link;
	struct mm_struct *mm; /* whose it is; only compared */
	u64 root;             /* physical address of its kernel's page table */
	struct file *device;  /* the door's; its VMA holds it */
	u32 admits;           /* HADAL_ADMIT_* of what it executes, or 0 */
	bool active;          /* the hypervisor knows it */
	unsigned int doors;
	time64_t since;      /* seconds of uptime */
	struct xarray pages; /* struct client_page by virtual page number */
};

struct client_page {
	struct page *page; /* pinned; NULL: the parent had it at the fork, here it is a copy */
	u64 physical;      /* what the client believes its page's address to be */
};

extern struct mutex clients_lock;
extern struct list_head clients;

/* The active client of an address space, or NULL. */
struct client *client_of(const struct mm_struct *mm);
/* Puts a door into the current address space, or takes the one that there is. As client_admit(). */
int client_admit_current(struct file *device, u32 admits);
/* What the hypervisor says of it; all zeros when it does not know. */
void client_state(const struct client *client, struct hadal_client *state);
/*
 * Makes a page of the current process known. physical: what it is to show, or 0. Returns 0: it is
 * known now, with its address in *frame; 1: showing `physical` is what it does by itself; or a
 * negative errno. Without clients_lock.
 */
int client_hold_page(u64 address, u64 physical, u64 *frame);
/* All that was the parent's was copied at the fork. 0 or -ENOMEM. */
int client_inherit_pages(struct client *child, const struct client *parent);
/* Lets go of pages that are in no address space any more, and if asked of those
 * that have served. */
void clients_sweep(bool idle_too);
/* Lets go of all pages, which the hypervisor must have forgotten. */
void client_release_pages(struct client *client);

#endif
