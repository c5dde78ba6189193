// SPDX-License-Identifier: MIT
/*
 * CPU 1 gets an INIT and a SIPI under Hadal and starts in real mode as after a reset, still under
 * it. The kernel does not know and has lost the CPU: the guest is good for nothing more afterwards.
 */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

/* Memory below 1 MiB that the kernel reserves but does not use. */
#define FIRST  0x20000u
#define SECOND 0x30000u

/* cli; mov %cs, %ax; mov %ax, %ds; mov %edx, 0x100; mov %cr0, %eax; mov %eax, 0x104;
 * incw 0x108; 1: hlt; jmp 1b */
static const uint8_t real_mode_code[] = {
	0xfa, 0x8c, 0xc8, 0x8e, 0xd8, 0x66, 0x89, 0x16, 0x00, 0x01, 0x0f, 0x20,
	0xc0, 0x66, 0xa3, 0x04, 0x01, 0xff, 0x06, 0x08, 0x01, 0xf4, 0xeb, 0xfd,
};
#define HALTED 22 /* where RIP stands in HLT */

struct mark {
	uint32_t edx, cr0;
	uint16_t starts;
};

static struct hadal *hadal;
static struct hadal_error error;
static int module;

static void send(uint32_t what)
{
	struct hadal_test_ipi ipi = {.cpu = 1, .what = what};

	EQUAL(ioctl(module, HADAL_TEST_IPI, &ipi), 0);
}

/* In busy loops: the kernel's timers may be CPU 1's. */
static void wait_ms(unsigned ms)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

static struct mark mark_at(uint32_t page)
{
	struct mark mark;

	EQUAL(hadal_read(hadal, page + 0x100, &mark, sizeof(mark), 0, NULL, &error), 0);
	return mark;
}

static void place(uint32_t page)
{
	static const uint8_t zeros[0x200];

	EQUAL(hadal_write(hadal, page, zeros, sizeof(zeros), 0, NULL, &error), 0);
	EQUAL(hadal_write(hadal, page, real_mode_code, sizeof(real_mode_code), 0, NULL, &error), 0);
}

static void wait_for_starts(uint32_t page, unsigned starts)
{
	for (int i = 0; i < 200 && mark_at(page).starts < starts; i++)
		wait_ms(10);
	EQUAL(mark_at(page).starts, starts);
}

/* The registers that an INIT sets, seen from below. */
static void check_registers(uint32_t page, uint32_t family)
{
	struct hadal_regs regs;

	EQUAL(hadal_regs(hadal, 1, &regs, &error), 0);
	EQUAL(regs.rip, HALTED);
	EQUAL(regs.cs.selector, page >> 4);
	EQUAL(regs.cs.base, page);
	EQUAL(regs.cs.limit, 0xffff);
	EQUAL(regs.ds.base, page);
	EQUAL(regs.ss.selector, 0);
	EQUAL(regs.cr0 & ~0x60000000ull, 0x10); /* an INIT leaves CD and NW as they were */
	EQUAL(regs.cr3, 0);
	EQUAL(regs.cr4, 0);
	EQUAL(regs.efer, 0);
	EQUAL(regs.dr7, 0x400);
	/* Its last instruction set flags, and the exit may set RF. */
	EQUAL(regs.rflags & ~0x108d5ull, 2);
	EQUAL(regs.rdx, family);
	EQUAL(regs.rbx, 0);
	EQUAL(regs.idtr_base, 0);
	EQUAL(regs.idtr_limit, 0xffff);
	EQUAL(mark_at(page).edx, family);
	EQUAL(mark_at(page).cr0 & ~0x60000000u, 0x10);
}

static uint32_t processor_signature(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return eax;
}

int main(void)
{
	uint32_t family = processor_signature();
	struct hadal_info info;

	setbuf(stdout, NULL);
	pin_to_cpu(0);
	hadal = open_hadal();
	module = open("/dev/hadal_test", O_RDWR);
	CHECK(module >= 0);
	place(FIRST);
	place(SECOND);

	/* Who does not wait for a SIPI does not see one. */
	send(HADAL_TEST_SIPI(FIRST));
	wait_ms(50);
	EQUAL(mark_at(FIRST).starts, 0);

	send(HADAL_TEST_INIT);
	wait_ms(10);
	send(HADAL_TEST_SIPI(FIRST));
	wait_for_starts(FIRST, 1);
	check_registers(FIRST, family);

	/* The second SIPI that systems send finds nobody waiting. */
	send(HADAL_TEST_SIPI(SECOND));
	wait_ms(50);
	EQUAL(mark_at(SECOND).starts, 0);

	/* Out of HLT in real mode, to another place. */
	for (unsigned round = 1; round <= 3; round++) {
		send(HADAL_TEST_INIT);
		wait_ms(10);
		send(HADAL_TEST_SIPI(SECOND));
		wait_for_starts(SECOND, round);
		check_registers(SECOND, family);
	}
	EQUAL(mark_at(FIRST).starts, 1);

	EQUAL(hadal_info(hadal, &info, &error), 0);
	EQUAL(info.cpu_running, 2);
	puts("sipi: fine");
	return 0;
}
