/* SPDX-License-Identifier: MIT */
/*
 * An extension: a struct of handlers that is linked into the image. See docs/extensions.md.
 */
#ifndef HADAL_EXTENSION_EXTENSION_H
#define HADAL_EXTENSION_EXTENSION_H

#include "vcpu/vcpu.h"

/*
 * A handler runs with the exit described in vcpu->exit and the vCPU's registers at hand. `data` is
 * the extension's own memory for this vCPU. It must not block; memory comes from `vcpu_data_bytes`
 * alone.
 */
typedef enum verdict (*exit_handler)(struct vcpu *vcpu, void *data);

struct hadal_extension {
	const char *name;
	/* Zeroed memory for each vCPU, bytes, at most 2048 for all extensions together. */
	uint32_t vcpu_data_bytes;
	/* Once, before the first vCPU starts. A negative errno keeps Hadal from starting. */
	int (*init)(void);
	/* On each CPU, before it enters the guest and after it left. A negative errno undoes the
	 * start. */
	int (*vcpu_start)(struct vcpu *vcpu, void *data);
	void (*vcpu_stop)(struct vcpu *vcpu, void *data);
	/*
	 * Only there for clients (client.h): the handlers run while there is one. On each vCPU this
	 * is called when the first one has come (any) and when the last one has left, for
	 * intercepts beyond those that the handlers need.
	 */
	void (*follow_clients)(struct vcpu *vcpu, void *data, bool any);
	/* Handlers by exit kind; an absent one passes. */
	exit_handler on[HADAL_EXIT_KIND_COUNT];
};

/* Registers an extension at link time. Extensions run in the order of their names' sections. */
#define HADAL_EXTENSION(object)                                          \
	static const struct hadal_extension *const object##_registration \
		__attribute__((used, section(".hadal.extensions"))) = &object

/*
 * Make an instruction or event exit that does not exit by itself, and undo it. Counted: it exits
 * until every request is released. -EOPNOTSUPP when the processor cannot intercept this kind. On
 * the vCPU's own CPU only, from vcpu_start or a handler.
 */
int vcpu_intercept(struct vcpu *vcpu, enum hadal_exit_kind kind);
void vcpu_release(struct vcpu *vcpu, enum hadal_exit_kind kind);
/* The same for writes of one control register: 0, 3, 4 or 8. */
int vcpu_intercept_cr_write(struct vcpu *vcpu, uint8_t cr);
void vcpu_release_cr_write(struct vcpu *vcpu, uint8_t cr);
/* The same for one exception vector, 0 to 31. */
int vcpu_intercept_exception(struct vcpu *vcpu, uint8_t vector);
void vcpu_release_exception(struct vcpu *vcpu, uint8_t vector);

#define MSR_READ  1u
#define MSR_WRITE 2u
/* The same for reads or writes of one MSR, on all vCPUs. -ENOSPC when the table is full. */
int msr_intercept(uint32_t msr, unsigned access);
void msr_release(uint32_t msr, unsigned access);

/* What the MSR or port bitmap holds has changed, or intercepts of exceptions were set otherwise. */
void vcpu_bitmaps_changed(struct vcpu *vcpu);

#endif
