// SPDX-License-Identifier: MIT
/*
 * CPU 1 gets an INIT and a SIPI under Hadal and starts in real mode as after a reset, still under
 * it, while a task on it is stepped; nothing of that stays, but a breakpoint does. The kernel does
 * not know and has lost the CPU: the guest is good for nothing more afterwards.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/subscribe.h"

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

#define LEAF       0x40005679u
#define RING_BYTES (1u << 20)

static struct hadal *hadal;
static struct hadal_events *events;
static struct hadal_error error;
static int module;
static bool is_amd;

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

/* Each instruction of a task on CPU 1 is told from now on, in ring 3 and in the kernel. */
static void step_on_cpu_1(void)
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_CPUID,
					   .access = HADAL_ACCESS_EXECUTE,
					   .first = LEAF,
					   .count = 1};
	const struct hadal_event *event;
	uint32_t number = subscribe_to(events, &asked);
	int child = fork();

	CHECK(child >= 0);
	if (!child) {
		pin_to_cpu(1);
		for (;;) {
			uint32_t eax = LEAF, ebx, ecx = 0, edx;

			__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
			syscall(SYS_getppid);
		}
	}
	CHECK(hadal_events_wait(events, 60000, &error) > 0);
	event = hadal_events_next(events);
	asked = (struct hadal_subscription){.kind = HADAL_EVENT_STEP,
					    .access = HADAL_ACCESS_EXECUTE,
					    .root = event->cr3,
					    .action = HADAL_ACTION_COUNT};
	unsubscribe_from(events, number);
	number = subscribe_to(events, &asked);
	while (state_of(events, number).hits < 100)
		wait_ms(10);
}

/* Where the CPU starts, as an address of this program's too. */
static void break_at(uint32_t page)
{
	const struct hadal_subscription asked = {.kind = HADAL_EVENT_BREAK,
						 .access = HADAL_ACCESS_EXECUTE,
						 .first = page,
						 .count = 1,
						 .method = HADAL_BREAK_DEBUG};
	uint8_t *there = mmap((void *)(uintptr_t)page, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(there == (void *)(uintptr_t)page);
	*there = 0;
	subscribe_to(events, &asked);
}

static uint64_t exits_of_cpu_1(enum hadal_exit_kind kind)
{
	struct hadal_stats stats;

	EQUAL(hadal_stats(hadal, 1, &stats, &error), 0);
	return stats.exits[kind];
}

/*
 * Bochs forgets one that comes while the image runs, which a step makes likely. On AMD it is a
 * message between vCPUs, which gets nowhere else.
 */
static void send_init(void)
{
	uint64_t before = exits_of_cpu_1(HADAL_EXIT_INIT);

	if (is_amd) {
		send(HADAL_TEST_INIT);
		wait_ms(10);
		return;
	}
	for (int i = 0; i < 100 && exits_of_cpu_1(HADAL_EXIT_INIT) == before; i++) {
		send(HADAL_TEST_INIT);
		wait_ms(10);
	}
	EQUAL(exits_of_cpu_1(HADAL_EXIT_INIT), before + 1);
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
	uint64_t exceptions;

	setbuf(stdout, NULL);
	pin_to_cpu(0);
	hadal = open_hadal();
	EQUAL(hadal_info(hadal, &info, &error), 0);
	is_amd = info.vendor == HADAL_VENDOR_AMD;
	module = open("/dev/hadal_test", O_RDWR);
	CHECK(module >= 0);
	place(FIRST);
	place(SECOND);

	/* Who does not wait for a SIPI does not see one. */
	send(HADAL_TEST_SIPI(FIRST));
	wait_ms(50);
	EQUAL(mark_at(FIRST).starts, 0);

	EQUAL(hadal_events_open(&events, RING_BYTES, &error), 0);
	/* QEMU compares it with EIP, without the base of CS, and ends itself. */
	if (!is_amd)
		break_at(SECOND);
	step_on_cpu_1();
	send_init();
	send(HADAL_TEST_SIPI(FIRST));
	wait_for_starts(FIRST, 1);
	check_registers(FIRST, family);

	/* The second SIPI that systems send finds nobody waiting. */
	send(HADAL_TEST_SIPI(SECOND));
	wait_ms(50);
	EQUAL(mark_at(SECOND).starts, 0);

	/* Out of HLT in real mode, to another place. */
	exceptions = exits_of_cpu_1(HADAL_EXIT_EXCEPTION);
	for (unsigned round = 1; round <= 3; round++) {
		send_init();
		send(HADAL_TEST_SIPI(SECOND));
		wait_for_starts(SECOND, round);
		check_registers(SECOND, family);
		if (!is_amd)
			EQUAL(exits_of_cpu_1(HADAL_EXIT_EXCEPTION) - exceptions, round);
	}
	EQUAL(mark_at(FIRST).starts, 1);

	EQUAL(hadal_info(hadal, &info, &error), 0);
	EQUAL(info.cpu_running, 2);
	puts("sipi: fine");
	return 0;
}
