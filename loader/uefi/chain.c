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

static const struct efi_guid loaded_image = {
	0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid device_path = {
	0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

/* A word of the options, in characters from the options' start. */
struct word {
	uint32_t start, length;
};

static struct word next_word(const uint16_t *text, uint32_t count, uint32_t at)
{
	struct word word;

	while (at < count && text[at] == ' ')
		at++;
	word.start = at;
	while (at < count && text[at] && text[at] != ' ')
		at++;
	word.length = at - word.start;
	return word;
}

/* The shell puts the program's own name in front; a boot entry does not. */
static bool is_own_name(const uint16_t *text, struct word word)
{
	static const char name[] = "hadal.efi";
	uint32_t length = sizeof(name) - 1;

	if (word.length < length)
		return false;
	for (uint32_t i = 0; i < length; i++)
		if ((text[word.start + word.length - length + i] | 0x20) != (name[i] | 0x20))
			return false;
	return true;
}

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
			     const struct efi_loaded_image *own, struct word word)
{
	const uint16_t *text = own->options;
	struct efi_loaded_image *other;
	efi_status status = EFI_LOAD_ERROR;
	efi_handle image;
	uint8_t *device, *path = NULL;

	if (!services->handle_protocol(own->device, &device_path, (void **)&device))
		path = file_path(services, device, text, word);
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
		other->options = (void *)(text + word.start);
		other->options_bytes = own->options_bytes - word.start * 2;
	}
	status = services->start_image(image, NULL, NULL);
	say("the program that the options name came back (status %x)", status & ~EFI_ERROR_BIT);
	return status ? status : EFI_NOT_FOUND;
}

efi_status chain(efi_handle self, struct efi_boot_services *services)
{
	struct efi_loaded_image *own;
	struct word word = {0, 0};
	uint32_t count;

	if (services->handle_protocol(self, &loaded_image, (void **)&own))
		return EFI_NOT_FOUND;
	count = own->options ? own->options_bytes / 2 : 0;
	word = next_word(own->options, count, 0);
	if (is_own_name(own->options, word))
		word = next_word(own->options, count, word.start + word.length);
	/* The firmware takes an error for: try the next entry. */
	return word.length ? start_file(self, services, own, word) : EFI_NOT_FOUND;
}
