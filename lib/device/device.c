// SPDX-License-Identifier: MIT
/* What the library offers over /dev/hadal. */
#include "device/device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#define PAGE_BYTES 4096

/* The errors whose meaning does not depend on the call; `what` says what could not be done. */
static int common_error(struct hadal_error *error, int code, const char *what)
{
	switch (code) {
	case ENODEV:
	case ENOENT:
		return hadal_fail_kind(error, code, HADAL_ERROR_NOT_RUNNING,
				       "Hadal is not running");
	case EPROTO:
	case ENOTTY: /* what it does not know at all */
		return hadal_fail_kind(error, EPROTO, HADAL_ERROR_OTHER_VERSION,
				       "The hadal module in the kernel is of another version than "
				       "this program");
	case EINTR:
	case ESHUTDOWN:
		return hadal_fail(error, code, "%s: interrupted", what);
	default:
		return hadal_fail(error, code, "%s: %s", what, strerror(code));
	}
}

int device_cpu_error(struct hadal_error *error, int code, const char *what, unsigned int cpu)
{
	switch (code) {
	case ENXIO:
		return hadal_fail(error, code, "%s: there is no CPU %u under Hadal", what, cpu);
	case ETIMEDOUT:
		return hadal_fail(error, code, "%s: CPU %u does not answer", what, cpu);
	default:
		return common_error(error, code, what);
	}
}

int hadal_open(struct hadal **hadal, struct hadal_error *error)
{
	int fd = open("/dev/hadal", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		int code = errno;

		if (code == EACCES || code == EPERM)
			return hadal_fail_kind(error, EACCES, HADAL_ERROR_NOT_ROOT,
					       "Hadal is for root only");
		return common_error(error, code, "Cannot open /dev/hadal");
	}
	*hadal = malloc(sizeof(**hadal));
	if (!*hadal) {
		close(fd);
		return hadal_fail(error, ENOMEM, "Out of memory");
	}
	(*hadal)->fd = fd;
	return 0;
}

void hadal_close(struct hadal *hadal)
{
	if (!hadal)
		return;
	close(hadal->fd);
	free(hadal);
}

int hadal_state(struct hadal *hadal, struct hadal_state *state, struct hadal_error *error)
{
	struct hadal_ioc_state request = {.version = HADAL_ABI_VERSION};

	if (ioctl(hadal->fd, HADAL_IOC_STATE, &request))
		return common_error(error, errno, "Cannot ask for the state");
	if (request.version != HADAL_ABI_VERSION)
		return common_error(error, EPROTO, "");
	*state = (struct hadal_state){.running = request.running,
				      .cpu_count = request.cpu_count,
				      .cpu_running = request.cpu_running,
				      .locked = request.locked,
				      .trial_seconds = request.trial_seconds};
	return 0;
}

int hadal_start(struct hadal *hadal, uint64_t flags, unsigned int trial_seconds,
		struct hadal_error *error)
{
	struct hadal_ioc_start request = {
		.version = HADAL_ABI_VERSION,
		.flags = flags,
		.trial_seconds = trial_seconds,
	};

	if (!ioctl(hadal->fd, HADAL_IOC_START, &request))
		return 0;
	if (!request.reason[0])
		return common_error(error, errno, "Hadal could not start");
	return hadal_fail(error, errno, "Hadal could not start: %.*s", (int)sizeof(request.reason),
			  request.reason);
}

int hadal_check(struct hadal *hadal, struct hadal_error *error)
{
	struct hadal_ioc_check request = {.version = HADAL_ABI_VERSION};

	if (!ioctl(hadal->fd, HADAL_IOC_CHECK, &request))
		return 0;
	if (!request.reason[0])
		return common_error(error, errno, "Hadal cannot check this machine");
	return hadal_fail(error, errno, "Hadal cannot start here: %.*s",
			  (int)sizeof(request.reason), request.reason);
}

int hadal_keep(struct hadal *hadal, struct hadal_error *error)
{
	struct hadal_ioc_keep request = {.version = HADAL_ABI_VERSION};

	if (!ioctl(hadal->fd, HADAL_IOC_KEEP, &request))
		return 0;
	if (errno == ENOENT)
		return hadal_fail(error, ENOENT, "Hadal runs, but not on trial");
	return common_error(error, errno, "The trial cannot be ended");
}

/* The module's HADAL_ABI_VERSION; 0 when it cannot be asked. */
static uint32_t module_version(struct hadal *hadal)
{
	struct hadal_ioc_state request = {.version = HADAL_ABI_VERSION};

	return ioctl(hadal->fd, HADAL_IOC_STATE, &request) ? 0 : request.version;
}

int hadal_stop(struct hadal *hadal, struct hadal_error *error)
{
	struct hadal_ioc_stop request = {.version = HADAL_ABI_VERSION};
	int result = ioctl(hadal->fd, HADAL_IOC_STOP, &request);

	if (result && errno == EPROTO) {
		request.version = module_version(hadal);
		result = ioctl(hadal->fd, HADAL_IOC_STOP, &request);
	}
	if (!result)
		return 0;
	if (!request.reason[0] || errno == ENODEV)
		return common_error(error, errno, "Hadal could not stop");
	return hadal_fail(error, errno, "Hadal could not stop: %.*s", (int)sizeof(request.reason),
			  request.reason);
}

/* Returns 0 or a positive errno. */
static int get(struct hadal *hadal, unsigned long command, unsigned int cpu, void *out, size_t size)
{
	struct hadal_ioc_get request = {
		.version = HADAL_ABI_VERSION,
		.cpu = cpu,
		.buffer = (uintptr_t)out,
		.size = size,
	};

	return ioctl(hadal->fd, command, &request) ? errno : 0;
}

int hadal_info(struct hadal *hadal, struct hadal_info *info, struct hadal_error *error)
{
	int code = get(hadal, HADAL_IOC_INFO, 0, info, sizeof(*info));

	return code ? common_error(error, code, "Cannot ask the hypervisor about itself") : 0;
}

int hadal_first(struct hadal *hadal, struct hadal_first *first, struct hadal_error *error)
{
	int code = get(hadal, HADAL_IOC_FIRST, 0, first, sizeof(*first));

	if (code == ENOENT)
		return hadal_fail(error, ENOENT, "Hadal was not there before this system");
	return code ? common_error(error, code, "Cannot ask what started the hypervisor") : 0;
}

int hadal_ram(struct hadal *hadal, struct hadal_ram *ram, struct hadal_error *error)
{
	struct hadal_ioc_ram request = {
		.version = HADAL_ABI_VERSION,
		.count = HADAL_MAX_RAM_RANGES,
		.buffer = (uintptr_t)ram->range,
	};

	if (ioctl(hadal->fd, HADAL_IOC_RAM, &request))
		return common_error(error, errno, "Cannot ask what is RAM");
	ram->count = request.count;
	return 0;
}

int hadal_own(struct hadal *hadal, unsigned int index, struct hadal_range *range,
	      struct hadal_error *error)
{
	struct hadal_ioc_own request = {.version = HADAL_ABI_VERSION, .index = index};

	if (ioctl(hadal->fd, HADAL_IOC_OWN, &request)) {
		if (errno == ENOENT)
			return hadal_fail(error, ENOENT, "The hypervisor has no such range");
		return common_error(error, errno, "Cannot ask what memory is the hypervisor's own");
	}
	*range = (struct hadal_range){request.start, request.end};
	return 0;
}

int hadal_stats(struct hadal *hadal, unsigned int cpu, struct hadal_stats *stats,
		struct hadal_error *error)
{
	int code = get(hadal, HADAL_IOC_STATS, cpu, stats, sizeof(*stats));

	return code ? device_cpu_error(error, code, "Cannot read the counters", cpu) : 0;
}

int hadal_regs(struct hadal *hadal, unsigned int cpu, struct hadal_regs *regs,
	       struct hadal_error *error)
{
	int code = get(hadal, HADAL_IOC_REGS, cpu, regs, sizeof(*regs));

	return code ? device_cpu_error(error, code, "Cannot read registers", cpu) : 0;
}

ssize_t hadal_log(struct hadal *hadal, uint64_t *position, char *buffer, size_t size,
		  struct hadal_error *error)
{
	struct hadal_ioc_log request = {
		.version = HADAL_ABI_VERSION,
		.position = *position,
		.buffer = (uintptr_t)buffer,
		.size = size,
	};

	if (ioctl(hadal->fd, HADAL_IOC_LOG, &request))
		return common_error(error, errno, "Cannot read the log");
	*position = request.position;
	return request.done;
}

/* One sentence for a transfer that stopped at `address`. */
static int memory_error(struct hadal_error *error, int code, const char *verb, uint64_t address,
			bool is_virtual)
{
	static const struct {
		int code;
		enum hadal_error_kind kind;
		const char *reason;
	} reasons[] = {
		{EFAULT, HADAL_ERROR_PLAIN, "nothing is mapped there"},
		{EACCES, HADAL_ERROR_PLAIN, "it belongs to the hypervisor"},
		{ENXIO, HADAL_ERROR_NOT_RAM, "it is not RAM"},
		{EINVAL, HADAL_ERROR_PLAIN,
		 "there is no such address, or the flags do not fit the range"},
	};

	if (!error)
		return -code;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].code == code)
			return hadal_fail_kind(error, code, reasons[i].kind,
					       "Cannot %s %s memory at %#" PRIx64 ": %s", verb,
					       is_virtual ? "virtual" : "physical", address,
					       reasons[i].reason);
	return common_error(error, code, "Cannot access memory");
}

static int transfer(struct hadal *hadal, unsigned long command, struct hadal_ioc_memory *request,
		    size_t *done, struct hadal_error *error)
{
	int code = ioctl(hadal->fd, command, request) ? errno : 0;

	if (done)
		*done = request->done;
	if (!code)
		return 0;
	return memory_error(error, code, command == HADAL_IOC_READ ? "read" : "write",
			    request->address + request->done, request->flags & HADAL_MEM_VIRTUAL);
}

static struct hadal_ioc_memory memory_request(uint64_t root, uint64_t address, const void *buffer,
					      size_t length, uint32_t flags)
{
	return (struct hadal_ioc_memory){
		.version = HADAL_ABI_VERSION,
		.flags = flags,
		.address = address,
		.length = length,
		.buffer = (uintptr_t)buffer,
		.root = root,
	};
}

int hadal_read(struct hadal *hadal, uint64_t address, void *buffer, size_t length, uint32_t flags,
	       size_t *done, struct hadal_error *error)
{
	struct hadal_ioc_memory request = memory_request(0, address, buffer, length, flags);

	return transfer(hadal, HADAL_IOC_READ, &request, done, error);
}

int hadal_write(struct hadal *hadal, uint64_t address, const void *buffer, size_t length,
		uint32_t flags, size_t *done, struct hadal_error *error)
{
	struct hadal_ioc_memory request = memory_request(0, address, buffer, length, flags);

	return transfer(hadal, HADAL_IOC_WRITE, &request, done, error);
}

int hadal_read_virtual(struct hadal *hadal, uint64_t root, uint64_t address, void *buffer,
		       size_t length, uint32_t flags, size_t *done, struct hadal_error *error)
{
	struct hadal_ioc_memory request =
		memory_request(root, address, buffer, length, flags | HADAL_MEM_VIRTUAL);

	return transfer(hadal, HADAL_IOC_READ, &request, done, error);
}

int hadal_write_virtual(struct hadal *hadal, uint64_t root, uint64_t address, const void *buffer,
			size_t length, uint32_t flags, size_t *done, struct hadal_error *error)
{
	struct hadal_ioc_memory request =
		memory_request(root, address, buffer, length, flags | HADAL_MEM_VIRTUAL);

	return transfer(hadal, HADAL_IOC_WRITE, &request, done, error);
}

int hadal_translate(struct hadal *hadal, uint64_t root, uint64_t address, uint32_t flags,
		    struct hadal_translation *out, struct hadal_error *error)
{
	struct hadal_ioc_translate request = {
		.version = HADAL_ABI_VERSION,
		.flags = flags,
		.address = address,
		.root = root,
	};

	if (ioctl(hadal->fd, HADAL_IOC_TRANSLATE, &request))
		return common_error(error, errno, "Cannot translate");
	*out = request.out;
	return 0;
}

static int map_error(struct hadal_error *error, int code, uint64_t physical)
{
	switch (code) {
	case ENOSPC:
		return hadal_fail(error, code, "Too many pages are mapped");
	case ENXIO:
	case EACCES:
		return hadal_fail(error, code, "Cannot map physical memory at %#" PRIx64 ": %s",
				  physical,
				  code == ENXIO ? "it is not RAM" : "it belongs to the hypervisor");
	default:
		return common_error(error, code, "Cannot map a page");
	}
}

int hadal_map_page(struct hadal *hadal, uint64_t physical, uint32_t flags, void **page,
		   struct hadal_error *error)
{
	struct hadal_ioc_map request = {
		.version = HADAL_ABI_VERSION,
		.flags = flags,
		.physical = physical,
	};
	void *own =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (own == MAP_FAILED)
		return common_error(error, errno, "Cannot allocate a page");
	/* A child would get a copy of what the page shows, or the page itself. */
	madvise(own, PAGE_BYTES, MADV_DONTFORK);
	request.address = (uintptr_t)own;
	if (ioctl(hadal->fd, HADAL_IOC_MAP, &request)) {
		int code = errno;

		munmap(own, PAGE_BYTES);
		return map_error(error, code, physical);
	}
	*page = own;
	return 0;
}

int hadal_unmap_page(struct hadal *hadal, void *page, struct hadal_error *error)
{
	struct hadal_ioc_map request = {
		.version = HADAL_ABI_VERSION,
		.address = (uintptr_t)page,
	};

	if (ioctl(hadal->fd, HADAL_IOC_UNMAP, &request)) {
		if (errno == ENOENT)
			return hadal_fail(error, ENOENT, "No page is mapped at %p", page);
		return common_error(error, errno, "Cannot unmap a page");
	}
	munmap(page, PAGE_BYTES);
	return 0;
}

/* Why an ioctl about a process has failed, by errno. */
static int process_error(struct hadal_error *error, pid_t pid, const char *what)
{
	switch (errno) {
	case ESRCH:
		return hadal_fail(error, ESRCH, "There is no process %d", pid);
	case EINVAL:
		return hadal_fail(error, EINVAL, "Process %d runs no program", pid);
	default:
		return common_error(error, errno, what);
	}
}

int hadal_process_root(struct hadal *hadal, pid_t pid, uint64_t *root, struct hadal_error *error)
{
	struct hadal_ioc_root request = {.version = HADAL_ABI_VERSION, .pid = pid};

	if (!ioctl(hadal->fd, HADAL_IOC_ROOT, &request)) {
		*root = request.root;
		return 0;
	}
	return process_error(error, pid, "Cannot find the page tables of a process");
}

int hadal_admit(struct hadal *hadal, pid_t pid, uint32_t flags, struct hadal_error *error)
{
	struct hadal_ioc_admit request = {
		.version = HADAL_ABI_VERSION,
		.pid = pid,
		.flags = flags,
	};

	if (!ioctl(hadal->fd, HADAL_IOC_ADMIT, &request))
		return 0;
	switch (errno) {
	case EEXIST:
		return hadal_fail(error, EEXIST, "Process %d may introspect already", pid);
	case ENOSPC:
		return hadal_fail_kind(error, ENOSPC, HADAL_ERROR_TOO_MANY_CLIENTS,
				       "%u programs may introspect already", HADAL_MAX_CLIENTS);
	default:
		return process_error(error, pid, "Cannot admit a process");
	}
}

int hadal_clients(struct hadal *hadal, struct hadal_client_info *clients, unsigned int room,
		  struct hadal_error *error)
{
	struct hadal_ioc_clients request = {
		.version = HADAL_ABI_VERSION,
		.count = room,
		.buffer = (uintptr_t)clients,
	};

	if (ioctl(hadal->fd, HADAL_IOC_CLIENTS, &request))
		return common_error(error, errno, "Cannot list the clients");
	return request.count;
}
