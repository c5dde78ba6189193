/* SPDX-License-Identifier: MIT */
/* The other end of `hadal kvmi`, which listens, asks and answers as a test wants it. */
#ifndef TESTS_GUEST_INTROSPECTOR_H
#define TESTS_GUEST_INTROSPECTOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "kvmi/protocol.h"

/* Where it listens, and where the server's stderr goes. */
#define PEER_PATH   "/tmp/kvmi-socket"
#define PEER_ERRORS "/tmp/kvmi-errors"

extern struct peer {
	int connection;
	pid_t server;
	uint32_t seq;                     /* of the last command */
	uint8_t answer[KVMI_MESSAGE_MAX]; /* data of the last answer */
	size_t answer_bytes;
} peer;

/* Each of these ends the program with a message when something is not as it has to be. */

int peer_listen(const char *path);
void peer_start(const char *path);
/* How the server ended; with a status above 0 it has to say why. */
void peer_ends(int expected);
/* Starts a server and makes the handshake; hangs up. */
void peer_begin(void);
void peer_end(void);

void peer_receive(void *buffer, size_t bytes);
void peer_send(uint16_t id, const void *body, size_t bytes);
/* Returns the error of the answer to the last command. */
int peer_answer(uint16_t id);
int peer_ask(uint16_t id, const void *body, size_t bytes);
int peer_ask_number(uint16_t id, uint64_t number);

/* The next message is an event with so many bytes behind its common part. Returns its seq. */
uint32_t peer_event(struct kvmi_event *event, void *special, size_t bytes);
void peer_reply(unsigned int cpu, uint32_t seq, unsigned int action, unsigned int event,
		const void *special, size_t bytes);
/* Of CPU 1, which goes on, to an event that writes a register. */
void peer_reply_value(uint32_t seq, unsigned int event, uint64_t value);

/* What most tests ask; the error of the answer. id: KVMI_CONTROL_CR or _MSR. */
int peer_control_events(unsigned int cpu, unsigned int event, bool enable);
int peer_control(uint16_t id, unsigned int cpu, uint32_t number, bool enable);
void peer_set_registers(unsigned int cpu, const struct kvm_regs *regs);

/* Nothing comes: the next message is the answer to a question. */
void peer_is_silent(void);
/* Whether an event comes; false: the process has ended, by itself and with 0. */
bool peer_tells_before_end(pid_t child);

#endif
