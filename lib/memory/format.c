// SPDX-License-Identifier: MIT
/* Formats that would be taken for raw memory if nobody told them apart from it. */
#include "memory/format.h"

#include <string.h>

#define MAGIC(bytes) bytes, sizeof(bytes) - 1

static const struct hadal_format formats[] = {
	{MAGIC("DISKDUMP"), "is compressed by diskdump",
	 "take an ELF core instead, as makedumpfile -E writes it"},
	{MAGIC("makedumpfile"), "is a dump that makedumpfile flattened for a pipe",
	 "makedumpfile -R puts it together again"},
	{MAGIC("\x1f\x8b"), "is compressed with gzip", "gunzip unpacks it"},
	{MAGIC("\xfd"
	       "7zXZ"),
	 "is compressed with xz", "unxz unpacks it"},
	{MAGIC("BZh"), "is compressed with bzip2", "bunzip2 unpacks it"},
	{MAGIC("\x04\x22\x4d\x18"), "is compressed with lz4", "unlz4 unpacks it"},
	{MAGIC("\xff\x06\x00\x00sNaPpY"), "is compressed with snappy",
	 "a tool for framed snappy unpacks it"},
	{MAGIC("PK\x03\x04"), "is a zip archive", "unzip unpacks it"},
	{MAGIC("QFI\xfb"), "is a qcow2 disk, which is no memory",
	 "QEMU's dump-guest-memory writes an ELF core of the guest; qemu-img convert -O raw "
	 "unpacks a qcow2 in which raw memory was put"},
	{MAGIC("LibvirtQemudSave"), "is a guest that libvirt saved",
	 "virsh dump --memory-only writes an ELF core of the running guest"},
	{MAGIC("QEVM"), "is a guest's state that QEMU saved",
	 "QEMU's dump-guest-memory writes an ELF core of the running guest"},
	{MAGIC("PAGEDU"), "is a crash dump of Windows", "Hadal reads Linux's memory"},
	{MAGIC("\xd2\xbe\xd2\xbe"), "is a snapshot of VMware's",
	 "the .vmem file beside it has the memory"},
	{MAGIC("\xd1\xba\xd1\xba"), "is a snapshot of VMware's",
	 "the .vmem file beside it has the memory"},
};

const struct hadal_format *hadal_format_of(const uint8_t start[HADAL_FORMAT_BYTES])
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!memcmp(start, formats[i].magic, formats[i].magic_size))
			return &formats[i];
	return NULL;
}
