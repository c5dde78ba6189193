/* SPDX-License-Identifier: MIT */
/* What the command and the library that it gives to LibVMI programs agree on. */
#ifndef HADAL_CLI_STANDIN_H
#define HADAL_CLI_STANDIN_H

/* What this machine is called there. */
#define STANDIN_NAME "host"
#define STANDIN_ID   0

/* In the program's environment: where it is to listen, and its libvmi.conf. */
#define STANDIN_SOCKET      "HADAL_KVMI_SOCKET"
#define STANDIN_CONFIG      "HADAL_LIBVMI_CONF"
#define STANDIN_SOCKET_NAME "socket"
#define STANDIN_CONFIG_NAME "libvmi.conf"
/* Who makes a file called like the configuration and this behind it wants it to be made. */
#define STANDIN_WANTED ".wanted"

#define EXPORTED __attribute__((visibility("default")))

#endif
