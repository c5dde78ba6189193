// SPDX-License-Identifier: MIT
// Sources: vmm/ext/bareflank/json_read.c vmm/ext/bareflank/json_write.c
// Sources: vmm/ext/bareflank/registers.c vmm/vcpu/register_check.c
/*
 * Any text as registers to set: what is taken is written the same again, what has no key stays, and
 * what the checker lets through holds to the manual's rules, stated here a second time.
 */
#include <stdlib.h>
#include <string.h>
#include "ext/bareflank/registers.h"
#include "registers_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

static bool canonical(uint64_t address)
{
	return (int64_t)address >> 47 == 0 || (int64_t)address >> 47 == -1;
}

/* What VT-x's checks of an entry say (SDM 27.3.1), as far as they are of one word. */
static void check_entry(const struct hadal_regs *r)
{
	const uint64_t addresses[] = {
		r->fs.base,   r->gs.base, r->ldtr.base,      r->tr.base,      r->gdtr_base,
		r->idtr_base, r->lstar,   r->kernel_gs_base, r->sysenter_esp, r->sysenter_eip};

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		check(canonical(addresses[i]));
	check((r->cr0 & 0x80000001) == 0x80000001 && !(r->cr0 >> 32));
	check(!((r->cr0 & 1 << 29) && !(r->cr0 & 1 << 30)));
	check((r->cr4 & 1 << 5) && !(r->cr4 & 1 << 12) && (r->efer & 0x500) == 0x500);
	check(!(r->cr3 >> PHYSICAL_BITS) && !(r->dr7 >> 32) && !(r->cr4 >> 24));
	check((r->rflags & 2) && !(r->rflags & 1 << 17) && !(r->rflags >> 22));
	check(r->cs.attributes & 0x200 ? canonical(r->rip) : !(r->rip >> 32));
	check((r->cs.attributes & 0x99) == 0x99 && (r->cs.attributes & 0x600) != 0x600);
	check(!(r->cs.base >> 32) && !(r->ss.base >> 32) && !(r->ds.base >> 32));
	check((r->tr.attributes & 0x9f) == 0x8b && !(r->tr.selector & 4));
	check(!(r->gdtr_limit >> 16) && !(r->idtr_limit >> 16) && !(r->sysenter_cs >> 32));
	check((r->ss.attributes & 0x80 ? r->ss.attributes >> 5 & 3 : 0) == (r->cs.selector & 3));
}

static void check_text(const char *text, size_t bytes, const struct register_rules *rules)
{
	const struct hadal_regs now = registers_of_linux();
	struct register_object object = {.regs = now}, again = {.regs = now};
	char written[REGISTERS_JSON_MAX];
	struct hadal_regs next = now;
	size_t length;
	int bad;

	if (registers_from_json(text, bytes, &object))
		return;
	registers_merge(&next, &object.regs, object.mask);
	check(!memcmp(&next, &object.regs, sizeof(next)));
	length = registers_to_json(&next, written);
	check(length < sizeof(written) && !written[length]);
	check(!registers_from_json(written, length + 1, &again));
	check(!memcmp(&again.regs, &next, sizeof(next)));
	bad = registers_check(rules, &now, &next, object.mask);
	check(bad < HADAL_REG_COUNT && (bad < 0 || object.mask >> bad & 1));
	if (bad < 0 && rules->strict_segments)
		check_entry(&next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct register_rules rules = rules_of_a_processor();

	check_text((const char *)data, size, &rules);
	rules.strict_segments = false;
	check_text((const char *)data, size, &rules);
	/* The rest of the input as the registers themselves, under a mask. */
	if (size >= sizeof(struct hadal_set_regs)) {
		const struct hadal_regs now = registers_of_linux();
		struct hadal_set_regs set;
		struct hadal_regs next = now;

		memcpy(&set, data, sizeof(set));
		rules = rules_of_a_processor();
		registers_merge(&next, &set.values, set.mask);
		if (registers_check(&rules, &now, &next, set.mask & REGISTER_MASK_ALL) < 0)
			check_entry(&next);
	}
	return 0;
}
