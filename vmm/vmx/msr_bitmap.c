// SPDX-License-Identifier: MIT
/* Which accesses to MSRs exit, on all CPUs (SDM 25.6.9). */
#include "paging/memory.h"
#include "vmx/vmx.h"

/* Reads of low and high MSRs, then writes of them, one bit each; all other MSRs always exit. */
static uint8_t msr_bitmap[4096] __attribute__((aligned(4096)));
#define BITMAP_HIGH  1024
#define BITMAP_WRITE 2048
#define MSR_HIGH     0xc0000000u
#define MSR_RANGE    0x2000u

uint64_t vmx_msr_bitmap_physical(void)
{
	return memory_image_physical(msr_bitmap);
}

static void set_bit(uint32_t offset, bool on)
{
	uint8_t *byte = &msr_bitmap[offset / 8];
	uint8_t bit = 1u << offset % 8;

	if (on)
		__atomic_fetch_or(byte, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(byte, (uint8_t)~bit, __ATOMIC_RELAXED);
}

void vmx_intercept_msr(uint32_t msr, bool read, bool write)
{
	uint32_t offset = msr;

	if (msr >= MSR_HIGH)
		offset = msr - MSR_HIGH;
	if (offset >= MSR_RANGE)
		return;
	if (msr >= MSR_HIGH)
		offset += BITMAP_HIGH * 8;
	if (msr == MSR_FEATURE_CONTROL)
		read = write = true;
	set_bit(offset, read);
	set_bit(offset + BITMAP_WRITE * 8, write);
}
