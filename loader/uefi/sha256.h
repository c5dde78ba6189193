/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LOADER_UEFI_SHA256_H
#define HADAL_LOADER_UEFI_SHA256_H

#include <stdint.h>

#define SHA256_BYTES 32u

/* FIPS 180-4, of all bytes at once. */
void sha256(const uint8_t *data, uint64_t bytes, uint8_t digest[SHA256_BYTES]);

#endif
