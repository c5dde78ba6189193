// SPDX-License-Identifier: MIT
/* Address spaces whose programs extensions answer: who they are, and what is theirs. */
#include "cpus/lock.h"
#include "hypercall/client.h"
#include "base/errno.h"
#include "hypercall/hypercall.h"
#include "hypercall/map.h"
#include "paging/memory.h"
#include "base/page_set.h"
#include "cpus/request.h"
#include "extension/handlers.h"
#include "base/string.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

_Static_assert(HADAL_MAX_CLIENTS <= PAGE_OWNER_MAX,
	       "entries of page_set.h have room for the number");

static struct client clients[HADAL_MAX_CLIENTS];
static uint32_t client_end; /* entries from here on are free */
static uint32_t client_count;
static LOCK(clients_lock, .what = "the clients");

unsigned client_number(const struct client *client)
{
	return client - clients + 1;
}

struct client *client_current(struct vcpu *vcpu)
{
	uint32_t end = __atomic_load_n(&client_end, __ATOMIC_ACQUIRE);
	uint64_t root;

	if (vcpu_get(vcpu, REG_CPL) != 3)
		return NULL;
	root = vcpu_get(vcpu, REG_CR3) & PT_ADDRESS;
	for (uint32_t i = 0; i < end; i++)
		if (entry_read(&clients[i].user_root) == root && root)
			return vcpu_long_mode(vcpu) ? &clients[i] : NULL;
	return NULL;
}

enum verdict client_ring(struct vcpu *vcpu, const struct client *client, enum hadal_door door)
{
	vcpu_set(vcpu, REG_CR2, client->door + door * PAGE_BYTES);
	vcpu_inject_exception(vcpu, VECTOR_PF, true, PF_USER);
	return VERDICT_RETRY;
}

static struct client *find(uint64_t kernel_root)
{
	for (uint32_t i = 0; kernel_root && i < client_end; i++)
		if (clients[i].kernel_root == kernel_root)
			return &clients[i];
	return NULL;
}

static int add_locked(struct vcpu *vcpu, uint64_t kernel_root, uint64_t user_root, uint64_t door)
{
	struct client *client = clients;

	if (find(kernel_root))
		return -EEXIST;
	while (client < clients + HADAL_MAX_CLIENTS && client->kernel_root)
		client++;
	if (client == clients + HADAL_MAX_CLIENTS)
		return -ENOSPC;
	memset(client, 0, sizeof(*client));
	client->door = door;
	client->kernel_root = kernel_root;
	entry_write(&client->user_root, user_root);
	if (client_number(client) > client_end)
		__atomic_store_n(&client_end, client_number(client), __ATOMIC_RELEASE);
	if (!client_count++) {
		extensions_set_clients(true);
		extensions_listen(true);
		request_follow(vcpu);
	}
	return 0;
}

/* From now on nobody is answered for it. 1: not all of its pages are out yet. */
static int64_t remove_locked(struct vcpu *vcpu, struct client *client)
{
	entry_write(&client->user_root, 0);
	if (map_remove_client_pages(vcpu, client))
		return 1;
	client->kernel_root = 0;
	while (client_end && !clients[client_end - 1].kernel_root)
		__atomic_store_n(&client_end, client_end - 1, __ATOMIC_RELEASE);
	if (!--client_count) {
		extensions_set_clients(false);
		request_follow(vcpu);
		extensions_listen(false);
	}
	return 0;
}

static bool is_root(uint64_t root)
{
	return root && !(root & ~PT_ADDRESS) && memory_is_ram(root);
}

int64_t hypercall_client_add(struct vcpu *vcpu)
{
	const struct gprs *regs = &vcpu->regs;
	int err;

	if (!is_root(regs->rdi) || !is_root(regs->rsi) || (regs->rdx & (PAGE_BYTES - 1)) ||
	    regs->rdx >> 47)
		return -EINVAL;
	lock_take(&clients_lock);
	err = add_locked(vcpu, regs->rdi, regs->rsi, regs->rdx);
	lock_give(&clients_lock);
	return err;
}

/* Calls act for the client whose kernel's CR3 is in RDI. */
static int64_t with_client(struct vcpu *vcpu, int64_t (*act)(struct vcpu *, struct client *))
{
	struct client *client;
	int64_t result;

	lock_take(&clients_lock);
	client = find(vcpu->regs.rdi);
	result = client ? act(vcpu, client) : -ENOENT;
	lock_give(&clients_lock);
	return result;
}

int64_t hypercall_client_remove(struct vcpu *vcpu)
{
	return with_client(vcpu, remove_locked);
}

static int64_t page_add(struct vcpu *vcpu, struct client *client)
{
	return map_add_client_page(vcpu, client, vcpu->regs.rsi);
}

int64_t hypercall_client_page_add(struct vcpu *vcpu)
{
	return with_client(vcpu, page_add);
}

static int64_t page_remove(struct vcpu *vcpu, struct client *client)
{
	return map_remove_client_page(vcpu, client, vcpu->regs.rsi, vcpu->regs.rdx);
}

int64_t hypercall_client_page_remove(struct vcpu *vcpu)
{
	return with_client(vcpu, page_remove);
}

static int64_t state(struct vcpu *vcpu, struct client *client)
{
	return hypercall_answer(vcpu->regs.rsi, vcpu->regs.rdx, &client->state,
				sizeof(client->state));
}

int64_t hypercall_client_state(struct vcpu *vcpu)
{
	return with_client(vcpu, state);
}

void clients_wipe(void)
{
	memset(clients, 0, sizeof(clients));
	client_end = client_count = 0;
}
