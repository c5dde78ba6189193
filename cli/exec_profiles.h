/* SPDX-License-Identifier: MIT */
#ifndef HADAL_CLI_EXEC_PROFILES_H
#define HADAL_CLI_EXEC_PROFILES_H

/*
 * Makes System.map and then libvmi.conf of this system in directory; it is empty when that fails,
 * which is said. Returns an exit code.
 */
int exec_profiles_write(const char *directory);

#endif
