/* SPDX-License-Identifier: MIT */
/* What each kind of exit leads to. */
#ifndef HADAL_EXTENSION_HANDLERS_H
#define HADAL_EXTENSION_HANDLERS_H

#include "vcpu/vcpu.h"

typedef enum verdict (*exit_handler_fn)(struct vcpu *vcpu);

/* What bare hardware would have done, by kind; exit/base.c fills it. */
extern const exit_handler_fn base_handler[HADAL_EXIT_KIND_COUNT];

/* By kind: the base handler, or extensions first where one handles the kind. */
extern exit_handler_fn exit_handlers[HADAL_EXIT_KIND_COUNT];

/* Once. A negative errno with the reason in the log. */
int extensions_init(void);
/* Run the handlers for vcpu->exit.kind in order, at last the base handler. */
enum verdict extensions_dispatch(struct vcpu *vcpu);
int extensions_vcpu_start(struct vcpu *vcpu);
void extensions_vcpu_stop(struct vcpu *vcpu);

/* A handler that is asked before all extensions, NULL for none. */
void exits_ask_first(enum hadal_exit_kind kind, exit_handler_fn handler);
/* For such a handler: what comes after it. */
enum verdict exits_ask_next(struct vcpu *vcpu);

/* Whether there are clients now, for extensions_follow_clients(). */
void extensions_set_clients(bool any);
/* On all vCPUs: the handlers of extensions that are there for clients are called, or not. */
void extensions_listen(bool clients);
/* On this vCPU: intercept what they need while there is a client. */
void extensions_follow_clients(struct vcpu *vcpu);

#endif
