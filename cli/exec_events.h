/* SPDX-License-Identifier: MIT */
/* What hadal exec gives to a program of LibVMI's KVM driver. */
#ifndef HADAL_CLI_EXEC_EVENTS_H
#define HADAL_CLI_EXEC_EVENTS_H

#include <stdbool.h>

/*
 * Makes a directory with the stand-in for libvirt, libvmi.conf and System.map, sets the environment
 * and the CPU of this process, which is to become the program, and leaves another one that serves
 * whoever listens on the socket there and takes all that away when this process ends. false after
 * saying why.
 */
bool exec_events_prepare(void);

#endif
