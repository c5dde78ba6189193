// SPDX-License-Identifier: MIT
/* The system moves its local APIC while Hadal runs: CPUs find each other all the same. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "support/check.h"
#include "support/world.h"

/* Nothing is there: between the boot ROM and the usual place of the local APIC. */
#define ELSEWHERE 0xfef00000ull

static struct world world;

static int64_t move_to(int device, uint64_t place)
{
	struct hadal_test_act request = {HADAL_TEST_MOVE_APIC, 1, place, world.arena.physical};

	CHECK(!ioctl(device, HADAL_TEST_ACT, &request));
	return request.value;
}

static void check_moved(int device)
{
	const struct hadal_regs *regs = (void *)world.arena.bytes;

	for (int i = 0; i < 100; i++) {
		memset(world.arena.bytes, 0, PAGE);
		EQUAL(move_to(device, ELSEWHERE), 0);
		EQUAL(regs->cpu, 1);
		CHECK(regs->rip);
		EQUAL(ring0_call(HADAL_CALL_REGS, 1, world.arena.physical, PAGE, 0, 0), 0);
	}
}

/* moves: whether the emulator moves it, too. */
int main(int argc, char **argv)
{
	int device;

	setlinebuf(stdout);
	pin_to_cpu(0);
	world_open(&world, false);
	device = open("/dev/hadal_test", O_RDWR);
	CHECK(device >= 0);
	/* Not where the hypervisor's memory is. */
	EQUAL(move_to(device, world.own), -EIO);
	if (argc > 1 && !strcmp(argv[1], "moves"))
		check_moved(device);
	return 0;
}
