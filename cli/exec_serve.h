/* SPDX-License-Identifier: MIT */
/* The process that serves a program of LibVMI's, and cleans up after it. */
#ifndef HADAL_CLI_EXEC_SERVE_H
#define HADAL_CLI_EXEC_SERVE_H

/*
 * From now on whoever makes the socket in directory and listens on it is served, and the
 * configuration is made when it is wanted, until this process has ended; then the directory is
 * removed. Names: standin/standin.h. Returns 0 or a negative errno.
 */
int exec_serve_begin(const char *directory);

/* Removes a directory with the files in it. */
void exec_serve_remove(const char *directory);

#endif
