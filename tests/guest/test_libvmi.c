// SPDX-License-Identifier: MIT
/* Every request of LibVMI's Bareflank driver and every error: run it with hadal exec. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/libvmi.h"

#define LOCAL_APIC 0xfee00000ull

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
}

static void test_presence(void)
{
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		struct vmi_registers r = {.rax = 0x40001337};

		pin(cpu);
		vmi_cpuid(&r);
		EQUAL((uint32_t)r.rax, 42);
		EQUAL((uint32_t)r.rbx, 42);
		EQUAL((uint32_t)r.rcx, 42);
		EQUAL((uint32_t)r.rdx, 42);
		EQUAL(vmi_call(VMI_ACK, 0, 0, DOM0), 0);
	}
}

static void test_unknown_requests(void)
{
	EQUAL(vmi_call(0xbf05000000000000, 0, 0, DOM0), 1);
	EQUAL(vmi_call(0xbf05000000000007, 0, 0, DOM0), 1);
	EQUAL(vmi_call(0xbf050000ffffffff, 0, 0, DOM0), 1);
}

static sigjmp_buf back;
static volatile uint8_t *door;

static void on_signal(int number)
{
	siglongjmp(back, number);
}

/* Requests of other interfaces are no instructions here. */
static void test_foreign_requests(void)
{
	static const uint64_t foreign[] = {1, 2, 3, 5, 0xbf06000000000001, 0x4841444c00000000};

	signal(SIGILL, on_signal);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		int number = sigsetjmp(back, 1);

		if (!number)
			vmi_call(foreign[i], 0, 0, DOM0);
		EQUAL(number, SIGILL);
	}
	signal(SIGILL, SIG_DFL);
}

/* A door is not for reading. */
static void test_door(void)
{
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "r");
	int number;

	CHECK(maps);
	while (!door && fgets(line, sizeof(line), maps))
		if (strstr(line, "/dev/hadal"))
			door = (void *)strtoull(line, NULL, 16);
	fclose(maps);
	CHECK(door);
	signal(SIGBUS, on_signal);
	number = sigsetjmp(back, 1);
	if (!number)
		(void)door[0];
	EQUAL(number, SIGBUS);
	signal(SIGBUS, SIG_DFL);
	CHECK(mremap((void *)door, HADAL_DOOR_PAGES * PAGE, HADAL_DOOR_PAGES * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, (void *)door - 64 * PAGE) == MAP_FAILED);
	CHECK(munmap((void *)door, PAGE));
}

/* Every register that Hadal gives; upstream's are the first 23. */
static const char *const names[] = {
	"RAX",         "RBX",          "RCX",          "RDX",
	"RBP",         "RSI",          "RDI",          "RSP",
	"R08",         "R09",          "R10",          "R11",
	"R12",         "R13",          "R14",          "R15",
	"RIP",         "RFL",          "CR0",          "CR2",
	"CR3",         "CR4",          "MSR_EFER",     "CR8",
	"XCR0",        "DR0",          "DR1",          "DR2",
	"DR3",         "DR6",          "DR7",          "CS_SEL",
	"CS_BASE",     "CS_LIMIT",     "CS_ARBYTES",   "DS_SEL",
	"ES_SEL",      "FS_SEL",       "GS_SEL",       "SS_SEL",
	"SS_ARBYTES",  "TR_SEL",       "TR_BASE",      "TR_LIMIT",
	"LDTR_SEL",    "FS_BASE",      "GS_BASE",      "GDTR_BASE",
	"GDTR_LIMIT",  "IDTR_BASE",    "IDTR_LIMIT",   "SHADOW_GS",
	"MSR_STAR",    "MSR_LSTAR",    "MSR_CSTAR",    "MSR_SYSCALL_MASK",
	"SYSENTER_CS", "SYSENTER_ESP", "SYSENTER_EIP",
};

/* The request with known values in the registers; the address of its instruction. */
static uint64_t get_registers(char *buffer)
{
	register uint64_t r8 __asm__("r8") = 8, r9 __asm__("r9") = -9, r10 __asm__("r10") = 10;
	register uint64_t r12 __asm__("r12") = 0x8000000000000000, r13 __asm__("r13") = -1;
	register uint64_t r14 __asm__("r14") = 0x7fffffffffffffff, r15 __asm__("r15") = 99;
	uint64_t status = VMI_GET, rip;

	__asm__ volatile("lea 1f(%%rip), %%rcx\n1: vmcall"
			 : "+a"(status), "=c"(rip)
			 : "D"(buffer), "S"(PAGE), "d"(DOM0), "b"(-3ull), "r"(r8), "r"(r9),
			   "r"(r10), "r"(r12), "r"(r13), "r"(r14), "r"(r15)
			 : "r11", "memory");
	EQUAL(status, 0);
	return rip;
}

static void check_own_registers(const char *json, const char *buffer, uint64_t rip)
{
	int64_t rsp = vmi_json_register(json, "RSP");

	EQUAL(vmi_json_register(json, "RAX"), VMI_GET);
	EQUAL(vmi_json_register(json, "RBX"), -3);
	EQUAL(vmi_json_register(json, "RDI"), (uintptr_t)buffer);
	EQUAL(vmi_json_register(json, "RSI"), PAGE);
	EQUAL(vmi_json_register(json, "RDX"), DOM0);
	EQUAL(vmi_json_register(json, "R08"), 8);
	EQUAL(vmi_json_register(json, "R09"), -9);
	EQUAL(vmi_json_register(json, "R10"), 10);
	EQUAL(vmi_json_register(json, "R12"), 0x8000000000000000);
	EQUAL(vmi_json_register(json, "R13"), -1);
	EQUAL(vmi_json_register(json, "R14"), 0x7fffffffffffffff);
	EQUAL(vmi_json_register(json, "R15"), 99);
	EQUAL(vmi_json_register(json, "RIP"), rip);
	CHECK(rsp - (int64_t)(uintptr_t)&rsp < 65536 && (int64_t)(uintptr_t)&rsp - rsp < 65536);
	EQUAL(vmi_json_register(json, "CS_SEL"), 0x33);
	EQUAL(vmi_json_register(json, "SS_SEL"), 0x2b);
	EQUAL(vmi_json_register(json, "RFL") & 2, 2);
}

/* What a hypercall from the kernel sees of the same CPU. */
static void check_system_registers(const char *json)
{
	struct hadal *hadal;
	struct hadal_regs regs;

	hadal = open_hadal();
	CHECK(!hadal_regs(hadal, 0, &regs, NULL));
	hadal_close(hadal);
	EQUAL(vmi_json_register(json, "CR0"), regs.cr0);
	EQUAL(vmi_json_register(json, "CR4"), regs.cr4);
	EQUAL(vmi_json_register(json, "MSR_EFER"), regs.efer);
	EQUAL(vmi_json_register(json, "MSR_LSTAR"), regs.lstar);
	EQUAL(vmi_json_register(json, "MSR_STAR"), regs.star);
	EQUAL(vmi_json_register(json, "MSR_SYSCALL_MASK"), regs.sfmask);
	EQUAL(vmi_json_register(json, "SYSENTER_EIP"), regs.sysenter_eip);
	EQUAL(vmi_json_register(json, "IDTR_BASE"), regs.idtr_base);
	EQUAL(vmi_json_register(json, "TR_BASE"), regs.tr.base);
	EQUAL(vmi_json_register(json, "MSR_LSTAR"), vmi_symbol("entry_SYSCALL_64"));
	EQUAL(vmi_json_register(json, "CR3") & ~0x1fffull, regs.cr3 & ~0x1fffull);
}

static void test_get_registers(void)
{
	char *pages = (char *)vmi_pages(2), *buffer = pages + 3000;
	uint64_t rip;

	pin(0);
	rip = get_registers(buffer);
	CHECK(strlen(buffer) < PAGE);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		vmi_json_register(buffer, names[i]);
	check_own_registers(buffer, buffer, rip);
	check_system_registers(buffer);
	for (char *c = pages; c < buffer; c++)
		EQUAL(*c, 0x11);
	for (char *c = buffer + strlen(buffer) + 1; c < pages + 2 * PAGE; c++)
		EQUAL(*c, 0x11);
	munmap(pages, 2 * PAGE);
}

static uint64_t get(const void *buffer, uint64_t size, uint64_t domain)
{
	return vmi_call(VMI_GET, (uintptr_t)buffer, size, domain);
}

static void test_get_registers_errors(void)
{
	uint8_t *pages = vmi_pages(3);
	uint8_t *absent =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t length;

	EQUAL(get(absent + 100, PAGE, DOM0), 0);
	length = strlen((char *)absent + 100) + 1;
	EQUAL(get(pages, length / 2, DOM0), 1);
	EQUAL(get(pages, 0, DOM0), 1);
	EQUAL(get(pages, PAGE, OTHER), 1);
	EQUAL(get(pages, -1, DOM0), 1);
	EQUAL(get((void *)vmi_symbol("init_task"), PAGE, DOM0), 1);
	EQUAL(get((void *)0x8000000000000000, PAGE, DOM0), 1);
	EQUAL(get((void *)0x1000, PAGE, DOM0), 1);
	CHECK(!mprotect(pages + PAGE, PAGE, PROT_READ));
	EQUAL(get(pages + PAGE, PAGE, DOM0), 1);
	EQUAL(get(pages + PAGE - 100, PAGE, DOM0), 1);
	CHECK(!munmap(pages + PAGE, PAGE));
	EQUAL(get(pages + PAGE - 100, PAGE, DOM0), 1);
	for (size_t i = 0; i < PAGE; i++)
		EQUAL(pages[i] + pages[2 * PAGE + i], 0x22);
	munmap(pages, 3 * PAGE);
	munmap(absent, 2 * PAGE);
}

static void test_v2p(void)
{
	struct hadal_translation translation;
	uint64_t banner = vmi_symbol("linux_banner");
	struct vmi_registers r = {.rax = VMI_V2P, .rdi = 0x1000};
	uint8_t *pages = vmi_pages(2);
	const uint8_t *read_only = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct hadal *hadal;

	EQUAL(vmi_physical(pages), physical_of(pages));
	EQUAL(vmi_physical(pages + PAGE + 123), physical_of(pages + PAGE) + 123);
	EQUAL(vmi_physical((void *)test_v2p) & 0xfff, (uintptr_t)test_v2p & 0xfff);
	EQUAL(vmi_physical(test_v2p), physical_of(test_v2p));
	CHECK(!*(volatile const uint8_t *)read_only);
	EQUAL(vmi_physical(read_only), physical_of(read_only));

	hadal = open_hadal();
	CHECK(!hadal_translate(hadal, HADAL_ROOT_CURRENT, banner, 0, &translation, NULL));
	hadal_close(hadal);
	EQUAL(vmi_physical((void *)banner), translation.physical);

	vmi_execute(&r);
	EQUAL(r.rax, 1);
	EQUAL(r.rdi, 0x1000);
	EQUAL(vmi_call(VMI_V2P, (uintptr_t)pages, 0, OTHER), 1);
	EQUAL(vmi_call(VMI_V2P, 0x8000000000000000, 0, DOM0), 1);
	EQUAL(vmi_call(VMI_V2P, 0xffff800000000000, 0, DOM0), 1);
	EQUAL(vmi_call(VMI_PROBE, (uintptr_t)pages, 0, DOM0), 0);
	EQUAL(vmi_call(VMI_PROBE, banner, 0, DOM0), 0);
	EQUAL(vmi_call(VMI_PROBE, 0x1000, 0, DOM0), 1);
	EQUAL(vmi_call(VMI_PROBE, banner, 0, OTHER), 1);
	munmap(pages, 2 * PAGE);
}

static void test_map(void)
{
	volatile uint8_t *page = vmi_pages(1), *target = vmi_pages(1);
	uint64_t own = vmi_physical(page), other = vmi_physical(target);

	page[5] = 55;
	target[5] = 66;
	pin(0);
	EQUAL(page[5], 55);
	vmi_map(page, other);
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		pin(cpu);
		EQUAL(page[5], 66);
		page[6] = cpu + 1;
		EQUAL(target[6], cpu + 1);
	}
	EQUAL(vmi_physical(page), own);
	vmi_map(page, own); /* restores */
	EQUAL(page[5], 55);
	EQUAL(page[6], 0x11);
	pin(0);
	EQUAL(page[5], 55);
	vmi_restore(page, own);
	EQUAL(page[5], 55);
	munmap((void *)page, PAGE);
	munmap((void *)target, PAGE);
}

static uint64_t map(const volatile void *page, uint64_t physical, uint64_t domain)
{
	return vmi_call(VMI_MAP, (uintptr_t)page, physical, domain);
}

/* The address of a page of the hypervisor's. */
static uint64_t own_page(void)
{
	struct hadal *hadal;
	struct hadal_ram ram;
	uint8_t byte;

	hadal = open_hadal();
	CHECK(!hadal_ram(hadal, &ram, NULL));
	for (uint32_t i = 0; i < ram.count; i++) {
		for (uint64_t at = ram.range[i].start; at < ram.range[i].end; at += PAGE) {
			if (hadal_read(hadal, at, &byte, 1, 0, NULL, NULL) != -EACCES)
				continue;
			hadal_close(hadal);
			return at;
		}
	}
	CHECK(!"the hypervisor has memory");
	return 0;
}

static bool is_zero(const volatile uint8_t *page)
{
	for (size_t i = 0; i < PAGE; i++)
		if (page[i])
			return false;
	return true;
}

/* The hypervisor's memory is zeros, as it is to everybody, and stays so. */
static void test_map_own(void)
{
	volatile uint8_t *page = vmi_pages(1);
	uint64_t self = vmi_physical((void *)page), own = own_page();

	page[5] = 55;
	EQUAL(map(page, own, DOM0), 0);
	CHECK(is_zero(page));
	page[5] = 66;
	*(volatile uint64_t *)(page + 8) = 77;
	memset((void *)page, 0x33, PAGE);
	CHECK(is_zero(page));
	EQUAL(get((uint8_t *)page, PAGE, DOM0), 1);
	EQUAL(vmi_call(VMI_SET, (uintptr_t)page, PAGE, DOM0), 1);
	CHECK(is_zero(page));
	vmi_restore((void *)page, self);
	EQUAL(page[5], 55);
	EQUAL(page[6], 0x11);
	munmap((void *)page, PAGE);
}

static void test_map_errors(void)
{
	uint8_t *page = vmi_pages(2);
	uint64_t other = vmi_physical(page + PAGE);
	uint8_t *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(shared, 0x11, PAGE);
	EQUAL(map(page, other, OTHER), 1);
	EQUAL(map(page + 8, other, DOM0), 1);
	EQUAL(map(page, other + 8, DOM0), 1);
	EQUAL(map(page, LOCAL_APIC, DOM0), 1);
	EQUAL(map(page, 0xffffffffffff000, DOM0), 1);
	EQUAL(map(page, 1ull << 40, DOM0), 1);
	EQUAL(map((void *)0x1000, other, DOM0), 1);
	EQUAL(map((void *)vmi_symbol("init_task"), other, DOM0), 1);
	EQUAL(map((void *)0x8000000000000000, other, DOM0), 1);
	EQUAL(map(shared, other, DOM0), 1);
	EQUAL(map((void *)((uintptr_t)test_map_errors & ~0xfffull), other, DOM0), 1);
	CHECK(!mprotect(page, PAGE, PROT_READ));
	EQUAL(map(page, other, DOM0), 1);
	for (size_t i = 0; i < PAGE; i++)
		EQUAL(page[i] + shared[i], 0x22);
	munmap(page, 2 * PAGE);
	munmap(shared, PAGE);
}

/* The instruction may lie across two pages. */
static void test_straddling(void)
{
	static const uint8_t code[] = {0x0f, 0x01, 0xc1, 0xc3}; /* vmcall; ret */

	for (int first = 1; first < 3; first++) {
		uint8_t *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		uint64_t status = VMI_ACK;

		CHECK(pages != MAP_FAILED);
		memcpy(pages + PAGE - first, code, sizeof(code));
		__asm__ volatile("call *%1"
				 : "+a"(status)
				 : "r"(pages + PAGE - first)
				 : "memory", "rcx", "rdx");
		EQUAL(status, 0);
		munmap(pages, 2 * PAGE);
	}
}

static void test_amd_instruction(void)
{
	struct vmi_registers r = {.rax = VMI_ACK};

	if (__builtin_cpu_is("intel"))
		return;
	vmi_execute_amd(&r);
	EQUAL(r.rax, 0);
}

int main(void)
{
	test_presence();
	test_unknown_requests();
	test_foreign_requests();
	test_door();
	test_get_registers();
	test_get_registers_errors();
	test_v2p();
	test_map();
	test_map_own();
	test_map_errors();
	test_straddling();
	test_amd_instruction();
	return 0;
}
