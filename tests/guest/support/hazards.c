// SPDX-License-Identifier: MIT
/* What may go wrong with pages that show others: a target, clients and churn. */
#include "support/hazards.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/libvmi.h"

#define CHURN_PAGES 2048

volatile uint64_t *target;
uint64_t target_physical;

void target_write(void)
{
	target = (uint64_t *)vmi_pages(1);
	for (uint64_t i = 0; i < TARGET_WORDS; i++)
		target[i] = TARGET_WORD(i);
	target_physical = vmi_physical(target);
}

void target_check(const volatile void *page)
{
	for (uint64_t i = 0; i < TARGET_WORDS; i++)
		EQUAL(((const volatile uint64_t *)page)[i], TARGET_WORD(i));
}

/* Asking lets go of pages that are in no address space any more. */
static struct hadal_client total(void)
{
	static struct hadal_client_info clients[HADAL_MAX_CLIENTS];
	struct hadal_client sum = {0};
	struct hadal *hadal;
	struct hadal_info info;
	int count;

	hadal = open_hadal();
	count = hadal_clients(hadal, clients, HADAL_MAX_CLIENTS, NULL);
	CHECK(count > 0);
	for (int i = 0; i < count; i++) {
		sum.pages += clients[i].state.pages;
		sum.mapped += clients[i].state.mapped;
	}
	CHECK(!hadal_info(hadal, &info, NULL));
	EQUAL(info.mapped_pages, sum.mapped);
	hadal_close(hadal);
	return sum;
}

uint64_t mapped_pages(void)
{
	return total().mapped;
}

uint64_t known_pages(void)
{
	return total().pages;
}

pid_t start(void (*run)(int), int argument)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	CHECK(child >= 0);
	if (child)
		return child;
	run(argument);
	exit(0);
}

int end_of(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

static void allocate(int count)
{
	memset(vmi_pages(count), 0xee, count * PAGE);
}

void churn(void)
{
	for (int i = 0; i < 2; i++)
		EQUAL(end_of(start(allocate, CHURN_PAGES)), 0);
	target_check(target);
}
