/* SPDX-License-Identifier: MIT */
#ifndef HADAL_TYPES_H
#define HADAL_TYPES_H

/* The fixed-width types of the ABI, for the image, the library and the kernel alike. */
#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#endif
