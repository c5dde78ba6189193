/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_ERROR_H
#define HADAL_LIB_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Failures about which a person can do something, which a program may want to add in its words. */
enum hadal_error_kind {
	HADAL_ERROR_PLAIN, /* none of these */
	HADAL_ERROR_NOT_RUNNING,
	HADAL_ERROR_NOT_ROOT,
	HADAL_ERROR_OTHER_VERSION,  /* module and library are not of the same */
	HADAL_ERROR_NOT_INSTALLED,  /* there is no module for this kernel */
	HADAL_ERROR_MODULE_REFUSED, /* by the kernel, whose log says why */
	HADAL_ERROR_MODULE_IN_USE,
	HADAL_ERROR_NOT_RAM, /* HADAL_MEM_MMIO would read it */
	HADAL_ERROR_TOO_MANY_CLIENTS,
	HADAL_ERROR_OWN_CPU,    /* the program runs on the CPU that it wants to pause */
	HADAL_ERROR_CPU_BUSY,   /* takes an interrupt just now */
	HADAL_ERROR_COMPRESSED, /* with zstd */
	HADAL_ERROR_TERMINAL,   /* where the output would go, and does not belong */
};

/*
 * One sentence for a person: what failed and why. The functions that fill it also return a negative
 * errno; a caller who does not want the sentence passes NULL.
 */
struct hadal_error {
	char text[512];
	enum hadal_error_kind kind;
};

/* Writes the sentence and returns -code, so that `return hadal_fail(err, EIO, ...)` reads well. */
int hadal_fail(struct hadal_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a failure of a kind. */
int hadal_fail_kind(struct hadal_error *error, int code, enum hadal_error_kind kind,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif

#endif
