// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A program that a client executes is admitted before its first instruction, when the client was
 * admitted with HADAL_ADMIT_NEXT or _ALL.
 *
 * Who executes is told at the begin of an exec, when this module is asked as the first of all
 * binary formats whether the file is its own. The door can be mapped only at the end, in the new
 * address space. What a task is to do before it goes back to user mode modules cannot add, but the
 * last reference to a file that is put is such work: its release runs then, whether the exec has
 * worked or not.
 */
#include <linux/anon_inodes.h>
#include <linux/binfmts.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "client.h"

struct successor {
	struct file *device;
	u32 admits;
};

/* A task that ends has no memory any more. */
static void successor_admit(const struct successor *successor)
{
	int error;

	if (!current->mm || !capable(CAP_SYS_ADMIN))
		return;
	error = client_admit_current(successor->device, successor->admits);
	/*
	 * -EEXIST: the exec has failed, or this is a script, whose interpreter was asked for too.
	 * Otherwise it sees no hypervisor.
	 */
	if (error && error != -EEXIST && !fatal_signal_pending(current))
		pr_warn_ratelimited("hadal: %s (%d) is not admitted: error %d\n", current->comm,
				    task_tgid_nr(current), error);
}

static void successor_free(struct successor *successor)
{
	fput(successor->device);
	kfree(successor);
}

static int successor_release(struct inode *inode, struct file *file)
{
	successor_admit(file->private_data);
	successor_free(file->private_data);
	return 0;
}

static const struct file_operations successor_operations = {
	.owner = THIS_MODULE,
	.release = successor_release,
};

/* False when what the current process executes is not to be admitted. */
static bool successor_of_current(struct successor *successor)
{
	const struct client *client;

	mutex_lock(&clients_lock);
	client = client_of(current->mm);
	if (client && client->admits) {
		successor->device = get_file(client->device);
		successor->admits = client->admits == HADAL_ADMIT_ALL ? HADAL_ADMIT_ALL : 0;
	} else {
		client = NULL;
	}
	mutex_unlock(&clients_lock);
	return client;
}

/* The exec fails when its program could not be admitted for want of memory. */
static int exec_begins(struct linux_binprm *bprm)
{
	struct successor *successor, found;
	struct file *file;

	/* The clients that concern this task were added by itself or before it was forked. */
	if (list_empty(&clients) || !successor_of_current(&found))
		return -ENOEXEC;
	successor = kmemdup(&found, sizeof(found), GFP_KERNEL);
	if (!successor) {
		fput(found.device);
		return -ENOMEM;
	}
	file = anon_inode_getfile("[hadal]", &successor_operations, successor, O_RDONLY);
	if (IS_ERR(file)) {
		successor_free(successor);
		return PTR_ERR(file);
	}
	fput(file);
	return -ENOEXEC;
}

static struct linux_binfmt exec_format = {
	.module = THIS_MODULE,
	.load_binary = exec_begins,
};

void client_exec_register(void)
{
	insert_binfmt(&exec_format);
}

void client_exec_unregister(void)
{
	unregister_binfmt(&exec_format);
}
