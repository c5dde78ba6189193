// SPDX-License-Identifier: MIT
/*
 * test_kvm hold COMMAND...: runs the command while a VM of KVM's holds the processors.
 * test_kvm create: creates a VM and a vCPU; 0 when that works.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int create(void)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || ioctl(vm, KVM_CREATE_VCPU, 0) < 0) {
		perror("test_kvm");
		return -1;
	}
	return vm;
}

int main(int argc, char **argv)
{
	int status;

	if (create() < 0)
		return 1;
	if (argc < 3 || strcmp(argv[1], "hold"))
		return 0;
	if (fork() == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
