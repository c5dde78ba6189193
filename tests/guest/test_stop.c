// SPDX-License-Identifier: MIT
/* test_stop WHICH [WAY]: makes HADAL_CALL_STOP on CPU 0 from ring 0, with the address of a way out
 * if one is given, and prints what it returns. */
#include <stdio.h>
#include <stdlib.h>

#include "support/check.h"
#include "support/ring0.h"

int main(int argc, char **argv)
{
	struct arena arena;

	CHECK(argc == 2 || argc == 3);
	ring0_open(&arena);
	pin_to_cpu(0);
	printf("%lld\n",
	       (long long)ring0_call(HADAL_CALL_STOP, strtoul(argv[1], NULL, 0),
				     argc == 3 ? strtoull(argv[2], NULL, 0) : 0, 0, 0, 0));
	return 0;
}
