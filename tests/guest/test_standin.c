// SPDX-License-Identifier: MIT
/*
 * Plays a program of LibVMI's under `hadal exec --events`: what its KVM driver calls of libvirt,
 * the socket on which libkvmi listens, and LibVMI itself, opened as by a C program and as by
 * Python.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "kvmi/protocol.h"
#include "standin/vmi.h"
#include "support/check.h"

#define VMI "/bin/fake_libvmi.so"

enum { KVM = 1, BAREFLANK = 3 };             /* drivers */
enum { MEMORY_MAP = 1, SOCKET = 2 };         /* kinds of data */
enum { GLOBAL_FILE, STRING, FILE_PATH = 4 }; /* kinds of configuration */
enum { LISTEN_MS = 10000 };                  /* LibVMI's */

static void *opened, *opened_qemu;

static void *libvirt(const char *name)
{
	void *found = dlsym(strstr(name, "Qemu") ? opened_qemu : opened, name);

	if (!found)
		printf("%s: not there\n", name);
	CHECK(found);
	return found;
}

/* As LibVMI's driver, and with the names of one that has no development files. */
static void use_libvirt(const char *suffix)
{
	char name[64];
	void *(*open_auth)(const char *, void *, unsigned int);
	int (*version)(void *, unsigned long *), (*done)(void *), (*freed)(void *);
	void *(*by_name)(void *, const char *), *(*by_id)(void *, int);
	const char *(*name_of)(void *);
	unsigned int (*id_of)(void *);
	void *connection, *domain;
	unsigned long number = 0;

	snprintf(name, sizeof(name), "libvirt.so%s", suffix);
	opened = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
	snprintf(name, sizeof(name), "libvirt-qemu.so%s", suffix);
	opened_qemu = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
	CHECK(opened && opened_qemu);
	open_auth = libvirt("virConnectOpenAuth");
	version = libvirt("virConnectGetLibVersion");
	done = libvirt("virConnectClose");
	by_name = libvirt("virDomainLookupByName");
	by_id = libvirt("virDomainLookupByID");
	name_of = libvirt("virDomainGetName");
	id_of = libvirt("virDomainGetID");
	freed = libvirt("virDomainFree");

	CHECK(!open_auth("xen:///system", libvirt("virConnectAuthPtrDefault"), 0));
	connection = open_auth("qemu:///system", libvirt("virConnectAuthPtrDefault"), 0);
	CHECK(connection);
	CHECK(!version(connection, &number) && number);
	CHECK(!by_name(connection, "dom0"));
	domain = by_name(connection, "host");
	CHECK(domain && !strcmp(name_of(domain), "host"));
	CHECK(by_id(connection, (int)id_of(domain)));
	CHECK(!by_id(connection, (int)id_of(domain) + 1));
	CHECK(!freed(domain) && !done(connection));
	dlclose(opened_qemu);
	dlclose(opened);
}

/* Each says its name on standard error. */
static void use_what_is_refused(void)
{
	static const char *const names[] = {"virDomainGetInfo", "virDomainSuspend",
					    "virDomainResume", "virDomainQemuMonitorCommand"};

	opened = opened_qemu = dlopen("libvirt.so", RTLD_NOW);
	for (int i = 0; i < 4; i++) {
		int (*refused)(void *, const void *, void *, unsigned int) = libvirt(names[i]);

		EQUAL(refused(NULL, "", NULL, 0), -1);
	}
	CHECK(!dlsym(opened, "virDomainCreate"));
}

/* The rights, the owner and the words of what was made for this program. */
static void look_at_directory(const char *socket, const char *config)
{
	char directory[128];
	struct stat about;

	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(socket, '/') - socket),
		 socket);
	CHECK(!stat(directory, &about));
	EQUAL(about.st_mode, S_IFDIR | 0700);
	EQUAL(about.st_uid, 0);
	CHECK(!strncmp(config, directory, strlen(directory)));
}

/* It is there as soon as LibVMI would look for it. */
static void look_at_config(const char *config)
{
	char text[4096], map[256];
	struct stat about;
	FILE *file = fopen(config, "r");
	size_t got;

	CHECK(file);
	got = fread(text, 1, sizeof(text) - 1, file);
	text[got] = 0;
	fclose(file);
	CHECK(strstr(text, "\nhost {\n") && strstr(text, "linux_tasks"));
	CHECK(sscanf(strstr(text, "sysmap"), "sysmap = \"%255[^\"]\"", map) == 1);
	CHECK(!stat(map, &about) && about.st_size > 1000000);
}

/* As libkvmi does it. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	strcpy(address.sun_path, path);
	CHECK(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	usleep(50000);
	CHECK(!listen(listener, 0));
	CHECK(!chmod(path, 0777));
	return listener;
}

static void receive(int connection, void *buffer, size_t bytes)
{
	EQUAL(recv(connection, buffer, bytes, MSG_WAITALL), (int64_t)bytes);
}

static int be_served(const char *path)
{
	int listener = listen_at(path), connection;
	struct pollfd polled = {.fd = listener, .events = POLLIN};
	struct kvmi_welcome welcome = {.bytes = sizeof(welcome)};
	struct kvmi_hello hello;

	CHECK(poll(&polled, 1, 6 * LISTEN_MS) == 1); /* Bochs is slow */
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(connection >= 0);
	close(listener);
	receive(connection, &hello, sizeof(hello));
	CHECK(!strcmp(hello.name, "host"));
	EQUAL(send(connection, &welcome, sizeof(welcome), 0), sizeof(welcome));
	return connection;
}

static void ask(int connection)
{
	const struct kvmi_header header = {.id = KVMI_GET_GUEST_INFO, .seq = 7};
	struct {
		struct kvmi_header header;
		struct kvmi_error error;
		struct kvmi_guest_info info;
	} answer;

	EQUAL(send(connection, &header, sizeof(header), 0), sizeof(header));
	receive(connection, &answer, sizeof(answer));
	EQUAL(answer.header.seq, 7);
	EQUAL(answer.error.error, 0);
	EQUAL(answer.info.vcpu_count, sysconf(_SC_NPROCESSORS_ONLN));
}

/* Two at the same time, and one after these. */
static void use_socket(const char *path)
{
	int first = be_served(path), second = be_served(path);
	cpu_set_t set;

	ask(second);
	ask(first);
	close(first);
	ask(second);
	close(second);
	first = be_served(path);
	ask(first);
	close(first);
	EQUAL(sched_getaffinity(0, sizeof(set), &set), 0);
	EQUAL(CPU_COUNT(&set), 1);
}

static void *vmi_symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);

	CHECK(found);
	return found;
}

static int (*complete)(void **, const void *, uint64_t, struct init_data *, int, void *, int *);
static int (*init_profile)(void *, int, void *);
static struct told *seen;

/* flags: for all, or for this program alone, as Python does it. */
static void open_vmi(int flags)
{
	void *library = dlopen(VMI, RTLD_NOW | flags);

	CHECK(library);
	complete = vmi_symbol(library, "vmi_init_complete");
	init_profile =
		vmi_symbol(flags == RTLD_GLOBAL ? RTLD_DEFAULT : library, "vmi_init_profile");
	seen = vmi_symbol(library, "told");
}

/* What the program has left open is filled in. */
static void name_nothing(const char *socket, const char *config)
{
	void *vmi;

	seen->mode = KVM;
	EQUAL(complete(&vmi, "host", 1, NULL, GLOBAL_FILE, NULL, NULL), 0);
	EQUAL(seen->flags, 1);
	EQUAL(seen->count, 1);
	EQUAL(seen->type[0], SOCKET);
	CHECK(!strcmp(seen->data[0], socket));
	EQUAL(seen->config_mode, FILE_PATH);
	CHECK(!strcmp(seen->config, config));
	look_at_config(config);
}

/* Another socket is replaced, everything else stays. */
static void name_all(const char *socket)
{
	struct init_data *named = calloc(1, sizeof(*named) + 3 * sizeof(named->entry[0]));
	void *vmi;

	CHECK(named);
	named->count = 3;
	named->entry[0].type = MEMORY_MAP;
	named->entry[0].data = seen;
	named->entry[1].type = SOCKET;
	named->entry[1].data = "/tmp/introspector";
	named->entry[2].type = MEMORY_MAP;
	seen->mode = KVM;
	EQUAL(complete(&vmi, "host", 1, named, STRING, "text", NULL), 0);
	EQUAL(seen->count, 3);
	EQUAL(seen->type[0], SOCKET);
	CHECK(!strcmp(seen->data[0], socket));
	EQUAL(seen->type[1], MEMORY_MAP);
	CHECK(seen->data[1] == seen);
	EQUAL(seen->type[2], MEMORY_MAP);
	EQUAL(seen->config_mode, STRING);
	CHECK(!strcmp(seen->config, "text"));
	EQUAL(named->count, 3);
	free(named);
}

static void use_other_drivers(void)
{
	void *vmi;

	seen->mode = BAREFLANK;
	EQUAL(complete(&vmi, "dom0", 1, NULL, GLOBAL_FILE, NULL, NULL), 0);
	EQUAL(seen->count, 0);
	EQUAL(seen->config_mode, GLOBAL_FILE);
	seen->mode = -1;
	EQUAL(complete(&vmi, "dom0", 1, NULL, GLOBAL_FILE, NULL, NULL), 1);
}

static void use_profile(void)
{
	int mode = KVM;

	EQUAL(init_profile(&mode, GLOBAL_FILE, NULL), 1);
	EQUAL(seen->config_mode, FILE_PATH);
}

/* Is served and waits to be killed. */
static void hold(const char *path)
{
	ask(be_served(path));
	puts("served");
	fflush(stdout);
	pause();
}

int main(int argc, char **argv)
{
	const char *socket = getenv("HADAL_KVMI_SOCKET"), *config = getenv("HADAL_LIBVMI_CONF");

	CHECK(socket && config);
	if (argc > 1 && !strcmp(argv[1], "hold"))
		hold(socket);
	use_libvirt("");
	use_libvirt(".0");
	use_what_is_refused();
	look_at_directory(socket, config);
	use_socket(socket);
	open_vmi(RTLD_LOCAL);
	name_all(socket);
	use_other_drivers();
	if (argc > 1 && !strcmp(argv[1], "quick"))
		return 0;
	CHECK(access(config, F_OK));
	name_nothing(socket, config);
	open_vmi(RTLD_GLOBAL);
	name_nothing(socket, config);
	use_profile();
	return 0;
}
