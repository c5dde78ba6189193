// SPDX-License-Identifier: MIT
// Sources: vmm/paging/guest_walk.c
/* Walks of the guest's page tables of the other modes. */
#include "guest_walk_fixture.h"

static void five_levels(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	uint64_t gva = (3ull << 48) | GVA;
	(void)unused;

	paging.cr4 |= 1 << 12;
	paging.cr3 = 0x5000;
	memory[5][3] = 0x1000 | ALL;
	assert_int_equal(walk_to(&paging, gva, USER_READ, &walk), 0);
	assert_int_equal(walk.gpa, 0xabcde123);
	assert_int_equal(walk.step_count, 5);
	assert_int_equal(walk.step[0].level, 5);
	expect_fault(&paging, 1ull << 48, WALK_READ, 0);
	assert_int_equal(walk_to(&paging, 1ull << 56, WALK_READ, &walk), -EINVAL);
	assert_int_equal(walk_to(&paging, 0xfeff000000000000, WALK_READ, &walk), -EINVAL);
	memory[5][3] |= PS;
	expect_fault(&paging, gva, WALK_READ, PF_PRESENT | PF_RESERVED);
}

static void no_paging_is_identity(void **unused)
{
	struct guest_paging paging = {.cr0 = 1, .cr3 = ~0ull, .physical_bits = 40};
	struct guest_walk walk;
	(void)unused;

	assert_int_equal(walk_to(&paging, 0xfedcba98, RIGHTS_ALL, &walk), 0);
	assert_int_equal(walk.gpa, 0xfedcba98);
	assert_int_equal(walk.rights, RIGHTS_ALL);
	assert_int_equal(walk.levels, 0);
	assert_int_equal(walk.step_count, 0);
	assert_int_equal(walk_to(&paging, 1ull << 32, WALK_READ, &walk), -EINVAL);
}

static void pae_paging(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	paging.efer = 0x800;
	paging.cr3 = 0x5fe0; /* the last 32 bytes of a page */
	memory[5][511] = 0x3000 | P;
	assert_int_equal(walk_to(&paging, 0xc0201123, RIGHTS_ALL, &walk), 0);
	assert_int_equal(walk.gpa, 0xabcde123);
	assert_int_equal(walk.levels, 3);
	assert_int_equal(walk.step[0].address, 0x5ff8);
	assert_int_equal(walk.step[0].rights, RIGHTS_ALL);
	memory[3][1] = 0xff12200000 | ALL | PS;
	assert_int_equal(walk_to(&paging, 0xc0201123, RIGHTS_ALL, &walk), 0);
	assert_int_equal(walk.gpa, 0xff12201123);
	assert_int_equal(walk.page_bytes, SIZE_2M);
	memory[3][1] |= 1ull << 62; /* unlike in long mode */
	expect_fault(&paging, 0xc0201123, WALK_READ, PF_PRESENT | PF_RESERVED);
	memory[3][1] = 0x12200000 | ALL | PS | NX;
	expect_fault(&paging, 0xc0201123, WALK_EXEC, PF_PRESENT | PF_FETCH);
	memory[5][511] |= RW; /* reserved there */
	expect_fault(&paging, 0xc0201123, WALK_READ, PF_PRESENT | PF_RESERVED);
	memory[5][511] = 0x3000 | P | NX;
	expect_fault(&paging, 0xc0201123, WALK_READ, PF_PRESENT | PF_RESERVED);
	assert_int_equal(walk_to(&paging, 1ull << 32, WALK_READ, &walk), -EINVAL);
}

static void legacy_paging(void **unused)
{
	struct guest_paging paging = {
		.cr0 = 0x80010001, .cr3 = 0x5abc, .cr4 = 0x10, .physical_bits = 36};
	uint32_t *directory = (uint32_t *)memory[5];
	uint32_t *page_table = (uint32_t *)memory[6];
	struct guest_walk walk;
	(void)unused;

	directory[1023] = 0x6000 | ALL;
	page_table[1] = 0xfedcb000 | P | US;
	page_table[2] = ~0u & ~P; /* a neighbour that must not be taken for upper bits */
	assert_int_equal(walk_to(&paging, 0xffc01123, USER_READ, &walk), 0);
	assert_int_equal(walk.gpa, 0xfedcb123);
	assert_int_equal(walk.levels, 2);
	assert_int_equal(walk.step[1].address, 0x6004);
	assert_int_equal(walk.step[1].value, 0xfedcb005);
	assert_int_equal(walk.rights, WALK_READ | WALK_EXEC | WALK_USER);
	expect_fault(&paging, 0xffc01123, WALK_WRITE, PF_PRESENT | PF_WRITE);
	expect_fault(&paging, 0xffc02123, WALK_READ, 0);
	expect_fault(&paging, 0xffc02123, WALK_EXEC, 0);

	directory[2] = 0x12400000 | ALL | PS | 0x1e000; /* PSE-36: address bits 35:32 */
	assert_int_equal(walk_to(&paging, 0x00876543, USER_READ, &walk), 0);
	assert_int_equal(walk.gpa, 0xf12476543);
	assert_int_equal(walk.page_bytes, 4 << 20);
	directory[2] |= 0x20000; /* address bit 36 is beyond the width */
	expect_fault(&paging, 0x00876543, WALK_READ, PF_PRESENT | PF_RESERVED);
	directory[2] = 0x12400000 | ALL | PS | 0x200000;
	expect_fault(&paging, 0x00876543, WALK_READ, PF_PRESENT | PF_RESERVED);
	/* without PSE the bit is ignored and a table follows, here one that is not memory */
	paging.cr4 = 0;
	assert_int_equal(walk_to(&paging, 0x00876543, WALK_READ, &walk), -ENXIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(five_levels),
		TEST(no_paging_is_identity),
		TEST(pae_paging),
		TEST(legacy_paging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
