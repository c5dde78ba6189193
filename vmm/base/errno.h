/* SPDX-License-Identifier: MIT */
/* The error numbers that the image uses, with Linux's values. Functions return them negated. */
#ifndef HADAL_BASE_ERRNO_H
#define HADAL_BASE_ERRNO_H

#define EPERM      1
#define ENOENT     2
#define EIO        5
#define ENXIO      6
#define EAGAIN     11
#define ENOMEM     12
#define EACCES     13
#define EFAULT     14
#define EBUSY      16
#define EEXIST     17
#define ENODEV     19
#define EINVAL     22
#define ENOSPC     28
#define ERANGE     34
#define EDEADLK    35
#define ENODATA    61
#define EPROTO     71
#define EOVERFLOW  75
#define EOPNOTSUPP 95
#define ETIMEDOUT  110

#endif
