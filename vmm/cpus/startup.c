// SPDX-License-Identifier: MIT
/* INIT and SIPI, as messages between vCPUs. */
#include "base/log.h"
#include "cpus/pause.h"
#include "cpus/request.h"
#include "cpus/startup.h"
#include "paging/memory.h"
#include "vcpu/reset.h"
#include "x86/apic.h"
#include "x86/cpu.h"

/* The command register's low half (SDM vol. 3, 12.6.1). */
#define ICR_MODE       (7u << 8)
#define ICR_INIT       (5u << 8)
#define ICR_SIPI       (6u << 8)
#define ICR_LOGICAL    (1u << 11)
#define ICR_ASSERT     (1u << 14)
#define ICR_LEVEL      (1u << 15)
#define ICR_SHORTHAND  (3u << 18)
#define ICR_SELF       (1u << 18)
#define ICR_ALL        (2u << 18)
#define ICR_OTHERS     (3u << 18)
#define FORMAT_CLUSTER 0u /* the destination format's upper 4 bits */

struct destination {
	uint32_t id;
	uint32_t shorthand;
	bool logical, x2apic;
};

static bool has_logical_id(const struct vcpu *vcpu, const struct destination *to)
{
	uint8_t own = vcpu->logical_id >> 24;

	if (to->x2apic) /* made of the ID: a cluster and a bit in it */
		return to->id >> 16 == vcpu->apic_id >> 4 && (to->id >> (vcpu->apic_id & 15) & 1);
	if (vcpu->logical_format >> 28 != FORMAT_CLUSTER)
		return own & to->id;
	return (to->id >> 4 == 15 || own >> 4 == to->id >> 4) && (own & to->id & 15);
}

static bool is_for(const struct vcpu *vcpu, const struct vcpu *sender, const struct destination *to)
{
	switch (to->shorthand) {
	case ICR_SELF:
		return vcpu == sender;
	case ICR_ALL:
		return true;
	case ICR_OTHERS:
		return vcpu != sender;
	}
	if (to->id == (to->x2apic ? ~0u : 0xffu))
		return true;
	return to->logical ? has_logical_id(vcpu, to) : vcpu->apic_id == to->id;
}

/* Whatever it was doing or waiting for before. */
static void send_init(struct vcpu *vcpu, struct vcpu *to)
{
	__atomic_store_n(&to->startup, STARTUP_INIT, __ATOMIC_SEQ_CST);
	if (to == vcpu)
		__atomic_fetch_or(&to->requests, REQUEST_START, __ATOMIC_SEQ_CST);
	else
		request_post(to, REQUEST_START);
}

/* The first one after an INIT counts; one to a vCPU that does not wait is nothing. */
static void send_sipi(struct vcpu *to, uint8_t vector)
{
	uint32_t old = __atomic_load_n(&to->startup, __ATOMIC_SEQ_CST);

	while ((old & (STARTUP_INIT | STARTUP_WAITS)) && !(old & STARTUP_SIPI) &&
	       !__atomic_compare_exchange_n(&to->startup, &old, old | STARTUP_SIPI | vector, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

static uint32_t send_all(struct vcpu *vcpu, uint32_t low, const struct destination *to)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < machine.cpu_count; i++) {
		struct vcpu *other = vcpu_at(i);

		if (!__atomic_load_n(&other->running, __ATOMIC_SEQ_CST) || !is_for(other, vcpu, to))
			continue;
		count++;
		if ((low & ICR_MODE) == ICR_INIT)
			send_init(vcpu, other);
		else
			send_sipi(other, low);
	}
	return count;
}

bool startup_send(struct vcpu *vcpu, uint32_t low, uint32_t high, bool x2apic)
{
	const struct destination to = {
		.id = x2apic ? high : high >> 24,
		.shorthand = low & ICR_SHORTHAND,
		.logical = low & ICR_LOGICAL,
		.x2apic = x2apic,
	};
	uint32_t mode = low & ICR_MODE;

	if (mode != ICR_INIT && mode != ICR_SIPI)
		return false;
	/* An INIT that is taken back is none: it was for processors without an APIC of today. */
	if (mode == ICR_INIT && (low & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL)
		return true;
	if (!send_all(vcpu, low, &to) && mode == ICR_INIT && !to.shorthand)
		log_line("INIT to a processor with APIC ID %x, which is not under Hadal, is not "
			 "sent",
			 to.id);
	return true;
}

/* What it is asked meanwhile it does, as in a pause. */
static void wait(struct vcpu *vcpu)
{
	vcpu_serve_requests(vcpu);
	if (vcpu->requests & REQUEST_PAUSE)
		pause_here(vcpu);
	cpu_pause();
}

static bool change(struct vcpu *vcpu, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&vcpu->startup, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

void startup_serve(struct vcpu *vcpu)
{
	uint32_t now;

	__atomic_fetch_and(&vcpu->requests, ~REQUEST_START, __ATOMIC_SEQ_CST);
	while ((now = __atomic_load_n(&vcpu->startup, __ATOMIC_SEQ_CST))) {
		if (now & STARTUP_INIT) {
			apic_reset();
			vcpu->logical_id = 0;
			vcpu->logical_format = ~0u;
			change(vcpu, now, (now & ~STARTUP_INIT) | STARTUP_WAITS);
		} else if (!(now & STARTUP_SIPI)) {
			wait(vcpu);
		} else if (change(vcpu, now, 0)) {
			vcpu_start_from_sipi(vcpu, now & STARTUP_VECTOR);
			return;
		}
	}
}
