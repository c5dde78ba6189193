/* SPDX-License-Identifier: MIT */
/* Pages that show other physical pages. After each change all CPUs have the new translation. */
#ifndef HADAL_HYPERCALL_MAP_H
#define HADAL_HYPERCALL_MAP_H

#include "vcpu/vcpu.h"

struct client;

/* How many pages show another one now. */
uint64_t map_count(void);
/* Whether a page may show another or be shown. 0, -EINVAL (not aligned), -EACCES (the image's own),
 * -ENXIO (not RAM). */
int map_check_page(uint64_t page);

/* The hypercalls CLIENT_PAGE_ADD and CLIENT_PAGE_REMOVE; errors as there. */
int map_add_client_page(struct vcpu *vcpu, struct client *client, uint64_t gpa);
int map_remove_client_page(struct vcpu *vcpu, struct client *client, uint64_t gpa, uint64_t flags);
/* Takes pages of a client out that is to end, as many as take no long time. True: there are more.
 */
bool map_remove_client_pages(struct vcpu *vcpu, struct client *client);

/* True when a client's page is known. The answer may be outdated at once. */
bool map_is_client_page(const struct client *client, uint64_t gpa);
/*
 * Let a known page of a client show another one, or with hpa == gpa itself. In place of the image's
 * own memory it shows zeros, and writes are left out. 0, -ENOENT (not a known page), -EINVAL,
 * -ENXIO.
 */
int map_client_page(struct vcpu *vcpu, struct client *client, uint64_t gpa, uint64_t hpa);

#endif
