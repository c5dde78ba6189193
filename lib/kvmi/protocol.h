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
	KVMI_CONTROL_CR = 10,
	KVMI_CONTROL_MSR = 11,
	KVMI_GET_REGISTERS = 13,
	KVMI_SET_REGISTERS = 14,
	KVMI_GET_CPUID = 15,
	KVMI_READ_PHYSICAL = 17,
	KVMI_WRITE_PHYSICAL = 18,
	KVMI_INJECT_EXCEPTION = 19,
	KVMI_GET_PAGE_ACCESS = 20,
	KVMI_SET_PAGE_ACCESS = 21,
	KVMI_CONTROL_CMD_RESPONSE = 27,
	KVMI_GET_MAX_GFN = 29,
	KVMI_SWITCH_VIEW = 32,
	KVMI_GET_VIEW = 34,
	KVMI_CREATE_VIEW = 43,
	KVMI_DESTROY_VIEW = 44,
	KVMI_CHANGE_GFN = 60,
	KVMI_CONTROL_SINGLESTEP = 63,
	KVMI_MESSAGES,
};

enum kvmi_event_id {
	KVMI_EVENT_UNHOOK = 0,
	KVMI_EVENT_CR = 1,
	KVMI_EVENT_MSR = 2,
	KVMI_EVENT_XSETBV = 3,
	KVMI_EVENT_BREAKPOINT = 4,
	KVMI_EVENT_HYPERCALL = 5,
	KVMI_EVENT_PF = 6,
	KVMI_EVENT_TRAP = 7,
	KVMI_EVENT_DESCRIPTOR = 8,
	KVMI_EVENT_CREATE_VCPU = 9,
	KVMI_EVENT_PAUSE_VCPU = 10,
	KVMI_EVENT_SINGLESTEP = 11,
	KVMI_EVENT_CPUID = 13,
	KVMI_EVENTS,
};

/* What may be done with a page. */
#define KVMI_ACCESS_READ    1u
#define KVMI_ACCESS_WRITE   2u
#define KVMI_ACCESS_EXECUTE 4u
#define KVMI_ACCESS_ALL     7u

enum kvmi_descriptor { KVMI_IDTR = 1, KVMI_GDTR, KVMI_LDTR, KVMI_TR };

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
#define KVMI_FEATURE_VIEWS 2

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

/* Of struct kvmi_vcpu too; number: of a control register or an MSR. */
struct kvmi_control_register {
	struct kvmi_vcpu vcpu;
	uint8_t enable;
	uint8_t padding1;
	uint16_t padding2;
	uint32_t number;
};

struct kvmi_control_singlestep {
	struct kvmi_vcpu vcpu;
	uint8_t enable;
	uint8_t padding[7];
};

struct kvmi_get_cpuid {
	struct kvmi_vcpu vcpu;
	uint32_t leaf, subleaf;
};

struct kvmi_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

struct kvmi_inject_exception {
	struct kvmi_vcpu vcpu;
	uint8_t vector;
	uint8_t padding1;
	uint16_t padding2;
	uint32_t error;
	uint64_t address; /* of a page fault */
};

/* `count` of them follow: addresses to get, struct kvmi_page to set. */
struct kvmi_page_access {
	uint16_t view;
	uint16_t count;
	uint32_t padding;
};

struct kvmi_page {
	uint64_t address;
	uint8_t access; /* KVMI_ACCESS_*: what is left */
	uint8_t padding1;
	uint16_t padding2;
	uint32_t padding3;
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

/* A view, 0: the one that all begin with; also what is answered. */
struct kvmi_view {
	uint16_t view;
	uint16_t padding[3];
};

struct kvmi_switch_view {
	struct kvmi_vcpu vcpu;
	struct kvmi_view view;
};

/* Of no vCPU in particular, whatever it says. */
struct kvmi_change_gfn {
	struct kvmi_vcpu vcpu;
	uint16_t view;
	uint16_t padding1;
	uint32_t padding2;
	uint64_t gfn;
	uint64_t shows; /* itself, or KVMI_NO_GFN: itself again */
};
#define KVMI_NO_GFN (~0ull)

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

/* What is special to an event. */
struct kvmi_event_cr {
	uint16_t cr;
	uint16_t padding[3];
	uint64_t old_value, new_value;
};

struct kvmi_event_msr {
	uint32_t msr;
	uint32_t padding;
	uint64_t old_value, new_value;
};

struct kvmi_event_breakpoint {
	uint64_t address; /* physical */
	uint8_t length;   /* of the instruction */
	uint8_t padding[7];
};

struct kvmi_event_pf {
	uint64_t linear; /* KVMI_UNKNOWN_ADDRESS: not known */
	uint64_t physical;
	uint8_t access;
	uint8_t padding1;
	uint16_t view;
	uint32_t padding2;
};
#define KVMI_UNKNOWN_ADDRESS (~0ull)

struct kvmi_event_descriptor {
	uint8_t descriptor; /* enum kvmi_descriptor */
	uint8_t write;
	uint8_t padding[6];
};

struct kvmi_event_cpuid {
	uint32_t leaf, subleaf;
	uint8_t length; /* of the instruction */
	uint8_t padding1[3];
	uint32_t padding2;
};

struct kvmi_event_singlestep {
	uint8_t failed;
	uint8_t padding[7];
};

struct kvmi_event_reply {
	struct kvmi_vcpu vcpu;
	uint8_t action;
	uint8_t event;
	uint16_t padding1;
	uint32_t padding2;
};

/* What follows it for an event that writes a register, and for an access of memory. */
struct kvmi_reply_value {
	uint64_t value;
};

struct kvmi_reply_pf {
	uint64_t address; /* where the bytes below are to be read instead of what is there */
	uint32_t bytes;   /* how many; 0: none */
	uint8_t singlestep;
	uint8_t repeat_done;
	uint16_t padding;
	uint8_t data[256];
};

_Static_assert(sizeof(struct kvmi_hello) == 96, "handshake");
_Static_assert(sizeof(struct kvmi_welcome) == 24, "handshake");
_Static_assert(sizeof(struct kvmi_event) == 544, "8 bytes and 536 of the architecture");
_Static_assert(sizeof(struct kvmi_event_cr) == 24 && sizeof(struct kvmi_event_msr) == 24 &&
		       sizeof(struct kvmi_event_breakpoint) == 16 &&
		       sizeof(struct kvmi_event_pf) == 24 &&
		       sizeof(struct kvmi_event_cpuid) == 16 && sizeof(struct kvmi_reply_pf) == 272,
	       "events");

#endif
