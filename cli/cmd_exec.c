// SPDX-License-Identifier: MIT
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The new program must be admitted after exec(), which takes a process's memory away, and before
 * its first instruction. A helper stops it there, as a debugger would.
 */

/* The program is not admitted: it must not run as if it were. */
static void give_up(pid_t program, const struct hadal_error *error)
{
	cli_fail(error);
	kill(program, SIGKILL);
}

static void admit_at_exec(struct hadal *hadal, pid_t program)
{
	struct hadal_error error;
	int status, signal;

	while (waitpid(program, &status, __WALL) == program && WIFSTOPPED(status)) {
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			if (hadal_admit(hadal, program, &error))
				give_up(program, &error);
			ptrace(PTRACE_DETACH, program, NULL, NULL);
			return;
		}
		signal = status >> 16 ? 0 : WSTOPSIG(status);
		ptrace(PTRACE_CONT, program, NULL, (void *)(long)signal);
	}
}

static void helper(struct hadal *hadal, pid_t program, int ready)
{
	long failed = ptrace(PTRACE_SEIZE, program, NULL, (void *)PTRACE_O_TRACEEXEC);
	int code = failed ? errno : 0;

	if (write(ready, &code, sizeof(code)) != sizeof(code) || code)
		return;
	close(ready);
	admit_at_exec(hadal, program);
}

/* The helper is nobody's child, so that the program does not find one that it does not know. */
static int start_helper(struct hadal *hadal)
{
	pid_t program = getpid(), child;
	int ready[2], code = EIO;

	if (pipe2(ready, O_CLOEXEC))
		return errno;
	child = fork();
	if (!child) {
		close(ready[0]);
		if (!fork())
			helper(hadal, program, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	if (child < 0 || waitpid(child, NULL, 0) != child ||
	    read(ready[0], &code, sizeof(code)) != sizeof(code))
		code = EIO;
	close(ready[0]);
	return code;
}

static int run(char **argv)
{
	struct hadal_info info;
	struct hadal *hadal = cli_open_running(&info);
	int code;

	if (!hadal)
		return CLI_FAILURE;
	code = start_helper(hadal);
	if (code) {
		fprintf(stderr, "hadal: cannot admit '%s': %s\n", argv[0], strerror(code));
		return CLI_FAILURE;
	}
	execvp(argv[0], argv);
	code = errno;
	fprintf(stderr, "hadal: cannot run '%s': %s\n", argv[0], strerror(code));
	return code == ENOENT ? 127 : 126;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	char ***program = state->input;

	(void)text;
	switch (key) {
	case ARGP_KEY_ARG:
		*program = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "[--] PROGRAM [ARGUMENT...]",
	.doc = "Run a program that may introspect this system, such as LibVMI's tools.\v"
	       "It becomes this process. What it forks may introspect too; other programs that it "
	       "runs may not. Exit status: the program's; 127 when there is none of that name, 126 "
	       "when it cannot be run, 1 when Hadal is not running.\n\n"
	       "Example: sudo hadal exec -- vmi-process-list dom0",
};

int cmd_exec(int argc, char **argv)
{
	char **program = NULL;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &program);
	return run(program);
}
