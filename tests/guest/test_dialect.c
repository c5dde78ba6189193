// SPDX-License-Identifier: MIT
/*
 * test_dialect on|off: the requests of LibVMI's driver of 2018, which are answered, or are no
 * instructions. Run it with hadal exec.
 */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "support/check.h"
#include "support/libvmi.h"

enum { PING = 1, GET = 2, UNMAP = 3, NONE = 4, MAP = 5 };

static sigjmp_buf back;

static void on_signal(int number)
{
	siglongjmp(back, number);
}

/* All registers but RAX must survive. */
static uint64_t call(uint64_t number, const volatile void *address, uint64_t rsi, uint64_t rbx)
{
	struct vmi_registers in = {.rax = number,
				   .rbx = rbx,
				   .rcx = 3,
				   .rdx = 0x55, /* no domain */
				   .rsi = rsi,
				   .rdi = (uintptr_t)address},
			     out = in;

	vmi_execute(&out);
	in.rax = out.rax;
	CHECK(!memcmp(&in, &out, sizeof(in)));
	return out.rax;
}

static void test_off(void)
{
	signal(SIGILL, on_signal);
	for (volatile uint64_t number = 0; number < 8; number++) {
		int caught = sigsetjmp(back, 1);

		if (!caught)
			call(number, NULL, 0, 0);
		EQUAL(caught, SIGILL);
	}
}

static void test_registers(void)
{
	char *json = (char *)vmi_pages(1);

	EQUAL(call(PING, NULL, 0, 0), 0);
	EQUAL(call(NONE, NULL, 0, 0), 1);
	EQUAL(call(0, NULL, 0, 0), 1);
	EQUAL(call(GET, json, PAGE, 0), 0);
	EQUAL(vmi_json_register(json, "RAX"), GET);
	EQUAL(vmi_json_register(json, "RDI"), (uintptr_t)json);
	EQUAL(call(GET, json, 10, 0), 1);
	EQUAL(call(GET, (void *)0x1000, PAGE, 0), 1);
	munmap(json, PAGE);
}

static void test_pages(void)
{
	volatile uint8_t *page = vmi_pages(1), *target = vmi_pages(1);
	uint64_t frame = vmi_physical(target) / PAGE;

	page[5] = 55;
	target[5] = 66;
	EQUAL(call(UNMAP, page, 0, frame), 0); /* shows nothing yet */
	EQUAL(page[5], 55);
	EQUAL(call(MAP, page, 7, frame), 0);
	EQUAL(page[5], 66);
	EQUAL(call(UNMAP, page, 0, frame), 0);
	EQUAL(page[5], 55);
	EQUAL(call(MAP, page, 7, frame), 0);
	EQUAL(page[5], 66);
	EQUAL(call(UNMAP, page, 0, 0), 0);
	EQUAL(page[5], 55);
	EQUAL(call(MAP, page + 8, 0, frame), 1);
	EQUAL(call(MAP, page, 0, 0xfee00), 1);
	EQUAL(call(MAP, page, 0, 1ull << 52 | frame), 1);
	EQUAL(call(MAP, (void *)0x1000, 0, frame), 1);
	EQUAL(call(UNMAP, page + 8, 0, frame), 1);
	EQUAL(call(UNMAP, (void *)0x1000, 0, frame), 0);
	EQUAL(call(UNMAP, (void *)vmi_symbol("init_task"), 0, frame), 1);
	EQUAL(page[5], 55);
}

int main(int argc, char **argv)
{
	EQUAL(vmi_call(VMI_ACK, 0, 0, DOM0), 0);
	if (argc > 1 && !strcmp(argv[1], "off")) {
		test_off();
		return 0;
	}
	test_registers();
	test_pages();
	return 0;
}
