// SPDX-License-Identifier: MIT
/* The requests of LibVMI's driver, instruction by instruction. */
#include "support/libvmi.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <json-c/json.h>

#include "support/check.h"

#define EXECUTE(name, instruction)                                                         \
	void name(struct vmi_registers *r)                                                 \
	{                                                                                  \
		__asm__ volatile(instruction                                               \
				 : "+a"(r->rax), "+b"(r->rbx), "+c"(r->rcx), "+d"(r->rdx), \
				   "+S"(r->rsi), "+D"(r->rdi)                              \
				 :                                                         \
				 : "memory");                                              \
	}
EXECUTE(vmi_execute, "vmcall")
EXECUTE(vmi_execute_amd, "vmmcall")
EXECUTE(vmi_cpuid, "cpuid")

uint64_t vmi_call(uint64_t number, uint64_t rdi, uint64_t rsi, uint64_t domain)
{
	struct vmi_registers r = {.rax = number, .rdi = rdi, .rsi = rsi, .rdx = domain};

	vmi_execute(&r);
	return r.rax;
}

uint64_t vmi_physical(const volatile void *address)
{
	struct vmi_registers r = {.rax = VMI_V2P, .rdi = (uintptr_t)address, .rsi = 0x1234567};

	vmi_execute(&r);
	EQUAL(r.rax, 0);
	EQUAL(r.rsi, 0x1234567);
	return r.rdi;
}

void vmi_map(volatile void *page, uint64_t physical)
{
	EQUAL(vmi_call(VMI_MAP, (uintptr_t)page, physical, DOM0), 0);
}

void vmi_restore(volatile void *page, uint64_t physical)
{
	vmi_map(page, physical);
}

uint8_t *vmi_pages(size_t count)
{
	uint8_t *pages = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(pages != MAP_FAILED);
	memset(pages, 0x11, count * PAGE);
	return pages;
}

uint64_t vmi_symbol(const char *name)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[256], symbol[200];
	uint64_t address, found = 0;

	CHECK(file);
	while (!found && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx %*c %199s", &address, symbol) == 2 && !strcmp(symbol, name))
			found = address;
	fclose(file);
	return found;
}

int64_t vmi_json_register(const char *json, const char *name)
{
	struct json_object *object = json_tokener_parse(json), *value;
	int64_t number;

	CHECK(object);
	if (!json_object_object_get_ex(object, name, &value)) {
		printf("no %s in %s\n", name, json);
		exit(1);
	}
	CHECK(json_object_is_type(value, json_type_int));
	number = json_object_get_int64(value);
	json_object_put(object);
	return number;
}
