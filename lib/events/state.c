// SPDX-License-Identifier: MIT
/* What subscriptions of all readers cost, for who is none of them. */
#include "events/events.h"

#include <errno.h>

#include <hadal/ioctl.h>

#include "device/device.h"

int hadal_subscription_at(struct hadal *hadal, uint32_t index, int cpu,
			  struct hadal_subscription_state *state, struct hadal_error *error)
{
	struct hadal_ioc_subscribe request = {.version = HADAL_ABI_VERSION,
					      .index = index,
					      .cpu = cpu + 1,
					      .buffer = (uintptr_t)state,
					      .size = sizeof(*state)};
	int code;

	if (!ioctl(hadal->fd, HADAL_IOC_SUBSCRIPTION, &request))
		return 0;
	code = errno;
	if (code == ENOENT)
		return -ENOENT;
	return device_cpu_error(error, code, "Cannot ask for a subscription's state", cpu);
}
