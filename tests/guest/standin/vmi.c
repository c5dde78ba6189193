// SPDX-License-Identifier: MIT
/* A LibVMI that only tells what it was called with: as upstream's, its functions call each other.
 */
#include <stdint.h>
#include <stdlib.h>

#include "standin/vmi.h"

struct told told;

int vmi_get_access_mode(void *vmi, const void *domain, uint64_t flags, struct init_data *data,
			int *mode)
{
	(void)domain;
	(void)flags;
	(void)data;
	*mode = vmi ? *(int *)vmi : told.mode;
	return told.mode < 0;
}

int vmi_init(void **vmi, int mode, const void *domain, uint64_t flags, struct init_data *data,
	     int *error)
{
	static int instance;

	(void)domain;
	(void)error;
	told.flags = flags;
	told.count = data ? data->count : 0;
	for (uint64_t i = 0; i < told.count && i < 4; i++) {
		told.type[i] = data->entry[i].type;
		told.data[i] = data->entry[i].data;
	}
	instance = mode;
	*vmi = &instance;
	return 0;
}

static int take_config(int config_mode, void *config)
{
	told.config_mode = config_mode;
	told.config = config;
	return 1;
}

int vmi_init_os(void *vmi, int config_mode, void *config, int *error)
{
	(void)vmi;
	(void)error;
	return take_config(config_mode, config);
}

int vmi_init_profile(void *vmi, int config_mode, void *config)
{
	(void)vmi;
	return take_config(config_mode, config);
}

int vmi_init_complete(void **vmi, const void *domain, uint64_t flags, struct init_data *data,
		      int config_mode, void *config, int *error)
{
	int mode;

	if (vmi_get_access_mode(NULL, domain, flags, data, &mode) ||
	    vmi_init(vmi, mode, domain, flags, data, error))
		return 1;
	return vmi_init_os(*vmi, config_mode, config, error) ? 0 : 1;
}
