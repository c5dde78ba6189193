/* SPDX-License-Identifier: MIT */
/* What test_standin's LibVMI has of upstream's interface, and what it tells. */
#ifndef TESTS_GUEST_STANDIN_VMI_H
#define TESTS_GUEST_STANDIN_VMI_H

#include <stdint.h>

struct init_data {
	uint64_t count;
	struct {
		uint64_t type;
		void *data;
	} entry[];
};

struct told {
	int mode; /* which driver it finds; -1: none */
	uint64_t flags, count, type[4];
	void *data[4];
	int config_mode;
	void *config;
};

extern struct told told;

int vmi_get_access_mode(void *vmi, const void *domain, uint64_t flags, struct init_data *data,
			int *mode);
int vmi_init(void **vmi, int mode, const void *domain, uint64_t flags, struct init_data *data,
	     int *error);
int vmi_init_os(void *vmi, int config_mode, void *config, int *error);
int vmi_init_profile(void *vmi, int config_mode, void *config);
int vmi_init_complete(void **vmi, const void *domain, uint64_t flags, struct init_data *data,
		      int config_mode, void *config, int *error);

#endif
