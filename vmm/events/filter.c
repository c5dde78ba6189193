// SPDX-License-Identifier: MIT
/* Filters: clauses over a vCPU's registers and what has happened to it. */
#include "events/subscription.h"
#include "paging/memory.h"

bool filter_is_of_vcpu(const struct hadal_subscription *asked)
{
	for (unsigned i = 0; i < asked->clause_count; i++)
		if (asked->clause[i].value >= HADAL_FILTER_ACCESS &&
		    asked->clause[i].value <= HADAL_FILTER_NEW)
			return false;
	return true;
}

static bool clause_is_valid(const struct hadal_clause *c, bool is_first)
{
	bool is_memory = c->value == HADAL_FILTER_MEMORY;

	if (c->value >= HADAL_FILTER_VALUES || c->compare >= HADAL_FILTER_OPERATORS ||
	    c->alternative > 1 || (is_first && c->alternative))
		return false;
	if (c->reserved[0] || c->reserved[1] || c->reserved[2])
		return false;
	if (is_memory || c->value == HADAL_FILTER_REGISTER) {
		if (c->index > (is_memory ? HADAL_REG_R15 : HADAL_REG_RFLAGS))
			return false;
	} else if (c->index) {
		return false;
	}
	if (!is_memory)
		return !c->bytes && !c->offset;
	return c->bytes == 1 || c->bytes == 2 || c->bytes == 4 || c->bytes == 8;
}

/* What is read is known only after the filter has been asked. */
static bool needs_what_is_read(const struct hadal_subscription *asked, const struct hadal_clause *c)
{
	return c->value == HADAL_FILTER_NEW &&
	       (asked->kind == HADAL_EVENT_CPUID || (asked->access & HADAL_ACCESS_READ));
}

bool filter_is_valid(const struct hadal_subscription *asked)
{
	if (asked->clause_count > HADAL_MAX_CLAUSES)
		return false;
	for (unsigned i = 0; i < asked->clause_count; i++)
		if (!clause_is_valid(&asked->clause[i], i == 0) ||
		    needs_what_is_read(asked, &asked->clause[i]))
			return false;
	return true;
}

/* One that the exit has stored with the others. */
static inline bool is_general(unsigned index)
{
	return index < 16 && index != HADAL_REG_RSP;
}

static uint64_t register_value(struct vcpu *vcpu, unsigned index)
{
	if (index == HADAL_REG_RIP)
		return vcpu->rip;
	if (index == HADAL_REG_RFLAGS)
		return vcpu->rflags;
	return index == HADAL_REG_RSP ? vcpu_get(vcpu, REG_RSP) : *vcpu_gpr(vcpu, index);
}

/* False when there is no such value. */
static __attribute__((noinline)) bool other_value(struct vcpu *vcpu, const struct hadal_clause *c,
						  const struct happening *what, uint64_t *value)
{
	*value = 0;
	switch (c->value) {
	case HADAL_FILTER_REGISTER:
		*value = register_value(vcpu, c->index);
		return true;
	case HADAL_FILTER_CR3:
		*value = vcpu_get(vcpu, REG_CR3);
		return true;
	case HADAL_FILTER_CPU:
		*value = vcpu->index;
		return true;
	case HADAL_FILTER_CPL:
		*value = vcpu_get(vcpu, REG_CPL);
		return true;
	case HADAL_FILTER_ACCESS:
		*value = what->access;
		return true;
	case HADAL_FILTER_NUMBER:
		*value = what->number;
		return true;
	case HADAL_FILTER_ADDRESS:
		*value = what->address;
		return true;
	case HADAL_FILTER_PHYSICAL:
		*value = what->physical;
		return true;
	case HADAL_FILTER_OLD:
		*value = what->old_value;
		return !(what->flags & HADAL_RECORD_NO_VALUE);
	case HADAL_FILTER_NEW:
		*value = what->new_value;
		return !(what->flags & HADAL_RECORD_NO_VALUE);
	default:
		return memory_read_guest_root(register_value(vcpu, c->index) + c->offset,
					      vcpu_get(vcpu, REG_CR3), vcpu_get(vcpu, REG_CR4),
					      value, c->bytes) == c->bytes;
	}
}

/* What a comparison may come to. */
enum { BELOW = 1, SAME = 2, ABOVE = 4 };

static inline bool clause_holds(struct vcpu *vcpu, const struct hadal_clause *c,
				const struct happening *what)
{
	static const uint8_t accepts[HADAL_FILTER_OPERATORS] = {
		[HADAL_FILTER_EQUAL] = SAME,    [HADAL_FILTER_NOT_EQUAL] = BELOW | ABOVE,
		[HADAL_FILTER_LESS] = BELOW,    [HADAL_FILTER_LESS_EQUAL] = BELOW | SAME,
		[HADAL_FILTER_GREATER] = ABOVE, [HADAL_FILTER_GREATER_EQUAL] = ABOVE | SAME,
	};
	uint64_t value;

	if (c->value == HADAL_FILTER_REGISTER && is_general(c->index))
		value = *vcpu_gpr(vcpu, c->index);
	else if (!other_value(vcpu, c, what, &value))
		return false;
	value &= c->mask;
	return accepts[c->compare] & (value == c->operand  ? SAME
				      : value < c->operand ? BELOW
							   : ABOVE);
}

static __attribute__((noinline)) bool clauses_hold(struct vcpu *vcpu,
						   const struct hadal_subscription *asked,
						   const struct happening *what)
{
	bool holds = true;

	for (unsigned i = 0; i < asked->clause_count; i++) {
		const struct hadal_clause *c = &asked->clause[i];

		if (c->alternative) {
			if (holds)
				return true;
			holds = true;
		}
		if (holds)
			holds = clause_holds(vcpu, c, what);
	}
	return holds;
}

/* The commonest has one. */
bool filter_passes(struct vcpu *vcpu, const struct hadal_subscription *asked,
		   const struct happening *what)
{
	if (asked->clause_count == 1)
		return clause_holds(vcpu, &asked->clause[0], what);
	return clauses_hold(vcpu, asked, what);
}
