// SPDX-License-Identifier: MIT
/* What boots after Hadal. */
#include "chain.h"
#include "print.h"

#define PATH_MAX     255u
#define END_OF_PATH  0x7fu
#define WHOLE_PATH   0xffu
#define MEDIA_PATH   4u
#define FILE_PATH    4u
#define NODE_BYTES   4u /* of a device path's header */
#define DEVICE_NODES 64u
#define DEVICE_BYTES 2048u

const struct efi_guid loaded_image = {
	0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid device_path = {
	0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

static uint32_t node_length(const struct efi_device_path *node)
{
	return node->bytes[0] | node->bytes[1] << 8;
}

/* Of the nodes of a path without its end; 0 when it is longer than what is sound. */
static uint32_t path_bytes(const uint8_t *path)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < DEVICE_NODES; i++) {
		const struct efi_device_path *node = (const void *)(path + at);

		if (node->type == END_OF_PATH)
			return at;
		if (node_length(node) < NODE_BYTES || at + node_length(node) > DEVICE_BYTES)
			break;
		at += node_length(node);
	}
	return 0;
}

static struct name without_folders(struct name name)
{
	uint32_t begin = 0, end;

	for (end = 0; end < name.length && name.text[end]; end++)
		if (name.text[end] == '\\')
			begin = end + 1;
	return (struct name){name.text + begin, end - begin};
}

struct name file_name(const struct efi_loaded_image *program)
{
	const uint8_t *path = (const uint8_t *)program->file;
	uint32_t bytes = path ? path_bytes(path) : 0;
	struct name name = {NULL, 0};

	for (uint32_t at = 0; at < bytes;) {
		const struct efi_device_path *node = (const void *)(path + at);
		uint32_t length = node_length(node);

		if (node->type == MEDIA_PATH && node->subtype == FILE_PATH)
			name = (struct name){(const uint16_t *)(node + 1),
					     (length - NODE_BYTES) / 2};
		at += length;
	}
	return without_folders(name);
}

static void put_node(uint8_t *at, uint8_t type, uint8_t subtype, uint32_t length)
{
	at[0] = type;
	at[1] = subtype;
	at[2] = length;
	at[3] = length >> 8;
}

/* The device's path with a file's behind it, in memory of the pool's, or NULL. */
static uint8_t *file_path(struct efi_boot_services *services, const uint8_t *device,
			  const uint16_t *text, struct word word)
{
	uint32_t before = path_bytes(device), name = (word.length + 1) * 2;
	uint8_t *path, *at;

	if (!before || word.length > PATH_MAX ||
	    services->allocate_pool(EFI_LOADER_DATA, before + 2 * NODE_BYTES + name,
				    (void **)&path))
		return NULL;
	for (uint32_t i = 0; i < before; i++)
		path[i] = device[i];
	at = path + before;
	put_node(at, MEDIA_PATH, FILE_PATH, NODE_BYTES + name);
	at += NODE_BYTES;
	for (uint32_t i = 0; i < word.length; i++, at += 2) {
		uint16_t c = text[word.start + i] == '/' ? '\\' : text[word.start + i];

		at[0] = c;
		at[1] = c >> 8;
	}
	at[0] = at[1] = 0;
	put_node(at + 2, END_OF_PATH, WHOLE_PATH, NODE_BYTES);
	return path;
}

static efi_status start_file(efi_handle self, struct efi_boot_services *services,
			     const struct efi_loaded_image *own, const struct options *options)
{
	struct word word = options->program;
	struct efi_loaded_image *other;
	efi_status status = EFI_LOAD_ERROR;
	efi_handle image;
	uint8_t *device, *path = NULL;

	if (!services->handle_protocol(own->device, &device_path, (void **)&device))
		path = file_path(services, device, options->text, word);
	if (path)
		status = services->load_image(false, self, path, NULL, 0, &image);
	if (path)
		services->free_pool(path);
	if (status) {
		say("the program that the options name cannot be loaded (status %x)",
		    status & ~EFI_ERROR_BIT);
		return status;
	}
	if (!services->handle_protocol(image, &loaded_image, (void **)&other)) {
		other->options = (void *)(options->text + word.start);
		other->options_bytes = (options->count - word.start) * 2;
	}
	status = services->start_image(image, NULL, NULL);
	say("the program that the options name came back (status %x)", status & ~EFI_ERROR_BIT);
	return status ? status : EFI_NOT_FOUND;
}

/* The firmware takes an error for: try the next entry. */
efi_status chain(efi_handle self, struct efi_boot_services *services,
		 const struct efi_loaded_image *own, const struct options *options)
{
	return options->program.length ? start_file(self, services, own, options) : EFI_NOT_FOUND;
}
