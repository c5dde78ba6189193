// SPDX-License-Identifier: MIT
// Sources: vmm/exit/hidden_write.c
/* Writes that are left out: string instructions against the same done element by element. */
#include <errno.h>
#include <string.h>
#include "random.h"
#include "unit.h"
#include "exit/hidden_write.h"
#include "base/insn.h"
#include "x86/cpu.h"

#define BASE   0x7000000000ull
#define HIDDEN (BASE + PAGE_BYTES) /* the page that may not be written */
#define BYTES  (3 * PAGE_BYTES)
#define DOWN   (1ull << 10)

static struct vcpu vcpu;
static struct insn next_insn;
static int decode_result, faults;

int vcpu_decode(struct vcpu *v, struct insn *insn)
{
	assert_ptr_equal(v, &vcpu);
	*insn = next_insn;
	return decode_result;
}

void vcpu_inject_gp(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	faults++;
}

static bool touches_hidden(uint64_t address, unsigned int size)
{
	return address + size > HIDDEN && address < HIDDEN + PAGE_BYTES;
}

/* What a processor does, with those elements left out that touch the page. */
static void expected_string(struct gprs *regs, uint8_t *written, bool down)
{
	do {
		unsigned int size = next_insn.operand_bytes;

		if (!touches_hidden(regs->rdi, size))
			memset(written + (regs->rdi - BASE), 1, size);
		regs->rdi += down ? -(uint64_t)size : size;
		if (next_insn.id == INSN_MOVS)
			regs->rsi += down ? -(uint64_t)size : size;
	} while (next_insn.repeat && --regs->rcx);
}

/* The same with an exit at each element that touches the page, as under the hypervisor. */
static void exiting_string(struct gprs *regs, uint8_t *written, bool down)
{
	bool done = false;

	while (!done) {
		unsigned int size = next_insn.operand_bytes;

		if (touches_hidden(regs->rdi, size)) {
			enum verdict verdict;

			vcpu.regs = *regs;
			verdict = hidden_write_skip(&vcpu);
			assert_int_not_equal(verdict, VERDICT_PASS);
			done = verdict == VERDICT_DONE;
			*regs = vcpu.regs;
			continue;
		}
		memset(written + (regs->rdi - BASE), 1, size);
		regs->rdi += down ? -(uint64_t)size : size;
		if (next_insn.id == INSN_MOVS)
			regs->rsi += down ? -(uint64_t)size : size;
		done = !next_insn.repeat || !--regs->rcx;
	}
}

static void strings_go_on_behind_the_page(void **unused)
{
	static uint8_t expected[BYTES], written[BYTES];
	uint64_t random = 99;
	(void)unused;

	faults = 0;
	decode_result = 0;
	for (int i = 0; i < 20000; i++) {
		bool down = random_below(&random, 2);
		unsigned int size = 1u << random_below(&random, 4);
		struct gprs before = {.rsi = random_next(&random)}, after;
		uint64_t room;

		next_insn = (struct insn){.id = random_below(&random, 2) ? INSN_MOVS : INSN_STOS,
					  .length = 3,
					  .operand_bytes = size,
					  .address_bytes = 8,
					  .repeat = random_below(&random, 4) ? 0xf3 : 0};
		before.rdi = HIDDEN - 40 + random_below(&random, PAGE_BYTES + 80);
		room = (down ? before.rdi - BASE : BASE + BYTES - before.rdi) / size;
		before.rcx = 1 + random_below(&random, random_below(&random, 2) ? 20 : room);
		if (before.rcx > room)
			before.rcx = room;
		after = before;
		vcpu.rflags = down ? DOWN : 0;
		memset(expected, 0, BYTES);
		memset(written, 0, BYTES);
		expected_string(&before, expected, down);
		exiting_string(&after, written, down);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_memory_equal(expected, written, BYTES);
	}
	assert_int_equal(faults, 0);
}

static void plain_writes_are_left_out(void **unused)
{
	(void)unused;
	faults = decode_result = 0;
	memset(&vcpu, 0, sizeof(vcpu));
	next_insn = (struct insn){.id = INSN_MOV_STORE, .length = 7, .address_bytes = 4};
	assert_int_equal(hidden_write_skip(&vcpu), VERDICT_DONE);
	assert_int_equal(vcpu.exit.length, 7);
	assert_int_equal(vcpu.regs.rdi, 0);
	assert_int_equal(faults, 0);
}

static void others_get_a_fault(void **unused)
{
	(void)unused;
	faults = 0;
	decode_result = -EINVAL;
	assert_int_equal(hidden_write_skip(&vcpu), VERDICT_RETRY);
	assert_int_equal(faults, 1);
	/* Strings outside of 64-bit mode have segments and registers that wrap. */
	decode_result = 0;
	next_insn = (struct insn){.id = INSN_STOS, .length = 1, .address_bytes = 4};
	assert_int_equal(hidden_write_skip(&vcpu), VERDICT_RETRY);
	assert_int_equal(faults, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_go_on_behind_the_page),
		cmocka_unit_test(plain_writes_are_left_out),
		cmocka_unit_test(others_get_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
