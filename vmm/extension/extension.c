// SPDX-License-Identifier: MIT
/* The extensions that are linked in: they start, stop, and see exits first. */
#include "extension/extension.h"
#include "extension/handlers.h"
#include "base/errno.h"
#include "base/log.h"
#include "x86/cpu.h"

extern const struct hadal_extension *const extensions_start[], *const extensions_end[];

exit_handler_fn exit_handlers[HADAL_EXIT_KIND_COUNT];
static exit_handler_fn first_handlers[HADAL_EXIT_KIND_COUNT], next_handlers[HADAL_EXIT_KIND_COUNT];
static bool with_clients;
static bool routing;
static bool any_client;

static size_t extension_count(void)
{
	return extensions_end - extensions_start;
}

/* Kinds that exit only when asked to: an extension with a handler asks by having it. */
static bool needs_intercept(enum hadal_exit_kind kind)
{
	switch (kind) {
	case HADAL_EXIT_CPUID:
	case HADAL_EXIT_CR_READ:
	case HADAL_EXIT_CR_WRITE:
	case HADAL_EXIT_DR_ACCESS:
	case HADAL_EXIT_WBINVD:
	case HADAL_EXIT_HLT:
	case HADAL_EXIT_RDTSC:
	case HADAL_EXIT_RDTSCP:
	case HADAL_EXIT_RDPMC:
	case HADAL_EXIT_PAUSE:
	case HADAL_EXIT_MONITOR:
	case HADAL_EXIT_MWAIT:
	case HADAL_EXIT_INVLPG:
		return true;
	default:
		return false;
	}
}

static void route(enum hadal_exit_kind kind)
{
	exit_handler_fn handler = base_handler[kind];

	for (size_t i = 0; i < extension_count(); i++)
		if (extensions_start[i]->on[kind] &&
		    (with_clients || !extensions_start[i]->follow_clients))
			handler = extensions_dispatch;
	__atomic_store_n(&next_handlers[kind], handler, __ATOMIC_SEQ_CST);
	if (first_handlers[kind])
		handler = first_handlers[kind];
	__atomic_store_n(&exit_handlers[kind], handler, __ATOMIC_SEQ_CST);
}

/* For a few instructions that wait for nobody. */
static void routes_take(void)
{
	while (__atomic_exchange_n(&routing, true, __ATOMIC_ACQUIRE))
		cpu_pause();
}

static void routes_give(void)
{
	__atomic_store_n(&routing, false, __ATOMIC_RELEASE);
}

void extensions_listen(bool clients)
{
	routes_take();
	with_clients = clients;
	for (int kind = 0; kind < HADAL_EXIT_KIND_COUNT; kind++)
		route(kind);
	routes_give();
}

void exits_ask_first(enum hadal_exit_kind kind, exit_handler_fn handler)
{
	routes_take();
	first_handlers[kind] = handler;
	route(kind);
	routes_give();
}

enum verdict exits_ask_next(struct vcpu *vcpu)
{
	return next_handlers[vcpu->exit.kind](vcpu);
}

int extensions_init(void)
{
	uint64_t bytes = 0;

	extensions_listen(false);
	if (extension_count() > EXTENSION_MAX) {
		log_line("more than %d extensions", EXTENSION_MAX);
		return -ENOSPC;
	}
	for (size_t i = 0; i < extension_count(); i++) {
		const struct hadal_extension *e = extensions_start[i];
		int err = e->init ? e->init() : 0;

		if (err) {
			log_line("extension %s does not start: %d", e->name, err);
			return err;
		}
		bytes += ((uint64_t)e->vcpu_data_bytes + 15) & ~15ull;
	}
	if (bytes > sizeof(((struct vcpu *)0)->extension_pool)) {
		log_line("extensions want %lu bytes for each vCPU", bytes);
		return -ENOSPC;
	}
	return 0;
}

static int intercept_handled(struct vcpu *vcpu, const struct hadal_extension *e)
{
	int err = 0;

	for (int kind = 0; !err && kind < HADAL_EXIT_KIND_COUNT; kind++)
		if (e->on[kind] && needs_intercept(kind))
			err = vcpu_intercept(vcpu, kind);
	return err;
}

static void stop_first(struct vcpu *vcpu, size_t count)
{
	while (count--) {
		const struct hadal_extension *e = extensions_start[count];

		if (e->vcpu_stop)
			e->vcpu_stop(vcpu, vcpu->extension_data[count]);
	}
}

int extensions_vcpu_start(struct vcpu *vcpu)
{
	uint8_t *data = vcpu->extension_pool;

	for (size_t i = 0; i < sizeof(vcpu->extension_pool); i++)
		data[i] = 0;
	for (size_t i = 0; i < sizeof(vcpu->intercepts); i++)
		((uint8_t *)&vcpu->intercepts)[i] = 0;
	vcpu->serves_clients = false;
	for (size_t i = 0; i < extension_count(); i++) {
		const struct hadal_extension *e = extensions_start[i];
		int err = e->follow_clients ? 0 : intercept_handled(vcpu, e);

		vcpu->extension_data[i] = data;
		data += (e->vcpu_data_bytes + 15) & ~15u;
		if (!err && e->vcpu_start)
			err = e->vcpu_start(vcpu, vcpu->extension_data[i]);
		if (err) {
			log_line("extension %s does not start on this CPU: %d", e->name, err);
			stop_first(vcpu, i);
			return err;
		}
	}
	return 0;
}

static void follow(struct vcpu *vcpu, size_t i, bool any)
{
	const struct hadal_extension *e = extensions_start[i];

	for (int kind = 0; kind < HADAL_EXIT_KIND_COUNT; kind++) {
		if (!e->on[kind] || !needs_intercept(kind))
			continue;
		if (any)
			vcpu_intercept(vcpu, kind);
		else
			vcpu_release(vcpu, kind);
	}
	e->follow_clients(vcpu, vcpu->extension_data[i], any);
}

void extensions_set_clients(bool any)
{
	__atomic_store_n(&any_client, any, __ATOMIC_SEQ_CST);
}

void extensions_follow_clients(struct vcpu *vcpu)
{
	bool any = __atomic_load_n(&any_client, __ATOMIC_SEQ_CST);

	if (vcpu->serves_clients == any)
		return;
	vcpu->serves_clients = any;
	for (size_t i = 0; i < extension_count(); i++)
		if (extensions_start[i]->follow_clients)
			follow(vcpu, i, any);
}

void extensions_vcpu_stop(struct vcpu *vcpu)
{
	stop_first(vcpu, extension_count());
}

enum verdict extensions_dispatch(struct vcpu *vcpu)
{
	enum hadal_exit_kind kind = vcpu->exit.kind;

	for (size_t i = 0; i < extension_count(); i++) {
		exit_handler handler = extensions_start[i]->on[kind];
		enum verdict verdict =
			handler ? handler(vcpu, vcpu->extension_data[i]) : VERDICT_PASS;

		if (verdict != VERDICT_PASS)
			return verdict;
	}
	return base_handler[kind](vcpu);
}
