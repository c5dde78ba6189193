// SPDX-License-Identifier: MIT
/*
 * The processors enter the image. All are in one function of this program's meanwhile, so none runs
 * anything of the firmware's while some are under Hadal and others are not.
 */
#include "print.h"
#include "processors.h"

#define STEP_US    100u
#define PATIENCE   100000u /* steps: 10 s, for the slowest firmware to have woken all */
#define TIMED_OUT  (-62)
#define NOT_NUMBER 0xffffffffu

/* EFI_MP_SERVICES_PROTOCOL_GUID */
static const struct efi_guid mp_services = {
	0x3fdda605, 0xa76e, 0x4f46, {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}};

typedef int64_t(__attribute__((sysv_abi)) * image_function)(uint64_t op, uint64_t boot,
							    uint64_t root, uint64_t cpu);

enum decision { WAIT, STAY, LEAVE };

static struct {
	const struct hypervisor_memory *memory;
	const struct processors *processors;
	uint32_t tried; /* of the others, with atomic operations as what follows */
	int64_t error;  /* of one that could not enter; 0: all could */
	uint32_t decision;
} together;

int64_t call_image(const struct hypervisor_memory *memory, enum hadal_enter op, uint64_t root,
		   uint64_t cpu)
{
	image_function enter =
		(image_function)((uint64_t)memory->trampoline + memory->image->entry_offset);
	uint64_t flags;
	int64_t result;

	__asm__ volatile("pushfq; pop %0; cli" : "=r"(flags) : : "memory");
	result = enter(op, (uint64_t)memory->boot, root, cpu);
	__asm__ volatile("push %0; popfq" : : "r"(flags) : "memory", "cc");
	return result;
}

void call_stop(enum hadal_stop how)
{
	uint64_t number = HADAL_CALL_BASE + HADAL_CALL_STOP, which = how;

	__asm__ volatile("vmmcall"
			 : "+a"(number), "+D"(which)
			 :
			 : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory");
}

/* The operating system's first processor is this one; it counts the others in their order. */
static uint64_t index_of(const struct processors *processors, uint64_t number)
{
	if (number == processors->own)
		return 0;
	return number < processors->own ? number + 1 : number;
}

static int64_t enter_this(uint64_t cpu)
{
	const struct hypervisor_memory *memory = together.memory;

	return call_image(memory, HADAL_ENTER_START, memory->boot->root, cpu);
}

/* On each of the others. */
static void enter_other(void *unused)
{
	struct efi_mp_services *services = together.processors->services;
	uint64_t number = NOT_NUMBER;
	int64_t error = TIMED_OUT;

	(void)unused;
	if (!services->who_am_i(services, &number) && number < together.processors->all &&
	    __atomic_load_n(&together.decision, __ATOMIC_SEQ_CST) == WAIT)
		error = enter_this(index_of(together.processors, number));
	if (error)
		__atomic_store_n(&together.error, error, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&together.tried, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&together.decision, __ATOMIC_SEQ_CST) == WAIT)
		__asm__ volatile("pause");
	/* The way back is through this program, which is still there. */
	if (!error && together.decision == LEAVE)
		call_stop(HADAL_STOP_CPU);
}

static bool wait_for_others(struct efi_boot_services *services, uint64_t count)
{
	for (uint32_t i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&together.tried, __ATOMIC_SEQ_CST) == count)
			return true;
		services->stall(STEP_US);
	}
	return false;
}

/* Returns when all have entered, or with why one has not. */
static int64_t enter_all(struct efi_boot_services *services, uint64_t others, bool *lost)
{
	int64_t error;

	if (!wait_for_others(services, others)) {
		*lost = true;
		return TIMED_OUT;
	}
	error = together.error;
	return error ? error : enter_this(0);
}

static void decide(enum decision decision)
{
	__atomic_store_n(&together.decision, decision, __ATOMIC_SEQ_CST);
}

int64_t processors_enter(struct efi_boot_services *services, const struct processors *processors,
			 const struct hypervisor_memory *memory, bool *lost)
{
	struct efi_mp_services *mp = processors->services;
	efi_handle event;
	uint64_t index;
	int64_t error;

	*lost = false;
	together.memory = memory;
	together.processors = processors;
	if (processors->enabled == 1)
		return enter_this(0);
	if (services->create_event(0, 0, NULL, NULL, &event) ||
	    mp->startup_all(mp, enter_other, false, event, 0, NULL, NULL)) {
		say("the firmware does not start the other processors");
		return TIMED_OUT;
	}
	error = enter_all(services, processors->enabled - 1, lost);
	decide(error ? LEAVE : STAY);
	if (!*lost)
		services->wait_for_event(1, &event, &index);
	services->close_event(event);
	return error;
}

bool processors_find(struct efi_boot_services *services, struct processors *processors)
{
	struct efi_mp_services *mp;

	*processors = (struct processors){.all = 1, .enabled = 1};
	if (services->locate_protocol(&mp_services, NULL, (void **)&mp) ||
	    mp->processors(mp, &processors->all, &processors->enabled) ||
	    mp->who_am_i(mp, &processors->own)) {
		processors->all = processors->enabled = 1;
		processors->own = 0;
		return true;
	}
	processors->services = mp;
	if (processors->all <= HADAL_MAX_CPUS)
		return true;
	say("this machine has %u processors, and Hadal handles %u", processors->all,
	    (uint64_t)HADAL_MAX_CPUS);
	return false;
}
