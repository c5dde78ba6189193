// SPDX-License-Identifier: MIT OR GPL-2.0
/* Code of the kernel that the kernel itself changes: by a static key, ftrace and kprobes. */
#include <linux/atomic.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/mutex.h>

#include "hadal_test.h"
#include "text.h"

static DEFINE_STATIC_KEY_FALSE(added);
static DEFINE_MUTEX(toggling);
static atomic64_t probed;

/* An instruction that is neither ftrace's nor the static key's. */
extern kprobe_opcode_t hadal_test_plain[];

static noinline u64 target(u64 value)
{
	if (static_branch_unlikely(&added))
		value += 2;
	asm volatile("hadal_test_plain: add $0, %0" : "+r"(value)::"cc");
	return value * 3 + 1;
}

static int count(struct kprobe *probe, struct pt_regs *regs)
{
	atomic64_inc(&probed);
	return 0;
}

static struct kprobe probes[2];

static bool is_right(u64 value)
{
	u64 result = target(value);

	return result == value * 3 + 1 || result == value * 3 + 7;
}

static long start_probe(struct kprobe *probe, kprobe_opcode_t *address)
{
	*probe = (struct kprobe){
		.addr = address,
		.pre_handler = count,
		.flags = KPROBE_FLAG_DISABLED,
	};
	return register_kprobe(probe);
}

static long toggle(u32 i)
{
	long error = enable_kprobe(&probes[0]);

	if (!error)
		error = enable_kprobe(&probes[1]);
	static_branch_enable(&added);
	if (!error && target(i) != (u64)i * 3 + 7)
		error = -EILSEQ;
	static_branch_disable(&added);
	if (!error && target(i) != (u64)i * 3 + 1)
		error = -EILSEQ;
	disable_kprobe(&probes[0]);
	disable_kprobe(&probes[1]);
	return error;
}

static long toggle_all(u32 toggles)
{
	long error = start_probe(&probes[0], (kprobe_opcode_t *)target);

	if (error)
		return error;
	error = start_probe(&probes[1], hadal_test_plain);
	if (!error) {
		for (u32 i = 0; !error && i < toggles; i++)
			error = toggle(i);
		unregister_kprobe(&probes[1]);
	}
	unregister_kprobe(&probes[0]);
	return error;
}

/* Not in the page that it reads, where a processor without pages for fetches alone shows INT3. */
static noinline __section(".text.sum") __aligned(PAGE_SIZE) u64 sum(const u64 *page)
{
	u64 result = 0;

	for (size_t i = 0; i < PAGE_SIZE / sizeof(*page); i++)
		result = result * 31 + READ_ONCE(page[i]);
	return result;
}

long test_text(struct hadal_test_text *request)
{
	long error = 0;

	for (u32 i = 0; i < request->calls; i++)
		if (!is_right(i))
			return -EILSEQ;
	mutex_lock(&toggling);
	if (request->toggles)
		error = toggle_all(request->toggles);
	mutex_unlock(&toggling);
	request->address = (unsigned long)target;
	request->probed = atomic64_read(&probed);
	request->sum = sum((const u64 *)((unsigned long)target & PAGE_MASK));
	return error;
}
