// SPDX-License-Identifier: MIT
/*
 * Between a program and LibVMI: what LibVMI's KVM driver has to be told of, the socket and the
 * configuration, whether the program names others or none. Everything else passes.
 */
#include "standin.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of 10 ms each. */
#define WANT_TRIES 12000

/* Of LibVMI's interface. */
enum { SUCCESS, FAILURE };
enum { MODE_KVM = 1 };
enum { DATA_KVMI_SOCKET = 2 };
enum { CONFIG_GLOBAL_FILE_ENTRY, CONFIG_FILE_PATH = 4 };
enum { OS_UNKNOWN };

struct init_data {
	uint64_t count;
	struct {
		uint64_t type;
		void *data;
	} entry[];
};

EXPORTED int vmi_get_access_mode(void *vmi, const void *domain, uint64_t flags,
				 struct init_data *data, int *mode);
EXPORTED int vmi_init(void **vmi, int mode, const void *domain, uint64_t flags,
		      struct init_data *data, int *error);
EXPORTED int vmi_init_os(void *vmi, int config_mode, void *config, int *error);
EXPORTED int vmi_init_profile(void *vmi, int config_mode, void *config);

/* LibVMI's own function. What opened LibVMI for itself alone, as Python does, calls from there. */
static void *next(const char *name, void *caller)
{
	void *found = dlsym(RTLD_NEXT, name), *library;
	Dl_info info;

	if (!found && dladdr(caller, &info)) {
		library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
		found = library ? dlsym(library, name) : NULL;
		if (library)
			dlclose(library);
	}
	if (!found)
		fprintf(stderr, "hadal: LibVMI's %s() is not to be found\n", name);
	return found;
}

int vmi_get_access_mode(void *vmi, const void *domain, uint64_t flags, struct init_data *data,
			int *mode)
{
	int (*const get)(void *, const void *, uint64_t, struct init_data *, int *) =
		next("vmi_get_access_mode", __builtin_return_address(0));
	const int status = get ? get(vmi, domain, flags, data, mode) : FAILURE;

	if (get && status != SUCCESS)
		fprintf(stderr,
			"hadal: LibVMI has found no way to what it was asked for. This machine is "
			"called '%s' here, and LibVMI wants its KVM driver and libkvmi.so for it\n",
			STANDIN_NAME);
	return status;
}

/* The same with our socket, which the KVM driver wants to be the first. NULL: no memory. */
static struct init_data *with_socket(const struct init_data *from, char *socket)
{
	const uint64_t count = from ? from->count : 0;
	struct init_data *to = malloc(sizeof(*to) + (count + 1) * sizeof(to->entry[0]));

	if (!to)
		return NULL;
	to->entry[0].type = DATA_KVMI_SOCKET;
	to->entry[0].data = socket;
	to->count = 1;
	for (uint64_t i = 0; i < count; i++)
		if (from->entry[i].type != DATA_KVMI_SOCKET)
			to->entry[to->count++] = from->entry[i];
	return to;
}

int vmi_init(void **vmi, int mode, const void *domain, uint64_t flags, struct init_data *data,
	     int *error)
{
	int (*const init)(void **, int, const void *, uint64_t, struct init_data *, int *) =
		next("vmi_init", __builtin_return_address(0));
	char *socket = getenv(STANDIN_SOCKET);
	struct init_data *own = NULL;
	int status;

	if (!init)
		return FAILURE;
	if (mode == MODE_KVM && socket)
		own = with_socket(data, socket);
	status = init(vmi, mode, domain, flags, own ? own : data, error);
	free(own);
	return status;
}

/* Has the configuration made, which takes a while and many programs do without. */
static void want(const char *path)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	char wanted[256];
	FILE *file;

	if (!access(path, F_OK))
		return;
	snprintf(wanted, sizeof(wanted), "%s" STANDIN_WANTED, path);
	file = fopen(wanted, "w");
	if (file)
		fclose(file);
	for (int i = 0; access(path, F_OK) && i < WANT_TRIES; i++)
		nanosleep(&pause, NULL);
}

/* Where the entry of an instance is that has none of its own. */
static void choose_config(void *vmi, void *caller, int *config_mode, void **config)
{
	int (*const get)(void *, const void *, uint64_t, struct init_data *, int *) =
		next("vmi_get_access_mode", caller);
	char *path = getenv(STANDIN_CONFIG);
	int mode;

	if (*config_mode != CONFIG_GLOBAL_FILE_ENTRY || !path || !vmi || !get ||
	    get(vmi, NULL, 0, NULL, &mode) != SUCCESS || mode != MODE_KVM)
		return;
	want(path);
	*config_mode = CONFIG_FILE_PATH;
	*config = path;
}

int vmi_init_os(void *vmi, int config_mode, void *config, int *error)
{
	int (*const init)(void *, int, void *, int *) =
		next("vmi_init_os", __builtin_return_address(0));

	choose_config(vmi, __builtin_return_address(0), &config_mode, &config);
	return init ? init(vmi, config_mode, config, error) : OS_UNKNOWN;
}

int vmi_init_profile(void *vmi, int config_mode, void *config)
{
	int (*const init)(void *, int, void *) =
		next("vmi_init_profile", __builtin_return_address(0));

	choose_config(vmi, __builtin_return_address(0), &config_mode, &config);
	return init ? init(vmi, config_mode, config) : OS_UNKNOWN;
}
