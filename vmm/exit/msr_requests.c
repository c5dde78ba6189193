// SPDX-License-Identifier: MIT
/* Which MSRs extensions and base handlers want to exit, for all vCPUs together. */
#include "base/errno.h"
#include "cpus/lock.h"
#include "extension/extension.h"
#include "vcpu/vendor.h"

#define MSR_REQUEST_MAX 256

/* Several CPUs ask at once; the bitmap must follow in the order of the counts. */
static LOCK(lock, .what = "which MSRs exit", .always_whole = true);

/* Who wants which MSR to exit, counted. */
static struct msr_request {
	uint32_t msr;
	uint16_t readers, writers;
} msr_request[MSR_REQUEST_MAX];

static struct msr_request *find_request(uint32_t msr, bool make)
{
	struct msr_request *free_one = NULL;

	for (int i = 0; i < MSR_REQUEST_MAX; i++) {
		struct msr_request *r = &msr_request[i];

		if (!r->readers && !r->writers)
			free_one = free_one ? free_one : r;
		else if (r->msr == msr)
			return r;
	}
	if (make && free_one)
		free_one->msr = msr;
	return make ? free_one : NULL;
}

int msr_intercept(uint32_t msr, unsigned access)
{
	struct msr_request *r;

	lock_take(&lock);
	r = find_request(msr, true);
	if (r) {
		r->readers += !!(access & MSR_READ);
		r->writers += !!(access & MSR_WRITE);
		vendor->intercept_msr(msr, r->readers, r->writers);
	}
	lock_give(&lock);
	return r ? 0 : -ENOSPC;
}

void msr_release(uint32_t msr, unsigned access)
{
	struct msr_request *r;

	lock_take(&lock);
	r = find_request(msr, false);
	if (r) {
		r->readers -= (access & MSR_READ) && r->readers;
		r->writers -= (access & MSR_WRITE) && r->writers;
		vendor->intercept_msr(msr, r->readers, r->writers);
	}
	lock_give(&lock);
}
