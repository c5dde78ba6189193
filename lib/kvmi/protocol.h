/* SPDX-License-Identifier: MIT */
/*
 * What goes over the socket between a hypervisor and an introspector: KVMI, as "KVMI - The kernel
 * virtual machine introspection subsystem" of KVM's introspection tree describes it for version 1.
 *
 * A message is a header and `size` bytes behind it, in the byte order of the machine. Commands are
 * answered by their id and seq, an error and, without one, what was asked for. Padding is 0.
 * Errors are negative numbers of errno.h, as the description has them.
 */
#ifndef HADAL_LIB_KVMI_PROTOCOL_H
#define HADAL_LIB_KVMI_PROTOCOL_H

#include <stdint.h>

#include <linux/kvm.h>

#define KVMI_VERSION     1u
#define KVMI_MESSAGE_MAX 8192u /* bytes with the header */
#define KVMI_PAGE        4096u

/* The messages that are spoken here; others exist. */
enum kvmi_message {
	KVMI_EVENT_REPLY = 0,
	KVMI_EVENT = 1,
	KVMI_GET_VERSION = 2,
	KVMI_CHECK_COMMAND = 3,
	KVMI_CHECK_EVENT = 4,
	KVMI_GET_GUEST_INFO = 5,
	KVMI_GET_VCPU_INFO = 6,
	KVMI_PAUSE_VCPU = 7,
	KVMI_CONTROL_VM_EVENTS = 8,
	KVMI_CONTROL_EVENTS = 9,
	KVMI_GET_REGISTERS = 13,
	KVMI_SET_REGISTERS = 14,
	KVMI_READ_PHYSICAL = 17,
	KVMI_WRITE_PHYSICAL = 18,
	KVMI_CONTROL_CMD_RESPONSE = 27,
	KVMI_GET_MAX_GFN = 29,
	KVMI_MESSAGES,
};

enum kvmi_event_id {
	KVMI_EVENT_PAUSE_VCPU = 10,
};

enum kvmi_action {
	KVMI_ACTION_CONTINUE,
	KVMI_ACTION_RETRY,
	KVMI_ACTION_CRASH,
};

/* The handshake: who connects sends the first and is sent the second. */
struct kvmi_hello {
	uint32_t bytes; /* of this */
	uint8_t uuid[16];
	uint32_t padding;
	int64_t start_time; /* seconds since 1970 */
	char name[64];      /* with a NUL */
};

struct kvmi_welcome {
	uint32_t bytes; /* of this */
	uint8_t cookie_hash[20];
};

struct kvmi_header {
	uint16_t id;
	uint16_t size;
	uint32_t seq;
};

struct kvmi_error {
	int32_t error;
	uint32_t padding;
};

/* The first part of what is about one vCPU. */
struct kvmi_vcpu {
	uint16_t vcpu;
	uint16_t padding1;
	uint32_t padding2;
};

struct kvmi_version {
	uint32_t version;
	uint32_t padding;
	uint8_t features[8]; /* subpage protection, VMFUNC, several views, #VE, 0... */
};

struct kvmi_check {
	uint16_t id;
	uint16_t padding1;
	uint32_t padding2;
};

struct kvmi_guest_info {
	uint32_t vcpu_count;
	uint32_t padding[3];
};

struct kvmi_vcpu_info {
	uint64_t tsc_hz; /* 0: not known */
};

struct kvmi_pause {
	struct kvmi_vcpu vcpu;
	uint8_t wait;
	uint8_t padding1;
	uint16_t padding2;
	uint32_t padding3;
};

/* Behind struct kvmi_vcpu when it is about one. */
struct kvmi_control_events {
	uint16_t event;
	uint8_t enable;
	uint8_t padding1;
	uint32_t padding2;
};

struct kvmi_get_registers {
	struct kvmi_vcpu vcpu;
	uint16_t msr_count; /* numbers of MSRs follow, 4 bytes each */
	uint16_t padding1;
	uint32_t padding2;
};

/* struct kvm_msr_entry of each MSR follows. */
struct kvmi_registers {
	uint32_t mode; /* bytes: 2, 4 or 8 */
	uint32_t padding;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint32_t msr_count;
	uint32_t padding2;
};

struct kvmi_set_registers {
	struct kvmi_vcpu vcpu;
	struct kvm_regs regs;
};

/* What is written follows. */
struct kvmi_memory {
	uint64_t address;
	uint64_t bytes; /* 1 and more, in one page */
};

/*
 * Whether commands are answered from the next one on, or (now) this one. Without answers, one that
 * asks for more than an error ends the connection.
 */
struct kvmi_control_response {
	uint8_t enable;
	uint8_t now;
	uint16_t padding1;
	uint32_t padding2;
};

struct kvmi_max_gfn {
	uint64_t gfn; /* behind the last one */
};

/* What an event begins with; what is special to it follows. */
struct kvmi_event {
	uint16_t bytes; /* of this */
	uint16_t vcpu;
	uint8_t event;
	uint8_t padding[3];
	uint8_t mode;
	uint8_t padding1;
	uint16_t view;
	uint32_t padding2;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t efer, star, lstar, cstar;
	uint64_t pat;
	uint64_t kernel_gs_base;
};

struct kvmi_event_reply {
	struct kvmi_vcpu vcpu;
	uint8_t action;
	uint8_t event;
	uint16_t padding1;
	uint32_t padding2;
};

_Static_assert(sizeof(struct kvmi_hello) == 96, "handshake");
_Static_assert(sizeof(struct kvmi_welcome) == 24, "handshake");
_Static_assert(sizeof(struct kvmi_event) == 544, "8 bytes and 536 of the architecture");

#endif
