// SPDX-License-Identifier: MIT
/* What an introspector may send, with every field of every message wrong once. */
// Sources: lib/error.c lib/kvmi/message.c lib/kvmi/registers.c
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "kvmi/message.h"
#include "kvmi/registers.h"

#define VCPUS 3

/* A right message: its bytes, and which of them are padding, ended by 0. */
static const struct message {
	uint16_t id, size;
	bool vcpu;
	uint8_t bytes[32];
	uint8_t padding[18];
} messages[] = {
	{KVMI_GET_VERSION, 0, false, {0}, {0}},
	{KVMI_CHECK_COMMAND, 8, false, {KVMI_GET_VERSION}, {2, 3, 4, 5, 6, 7}},
	{KVMI_CHECK_EVENT, 8, false, {KVMI_EVENT_PAUSE_VCPU}, {2, 3, 4, 5, 6, 7}},
	{KVMI_GET_GUEST_INFO, 0, false, {0}, {0}},
	{KVMI_GET_VCPU_INFO, 8, true, {2}, {2, 3, 4, 5, 6, 7}},
	{KVMI_PAUSE_VCPU, 16, true, {2, [8] = 1}, {2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15}},
	{KVMI_CONTROL_VM_EVENTS, 8, false, {0, 0, 1}, {3, 4, 5, 6, 7}},
	{KVMI_CONTROL_EVENTS, 16, true, {2, [8] = 10, 0, 1}, {2, 3, 4, 5, 6, 7, 11, 12, 13, 15}},
	{KVMI_GET_REGISTERS,
	 24,
	 true,
	 {2, [8] = 2, [16] = 0x82, 0, 0, 0xc0, 0x74, 1},
	 {2, 3, 4, 5, 6, 7, 10, 11, 12, 15}},
	{KVMI_READ_PHYSICAL, 16, false, {[1] = 0x10, [9] = 0x10}, {0}},
	{KVMI_WRITE_PHYSICAL, 19, false, {[1] = 0x10, [8] = 3, [16] = 7, 8, 9}, {0}},
	{KVMI_CONTROL_CMD_RESPONSE, 8, false, {1, 1}, {2, 3, 4, 5, 6, 7}},
	{KVMI_GET_MAX_GFN, 0, false, {0}, {0}},
	{KVMI_CONTROL_CR, 16, true, {2, [8] = 1, [12] = 3}, {2, 3, 4, 5, 6, 7, 9, 10, 11}},
	{KVMI_CONTROL_MSR,
	 16,
	 true,
	 {2, [8] = 1, [12] = 0x82, 0, 0, 0xc0},
	 {2, 3, 4, 5, 6, 7, 9, 10, 11}},
	{KVMI_GET_CPUID, 16, true, {2, [8] = 7}, {2, 3, 4, 5, 6, 7}},
	{KVMI_INJECT_EXCEPTION, 24, true, {2, [8] = 14, [12] = 2}, {2, 3, 4, 5, 6, 7, 9, 10, 11}},
	{KVMI_GET_PAGE_ACCESS, 24, false, {[2] = 2}, {4, 5, 6, 7}},
	{KVMI_SET_PAGE_ACCESS,
	 24,
	 false,
	 {[2] = 1, [16] = 5},
	 {4, 5, 6, 7, 17, 18, 19, 20, 21, 22, 23}},
	{KVMI_CONTROL_SINGLESTEP,
	 16,
	 true,
	 {2, [8] = 1},
	 {2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15}},
	{KVMI_SWITCH_VIEW, 16, true, {2, [8] = 1}, {2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15}},
	{KVMI_GET_VIEW, 8, true, {2}, {2, 3, 4, 5, 6, 7}},
	{KVMI_CREATE_VIEW, 0, false, {0}, {0}},
	{KVMI_DESTROY_VIEW, 8, false, {1}, {2, 3, 4, 5, 6, 7}},
	{KVMI_CHANGE_GFN,
	 32,
	 true,
	 {2, [8] = 1, [16] = 5, [24] = 6},
	 {2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15}},
	{KVMI_EVENT_REPLY, 24, true, {2, [8] = 0, 1, [16] = 9}, {2, 3, 4, 5, 6, 7, 10, 11, 12}},
	{KVMI_EVENT_REPLY, 24, true, {2, [8] = 0, 2, [16] = 9}, {2, 3, 4, 5, 6, 7, 10, 11, 12}},
	{KVMI_EVENT_REPLY,
	 288,
	 true,
	 {2, [8] = 1, 6, [28] = 1},
	 {2, 3, 4, 5, 6, 7, 10, 11, 12, 30, 31}},
	{KVMI_EVENT_REPLY, 16, true, {2, [8] = 0, 10}, {2, 3, 4, 5, 6, 7, 10, 11, 12, 15}},
};

#define MESSAGES (sizeof(messages) / sizeof(*messages))

static struct kvmi_request request;
static struct hadal_error error;

/* A body of just that size, for the sanitizer to see what is read beside it. */
static int parse(uint16_t id, const void *bytes, size_t size, size_t there)
{
	const struct kvmi_header header = {.id = id, .size = (uint16_t)size, .seq = 0x12345678};
	uint8_t *body = test_malloc(size + 1);
	int result;

	memset(body, 0, size);
	memcpy(body, bytes, there < size ? there : size);
	error.text[0] = 0;
	result = kvmi_parse(&header, body, VCPUS, &request, &error);
	assert_int_equal(request.id, id);
	assert_int_equal(request.seq, header.seq);
	assert_true(result <= 0 || error.text[0]);
	test_free(body);
	return result;
}

static void right(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		const struct message *message = &messages[i];

		assert_int_equal(parse(message->id, message->bytes, message->size, 32), 0);
		assert_int_equal(request.vcpu, message->vcpu ? 2 : 0);
		assert_true(message->id == KVMI_EVENT_REPLY || kvmi_command_known(message->id));
	}
}

static void sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++)
		for (size_t size = 0; size < 300; size++) {
			int expected = size == messages[i].size ? 0 : 1;

			assert_int_equal(parse(messages[i].id, messages[i].bytes, size, 32),
					 expected);
		}
	assert_int_equal(parse(KVMI_GET_VERSION, "", 0xffff, 0), 1);
	assert_int_equal(parse(99, "", KVMI_MESSAGE_MAX - 7, 0), 1);
}

static void padding(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++)
		for (size_t j = 0; messages[i].padding[j]; j++) {
			struct message wrong = messages[i];

			wrong.bytes[wrong.padding[j]] = 0x80;
			assert_int_equal(parse(wrong.id, wrong.bytes, wrong.size, 32), -EINVAL);
		}
}

static void vcpus(void **state)
{
	static const uint16_t wrong[] = {VCPUS, 0xff, 0x8000, 0xffff};

	(void)state;
	for (size_t i = 0; i < MESSAGES; i++)
		for (size_t j = 0; messages[i].vcpu && j < sizeof(wrong) / sizeof(*wrong); j++) {
			struct message message = messages[i];

			memcpy(message.bytes, &wrong[j], 2);
			assert_int_equal(parse(message.id, message.bytes, message.size, 32),
					 -EINVAL);
		}
}

static void flags(void **state)
{
	static const struct {
		uint16_t id, at;
	} flags[] = {
		{KVMI_PAUSE_VCPU, 8},           {KVMI_CONTROL_VM_EVENTS, 2},
		{KVMI_CONTROL_EVENTS, 10},      {KVMI_CONTROL_CMD_RESPONSE, 0},
		{KVMI_CONTROL_CMD_RESPONSE, 1}, {KVMI_CONTROL_CR, 8},
		{KVMI_CONTROL_MSR, 8},          {KVMI_CONTROL_SINGLESTEP, 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		for (size_t j = 0; j < MESSAGES; j++)
			for (unsigned value = 0; messages[j].id == flags[i].id && value < 256;
			     value++) {
				struct message message = messages[j];

				message.bytes[flags[i].at] = (uint8_t)value;
				assert_int_equal(parse(message.id, message.bytes, message.size, 32),
						 value > 1 ? -EINVAL : 0);
			}
}

static void unknown(void **state)
{
	(void)state;
	for (unsigned id = 0; id <= 0xffff; id++) {
		bool listed = false;

		for (size_t i = 0; i < MESSAGES; i++)
			listed |= messages[i].id == id;
		if (listed || id == KVMI_SET_REGISTERS)
			continue;
		assert_false(kvmi_command_known((uint16_t)id));
		assert_int_equal(parse((uint16_t)id, "", 0, 0), -EOPNOTSUPP);
	}
	assert_false(kvmi_command_known(KVMI_EVENT));
	assert_false(kvmi_command_known(KVMI_EVENT_REPLY));
}

static void memory(void **state)
{
	static const struct {
		uint64_t address, bytes;
		int result;
	} cases[] = {
		{0, 1, 0},
		{0, 4096, 0},
		{4095, 1, 0},
		{UINT64_MAX, 1, 0},
		{0, 0, -EINVAL},
		{0, 4097, -EINVAL},
		{1, 4096, -EINVAL},
		{4095, 2, -EINVAL},
		{UINT64_MAX, 2, -EINVAL},
		{0, UINT64_MAX, -EINVAL},
		{4095, UINT64_MAX, -EINVAL},
		{1, UINT64_MAX - 1, -EINVAL},
		{0, 1ull << 32, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kvmi_memory memory = {cases[i].address, cases[i].bytes};

		assert_int_equal(parse(KVMI_READ_PHYSICAL, &memory, sizeof(memory), 16),
				 cases[i].result);
	}
	/* What is written has to be there. */
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kvmi_memory memory = {cases[i].address, cases[i].bytes};
		size_t size = sizeof(memory) + (cases[i].bytes < 5000 ? cases[i].bytes : 0);
		int expected = cases[i].bytes < 5000 ? cases[i].result : 1;

		assert_int_equal(parse(KVMI_WRITE_PHYSICAL, &memory, size, 16), expected);
	}
}

static void msrs(void **state)
{
	struct {
		struct kvmi_get_registers get;
		uint32_t msr[KVMI_MAX_MSRS + 1];
	} message = {0};

	(void)state;
	for (uint32_t count = 0; count <= KVMI_MAX_MSRS + 1; count++) {
		message.get.msr_count = (uint16_t)count;
		message.msr[KVMI_MAX_MSRS - 1] = 0xdeadbeef;
		assert_int_equal(parse(KVMI_GET_REGISTERS, &message,
				       sizeof(message.get) + count * 4, sizeof(message)),
				 count > KVMI_MAX_MSRS ? -EINVAL : 0);
	}
	message.get.msr_count = KVMI_MAX_MSRS;
	assert_int_equal(parse(KVMI_GET_REGISTERS, &message, sizeof(message) - 4, sizeof(message)),
			 0);
	assert_int_equal(request.msr[KVMI_MAX_MSRS - 1], 0xdeadbeef);
	message.get.msr_count = 0xffff;
	assert_int_equal(parse(KVMI_GET_REGISTERS, &message, 8000, sizeof(message)), 1);
}

static void numbers(void **state)
{
	static const struct {
		uint16_t id;
		uint32_t number;
		int result;
	} cases[] = {
		{KVMI_CONTROL_CR, 0, 0},
		{KVMI_CONTROL_CR, 3, 0},
		{KVMI_CONTROL_CR, 4, 0},
		{KVMI_CONTROL_CR, 1, -EINVAL},
		{KVMI_CONTROL_CR, 2, -EINVAL},
		{KVMI_CONTROL_CR, 8, -EINVAL},
		{KVMI_CONTROL_CR, 0xffffffff, -EINVAL},
		{KVMI_CONTROL_MSR, 0, 0},
		{KVMI_CONTROL_MSR, 0x1fff, 0},
		{KVMI_CONTROL_MSR, 0x2000, -EINVAL},
		{KVMI_CONTROL_MSR, 0x40000080, -EINVAL},
		{KVMI_CONTROL_MSR, 0x80000080, -EINVAL},
		{KVMI_CONTROL_MSR, 0xc0000000, 0},
		{KVMI_CONTROL_MSR, 0xc0001fff, 0},
		{KVMI_CONTROL_MSR, 0xc0002000, -EINVAL},
		{KVMI_CONTROL_MSR, 0xffffffff, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct kvmi_control_register control = {.vcpu.vcpu = 1,
							      .number = cases[i].number};

		assert_int_equal(parse(cases[i].id, &control, sizeof(control), sizeof(control)),
				 cases[i].result);
	}
}

/* As many as are announced, each of them right. */
static void pages(void **state)
{
	struct {
		struct kvmi_page_access header;
		struct kvmi_page page[512];
	} set = {.header.count = 512};
	const size_t most = sizeof(set) - sizeof(set.page[0]);

	(void)state;
	assert_int_equal(parse(KVMI_SET_PAGE_ACCESS, &set, sizeof(set), sizeof(set)), 1);
	set.header.count = 511;
	assert_int_equal(parse(KVMI_SET_PAGE_ACCESS, &set, most, sizeof(set)), 0);
	assert_int_equal(request.count, 511);
	assert_int_equal(parse(KVMI_SET_PAGE_ACCESS, &set, most - 1, sizeof(set)), 1);
	set.page[510].access = 8;
	assert_int_equal(parse(KVMI_SET_PAGE_ACCESS, &set, most, sizeof(set)), -EINVAL);
	set.page[510].access = 7;
	set.page[300].padding3 = 1;
	assert_int_equal(parse(KVMI_SET_PAGE_ACCESS, &set, most, sizeof(set)), -EINVAL);
	set.header.count = 0xffff;
	assert_int_equal(parse(KVMI_GET_PAGE_ACCESS, &set, most, sizeof(set)), 1);
	set.header.count = 0;
	assert_int_equal(parse(KVMI_GET_PAGE_ACCESS, &set, 8, sizeof(set)), 0);
}

static void replies(void **state)
{
	struct {
		struct kvmi_event_reply common;
		struct kvmi_reply_pf pf;
	} reply = {.common.event = KVMI_EVENT_PF, .pf.bytes = 256};
	const struct {
		struct kvmi_event_reply common;
		uint64_t value;
	} value = {{.event = KVMI_EVENT_MSR}, 0x123456789abcdef};

	(void)state;
	assert_int_equal(parse(KVMI_EVENT_REPLY, &reply, sizeof(reply), sizeof(reply)), 0);
	assert_true(request.is_emulated && !request.steps);
	reply.pf.bytes = 257;
	assert_int_equal(parse(KVMI_EVENT_REPLY, &reply, sizeof(reply), sizeof(reply)), -EINVAL);
	assert_int_equal(parse(KVMI_EVENT_REPLY, &value, sizeof(value), sizeof(value)), 0);
	assert_int_equal(request.value, value.value);
}

static void changes(void **state)
{
	const struct kvm_regs before = {.rax = 1, .rsp = 2, .rip = 3, .rflags = 4};
	struct kvm_regs after = before;

	(void)state;
	assert_int_equal(kvmi_changes(&before, &after), 0);
	after.rflags = 5;
	after.rbx = 6;
	assert_int_equal(kvmi_changes(&before, &after), 1 << HADAL_REG_RFLAGS | 1 << HADAL_REG_RBX);
}

static void set_registers(void **state)
{
	struct kvmi_set_registers set = {.vcpu.vcpu = 1, .regs = {.rax = 1, .r15 = 2, .rflags = 3}};
	struct hadal_set_regs to;

	(void)state;
	assert_int_equal(parse(KVMI_SET_REGISTERS, &set, sizeof(set), sizeof(set)), 0);
	assert_int_equal(request.vcpu, 1);
	kvmi_set_of(&request.regs, &to);
	assert_true(to.values.rax == 1 && to.values.r15 == 2 && to.values.rflags == 3);
	assert_true(to.mask == 0x3ffff);
	assert_int_equal(parse(KVMI_SET_REGISTERS, &set, sizeof(set) - 1, sizeof(set)), 1);
	assert_int_equal(parse(KVMI_SET_REGISTERS, &set, sizeof(set) + 1, sizeof(set)), 1);
}

static void registers(void **state)
{
	const struct hadal_regs regs = {
		.rax = 1,
		.rip = 0x1234,
		.efer = 0xd01,
		.cr3 = 0x5000,
		.lstar = 0x77,
		.cs = {.selector = 0x10, .limit = 0xffffffff, .attributes = 0xa9b},
		.gs = {.base = 0x99},
		.gdtr_limit = 0x7f,
	};
	struct hadal_regs other = regs;
	struct kvmi_event event;
	uint64_t value;

	(void)state;
	kvmi_event_of(&regs, 2, KVMI_EVENT_PAUSE_VCPU, &event);
	assert_true(event.bytes == sizeof(event) && event.vcpu == 2 && event.event == 10);
	assert_true(event.regs.rax == 1 && event.regs.rip == 0x1234 && event.sregs.cr3 == 0x5000);
	assert_true(event.mode == 8 && event.sregs.cs.l && !event.sregs.cs.db);
	assert_true(event.sregs.cs.type == 11 && event.sregs.cs.s && event.sregs.cs.present);
	assert_true(event.sregs.cs.g && !event.sregs.cs.dpl && !event.sregs.cs.unusable);
	assert_true(event.sregs.gs.unusable && event.sregs.gdt.limit == 0x7f);
	other.cs.attributes = 0xcfb;
	assert_int_equal(kvmi_mode(&other), 4);
	other.efer = 0;
	other.cs.attributes = 0x29b;
	assert_int_equal(kvmi_mode(&other), 2);
	assert_true(kvmi_msr_of(&regs, 0xc0000082, &value) && value == 0x77);
	assert_true(kvmi_msr_of(&regs, 0xc0000101, &value) && value == 0x99);
	assert_false(kvmi_msr_of(&regs, 0x10, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),     cmocka_unit_test(sizes),
		cmocka_unit_test(padding),   cmocka_unit_test(vcpus),
		cmocka_unit_test(flags),     cmocka_unit_test(unknown),
		cmocka_unit_test(memory),    cmocka_unit_test(msrs),
		cmocka_unit_test(registers), cmocka_unit_test(set_registers),
		cmocka_unit_test(numbers),   cmocka_unit_test(pages),
		cmocka_unit_test(replies),   cmocka_unit_test(changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
