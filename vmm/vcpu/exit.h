/* SPDX-License-Identifier: MIT */
/* The vendor-neutral description of one exit: what the vendor's decoder fills and handlers read. */
#ifndef HADAL_VCPU_EXIT_H
#define HADAL_VCPU_EXIT_H

#include <stdbool.h>
#include <stdint.h>
#include <hadal/abi.h>
#include <hadal/events.h>

/* What a handler made of an exit. */
enum verdict {
	VERDICT_PASS,  /* not mine: the next extension, at last the base handler */
	VERDICT_DONE,  /* handled: go on behind the instruction that exited */
	VERDICT_RETRY, /* handled: go on at the guest's RIP as it now is */
};

struct exit {
	enum hadal_exit_kind kind;
	/*
	 * Length of the instruction that exited, 1 to 15; 0 when the exit is not an instruction's.
	 */
	uint32_t length;
	union {
		struct {
			uint8_t vector;
			bool has_error;
			bool software; /* INT3, INTO or INT n: the instruction has not completed */
			uint32_t error;
			uint64_t address; /* #PF: the faulting address; #DB: pending DR6 bits */
		} exception;
		struct {
			uint64_t gpa;
			bool read, write, execute; /* the access */
			bool table;                /* made by the guest's page walk */
		} nested;
		struct {
			uint8_t cr;     /* 0, 3, 4, 8 */
			uint64_t value; /* CR_WRITE: the value that would be written */
			uint8_t gpr;    /* CR_READ: destination, encoding order */
		} cr;
		struct {
			uint8_t dr;
			uint8_t gpr;
			bool write;
		} dr;
		struct {
			uint16_t port;
			uint8_t size; /* 1, 2 or 4 */
			bool in, string, rep;
		} io;
		struct {
			uint8_t table; /* enum hadal_descriptor */
			bool load;
		} descriptor;
		struct {
			uint8_t vector;
		} sipi;
	};
	/* The processor's own words, for the log; not set for the commonest instructions. */
	uint64_t raw_reason;
	uint64_t raw_info[2];
};

#endif
