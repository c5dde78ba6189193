/* SPDX-License-Identifier: MIT */
/* The process that serves a program of LibVMI's, and cleans up after it. */
#ifndef HADAL_CLI_EXEC_SERVE_H
#define HADAL_CLI_EXEC_SERVE_H

/*
 * From now on whoever makes the socket of that name in directory and listens on it is served, until
 * this process has ended; then the directory is removed. Returns 0 or a negative errno.
 */
int exec_serve_begin(const char *directory, const char *name);

/* Removes a directory with the files in it. */
void exec_serve_remove(const char *directory);

#endif
