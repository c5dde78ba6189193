// SPDX-License-Identifier: MIT
/* LibVMI's request to set registers, and what is refused of it: run it with hadal exec. */
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/libvmi.h"
#include "support/ring0.h"

#define MARK 0x1111ull /* in RBX and R12 before each request */

struct after {
	uint64_t rax, rbx, r12, flags;
};

/* The request with RBX and R12 known; what they are behind it. */
static struct after set_at(const void *text, uint64_t bytes, uint64_t domain)
{
	register uint64_t r12 __asm__("r12") = MARK;
	struct after after = {.rax = VMI_SET, .rbx = MARK};

	__asm__ volatile("vmcall\n\tpushfq\n\tpop %2\n\tcld"
			 : "+a"(after.rax), "+b"(after.rbx), "=&r"(after.flags), "+r"(r12)
			 : "D"(text), "S"(bytes), "d"(domain)
			 : "memory", "cc");
	after.r12 = r12;
	return after;
}

static struct after set(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct after set(const char *format, ...)
{
	static char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return set_at(text, strlen(text) + 1, DOM0);
}

static void accepted(struct after after, uint64_t rbx, uint64_t r12)
{
	EQUAL(after.rax, 0);
	EQUAL(after.rbx, rbx);
	EQUAL(after.r12, r12);
}

static void refused(struct after after)
{
	EQUAL(after.rax, 1);
	EQUAL(after.rbx, MARK);
	EQUAL(after.r12, MARK);
}

static void test_own(void)
{
	accepted(set("{}"), MARK, MARK);
	accepted(set("{\"RBX\":77}"), 77, MARK);
	accepted(set(" {\t\"RBX\" : -3 ,\n\"R12\": 18446744073709551615 } \r\n"), -3, -1);
	accepted(set("{\"R12\":-9223372036854775808,\"RBX\":9223372036854775808}"), 1ull << 63,
		 1ull << 63);
	accepted(set("{\"RBX\":0,\"R12\":-0}"), 0, 0);
	/* The size may end with the object. */
	accepted(set_at("{\"RBX\":5}}}}", 9, DOM0), 5, MARK);
	accepted(set_at("{\"RBX\":5}\0}}", 12, DOM0), 5, MARK);
	EQUAL(set("{\"RAX\":4711,\"RBX\":1}").rax, 4711);
	EQUAL(set("{\"RFL\":%d}", 0x647).flags & 0x4c5, 0x445); /* CF, PF, ZF, DF */
}

static uint64_t jump(void)
{
	char text[64];
	uint64_t rax = VMI_SET, rbx = 0;
	extern char jump_target[];

	snprintf(text, sizeof(text), "{\"RIP\":%ld}", (long)(uintptr_t)jump_target);
	__asm__ volatile("vmcall\n\t"
			 "mov $1, %%ebx\n\t"
			 "jmp 1f\n\t"
			 ".globl jump_target\njump_target: or $2, %%rbx\n1:"
			 : "+a"(rax), "+b"(rbx)
			 : "D"(text), "S"(strlen(text)), "d"(DOM0)
			 : "memory", "cc");
	EQUAL(rax, 0);
	return rbx;
}

/* FS is the C library's: it is set back before anything else. */
static void test_bases(void)
{
	static uint64_t value = 0x123456789abcdef;
	char other[64], own[64], json[PAGE];
	uint64_t rax = VMI_SET, second = VMI_SET, read;
	char *text = other;

	EQUAL(vmi_call(VMI_GET, (uintptr_t)json, PAGE, DOM0), 0);
	snprintf(own, sizeof(own), "{\"FS_BASE\":%ld}", vmi_json_register(json, "FS_BASE"));
	snprintf(other, sizeof(other), "{\"FS_BASE\":%ld}", (long)(uintptr_t)&value);
	__asm__ volatile("vmcall\n\t"
			 "mov %%fs:0, %%rbx\n\t"
			 "xchg %%rax, %1\n\t"
			 "mov %5, %3\n\t"
			 "vmcall\n\t"
			 "xchg %%rax, %1"
			 : "+a"(rax), "+r"(second), "=&b"(read), "+D"(text)
			 : "S"(64ull), "r"(own), "d"(DOM0)
			 : "memory", "cc");
	EQUAL(rax, 0);
	EQUAL(second, 0);
	EQUAL(read, value);
	accepted(set("{\"GS_BASE\":%ld}", (long)(uintptr_t)&value), MARK, MARK);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(read));
	EQUAL(read, value);
	accepted(set("{\"GS_BASE\":0}"), MARK, MARK);
}

/* What getting gives, setting takes. */
static void test_round_trip(void)
{
	char json[PAGE], again[PAGE], *rest;
	size_t prefix;

	EQUAL(vmi_call(VMI_GET, (uintptr_t)json, PAGE, DOM0), 0);
	/* Without what the calls themselves change, which comes first and stands together. */
	rest = strstr(json, "\"CR0\"");
	CHECK(rest);
	rest[-1] = '{';
	accepted(set_at(rest - 1, strlen(rest) + 2, DOM0), MARK, MARK);
	EQUAL(vmi_call(VMI_GET, (uintptr_t)again, PAGE, DOM0), 0);
	prefix = strstr(again, "\"CR0\"") - again;
	CHECK(!strcmp(rest, again + prefix));
}

static void test_refused_text(void)
{
	static const char *const wrong[] = {
		"",
		"{",
		"}",
		"[]",
		"null",
		"{\"RBX\"}",
		"{\"RBX\":}",
		"{\"RBX\":1",
		"{\"RBX\":1,}",
		"{,\"RBX\":1}",
		"{\"RBX\":1 \"R12\":1}",
		"{\"RBX\":1}x",
		"{\"RBX\":1}}",
		"{\"RBX\":1}{}",
		"{\"RBX\":1,\"RBX\":1}",
		"{\"RBX\":1,\"rbx\":2}",
		"{\"RBX\":1,\"NONE\":2}",
		"{\"RBX\":1,\"\":2}",
		"{\"RBX\":1,\"RB\":2}",
		"{\"RBX\":1,\"RBXX\":2}",
		"{\"RBX\":+1}",
		"{\"RBX\":01}",
		"{\"RBX\":-}",
		"{\"RBX\":1.0}",
		"{\"RBX\":1e3}",
		"{\"RBX\":0x10}",
		"{\"RBX\":\"1\"}",
		"{\"RBX\":true}",
		"{\"RBX\":18446744073709551616}",
		"{\"RBX\":-9223372036854775809}",
		"{\"RBX\":99999999999999999999999}",
		"{\"RBX\":1,\"CS_SEL\":65536}",
		"{\"RBX\":1,\"DS_SEL\":-1}",
		"{\"RBX\":1,\"DS_LIMIT\":4294967296}",
		"{RBX:1}",
		"{'RBX':1}",
		"{\"R\\u0042X\":1}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused(set("%s", wrong[i]));
}

static void test_refused_values(void)
{
	static const struct {
		const char *key;
		int64_t value;
	} wrong[] = {
		{"RIP", 0x800000000000},
		{"RFL", 0},
		{"RFL", 0x20202},
		{"CR0", 0x50033},
		{"CR0", 0x1180050033},
		{"CR3", 1ll << 62},
		{"CR4", 0},
		{"CR4", 1ll << 50},
		{"CR8", 16},
		{"XCR0", 0},
		{"DR6", 0},
		{"DR7", 1ll << 33},
		{"CS_ARBYTES", 0},
		{"CS_SEL", 0x10},
		{"CS_BASE", 1ll << 40},
		{"SS_BASE", 1ll << 40},
		{"DS_BASE", 1ll << 40},
		{"ES_BASE", 1ll << 40},
		{"FS_BASE", 1ll << 47},
		{"GS_BASE", 1ll << 62},
		{"TR_ARBYTES", 0},
		{"TR_BASE", 1ll << 47},
		{"LDTR_BASE", 1ll << 47},
		{"GDTR_BASE", 1ll << 47},
		{"GDTR_LIMIT", 0x10000},
		{"IDTR_BASE", 1ll << 47},
		{"IDTR_LIMIT", 0x10000},
		{"SHADOW_GS", 1ll << 47},
		{"MSR_EFER", 0},
		{"MSR_LSTAR", 1ll << 47},
		{"MSR_CSTAR", 1ll << 47},
		{"MSR_SYSCALL_MASK", 1ll << 32},
		{"SYSENTER_CS", 1ll << 32},
		{"SYSENTER_ESP", 1ll << 47},
		{"SYSENTER_EIP", 1ll << 47},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct after after =
			set("{\"RBX\":1,\"%s\":%ld,\"R12\":2}", wrong[i].key, wrong[i].value);

		if (after.rax != 1)
			printf("%s %#lx is not refused\n", wrong[i].key, wrong[i].value);
		refused(after);
	}
}

static void test_buffers(void)
{
	static const char text[] = "{\"RBX\":9}";
	uint64_t long_text = sizeof(text) - 1;
	char *pages = (char *)vmi_pages(3);
	int file = memfd_create("text", 0);
	char *mapped;

	refused(set_at(text, 0, DOM0));
	refused(set_at(text, 4097, DOM0));
	refused(set_at(text, -1, DOM0));
	refused(set_at(text, long_text, OTHER));
	refused(set_at((void *)vmi_symbol("init_task"), long_text, DOM0));
	refused(set_at((void *)0x8000000000000000, long_text, DOM0));
	refused(set_at((void *)0x1000, long_text, DOM0));
	/* Across two pages, and from a page that is read-only and not present. */
	memcpy(pages + PAGE - 4, text, sizeof(text));
	accepted(set_at(pages + PAGE - 4, long_text, DOM0), 9, MARK);
	CHECK(!mprotect(pages, 2 * PAGE, PROT_READ));
	accepted(set_at(pages + PAGE - 4, long_text, DOM0), 9, MARK);
	CHECK(!munmap(pages + PAGE, PAGE));
	refused(set_at(pages + PAGE - 4, long_text, DOM0));
	CHECK(!ftruncate(file, PAGE) && pwrite(file, text, sizeof(text), 0) == sizeof(text));
	mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	CHECK(mapped != MAP_FAILED);
	accepted(set_at(mapped, PAGE, DOM0), 9, MARK);
	munmap(mapped, PAGE);
	close(file);
}

static void test_paused(void)
{
	struct hadal_regs regs;
	struct hadal *hadal;

	hadal = open_hadal();
	refused(set("{\"VCPU\":1,\"DR0\":4096}"));
	CHECK(!hadal_pause(hadal, 1, 10000, NULL));
	accepted(set("{\"VCPU\":1}"), MARK, MARK);
	accepted(set("{\"DR1\":8192,\"VCPU\":1,\"DR0\":4096}"), MARK, MARK);
	CHECK(!hadal_regs(hadal, 1, &regs, NULL));
	EQUAL(regs.dr0, 4096);
	EQUAL(regs.dr1, 8192);
	refused(set("{\"VCPU\":1,\"DR0\":0,\"CR8\":16}"));
	CHECK(!hadal_regs(hadal, 1, &regs, NULL));
	EQUAL(regs.dr0, 4096);
	accepted(set("{\"VCPU\":1,\"DR0\":0,\"DR1\":0}"), MARK, MARK);
	refused(set("{\"VCPU\":0,\"RBX\":1}"));
	refused(set("{\"VCPU\":2,\"RBX\":1}"));
	refused(set("{\"VCPU\":-1,\"RBX\":1}"));
	refused(set("{\"VCPU\":4294967297,\"RBX\":1}"));
	CHECK(!hadal_resume(hadal, 1, NULL));
	refused(set("{\"VCPU\":1,\"DR0\":4096}"));
	hadal_close(hadal);
}

int main(void)
{
	pin_to_cpu(0);
	test_own();
	EQUAL(jump(), 2);
	test_bases();
	test_round_trip();
	test_refused_text();
	test_refused_values();
	test_buffers();
	test_paused();
	return 0;
}
