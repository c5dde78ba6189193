// SPDX-License-Identifier: MIT
/* What a kernel says about itself: banner, build id, VMCOREINFO. */
#include "kernel/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_BUILD_ID 3 /* NT_GNU_BUILD_ID */

void hadal_identity_banner(struct hadal_space *space, uint64_t address,
			   struct hadal_kernel_info *info)
{
	if (!address ||
	    hadal_space_read_string(space, address, info->banner, sizeof(info->banner)) < 0)
		return;
	/* Up to its newline, and only as far as it is text. */
	for (char *c = info->banner;; c++) {
		if (*c < ' ' || *c > '~') {
			*c = '\0';
			break;
		}
	}
	sscanf(info->banner, "Linux version %64s", info->release);
}

/* ELF notes: name size, description size, type, then both padded to 4 bytes. */
uint64_t hadal_identity_build_id(struct hadal_space *space, uint64_t start, uint64_t end,
				 uint8_t *build_id)
{
	uint8_t notes[1024];
	size_t len = end - start, at = 0;

	if (!start || end <= start)
		return 0;
	if (len > sizeof(notes))
		len = sizeof(notes);
	if (hadal_space_read_exact(space, start, notes, len))
		return 0;
	while (at + 12 <= len) {
		uint32_t header[3];
		uint64_t description, next;

		memcpy(header, notes + at, sizeof(header));
		description = at + 12 + ((header[0] + 3ull) & ~3ull);
		next = description + ((header[1] + 3ull) & ~3ull);
		if (next > len)
			return 0;
		if (header[2] == NOTE_BUILD_ID && header[0] == 4 &&
		    header[1] == HADAL_BUILD_ID_BYTES && !memcmp(notes + at + 12, "GNU", 4)) {
			memcpy(build_id, notes + description, HADAL_BUILD_ID_BYTES);
			return start + description;
		}
		at = next;
	}
	return 0;
}

void hadal_identity_vmcoreinfo(struct hadal_space *space, uint64_t data, uint64_t size,
			       struct hadal_kernel_info *info, char *text)
{
	char release[65] = "";
	const char *line;
	uint64_t address, len, offset = 0;

	if (!data || !size || hadal_space_read_u64(space, data, &address) ||
	    hadal_space_read_u64(space, size, &len) || len >= HADAL_VMCOREINFO_MAX ||
	    hadal_space_read_exact(space, address, text, len)) {
		text[0] = '\0';
		return;
	}
	text[len] = '\0';
	sscanf(text, "OSRELEASE=%64s", release);
	line = strstr(text, "\nKERNELOFFSET=");
	if (line)
		offset = strtoull(line + strlen("\nKERNELOFFSET="), NULL, 16);
	info->vmcoreinfo_agrees =
		line && offset == (uint64_t)info->slide && !strcmp(release, info->release);
}
