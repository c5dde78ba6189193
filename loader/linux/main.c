// SPDX-License-Identifier: MIT OR GPL-2.0
/* The module: /dev/hadal appears with it; Hadal itself is started through that. */
#include <linux/module.h>

#include "client.h"
#include "loader.h"

static int __init hadal_init(void)
{
	int error = image_check();

	if (error) {
		pr_err("hadal: the image in this module is damaged or for another version; rebuild "
		       "it\n");
		return error;
	}
	error = lifecycle_register();
	if (error)
		return error;
	error = ram_register();
	if (error) {
		lifecycle_unregister();
		return error;
	}
	hadal_attach();
	client_exec_register();
	error = client_device_register();
	if (error) {
		client_exec_unregister();
		hadal_close();
		ram_unregister();
		lifecycle_unregister();
	}
	return error;
}

static void __exit hadal_exit(void)
{
	client_device_unregister();
	client_exec_unregister();
	hadal_close();
	ram_unregister();
	lifecycle_unregister();
}

module_init(hadal_init);
module_exit(hadal_exit);

MODULE_DESCRIPTION("Loads the Hadal hypervisor under the running system");
MODULE_VERSION(HADAL_VERSION);
MODULE_LICENSE("Dual MIT/GPL");
