// SPDX-License-Identifier: MIT
/* As the first program of a system: the instructions since the machine was reset, and of these the
 * kernel's, as its clock counts them. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

int main(void)
{
	uint64_t all = __builtin_ia32_rdtsc();
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now))
		return 1;
	printf("boot %" PRIu64 " %" PRIu64 "\n", all,
	       now.tv_sec * UINT64_C(1000000000) + now.tv_nsec);
	return 0;
}
