/* SPDX-License-Identifier: MIT */
/* The parts of UEFI that the loader uses; UEFI 2.10, chapters 4, 7, 9, 12 and 13. */
#ifndef HADAL_LOADER_UEFI_H
#define HADAL_LOADER_UEFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t efi_status;
typedef void *efi_handle;

#define EFI_ERROR_BIT        (1ull << 63)
#define EFI_SUCCESS          0ull
#define EFI_LOAD_ERROR       (EFI_ERROR_BIT | 1)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR_BIT | 5)
#define EFI_NOT_FOUND        (EFI_ERROR_BIT | 14)

/* Memory types, and how to allocate. */
enum {
	EFI_RESERVED = 0,
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_CODE = 3,
	EFI_BOOT_DATA = 4,
	EFI_RUNTIME_CODE = 5,
	EFI_RUNTIME_DATA = 6,
	EFI_CONVENTIONAL = 7,
	EFI_ACPI = 9,
	EFI_ACPI_NVS = 10,
	EFI_TYPES = 11, /* that are told apart here */
};
enum { EFI_ALLOCATE_ANY, EFI_ALLOCATE_MAX };

#define EFI_PAGE 4096u

struct efi_guid {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
};

struct efi_header {
	uint64_t signature;
	uint32_t revision, bytes, crc, reserved;
};

struct efi_memory_descriptor {
	uint32_t type, padding;
	uint64_t physical, virtual, pages, attributes;
};

struct efi_key {
	uint16_t scan, character;
};

struct efi_text_output {
	void *reset;
	efi_status (*output)(struct efi_text_output *self, const uint16_t *text);
};

/* Members that nobody calls here are only there for their place. */
struct efi_boot_services {
	struct efi_header header;
	void *raise_tpl, *restore_tpl;
	efi_status (*allocate_pages)(uint32_t how, uint32_t type, uint64_t pages,
				     uint64_t *address);
	efi_status (*free_pages)(uint64_t address, uint64_t pages);
	efi_status (*get_memory_map)(uint64_t *bytes, void *map, uint64_t *key, uint64_t *stride,
				     uint32_t *version);
	efi_status (*allocate_pool)(uint32_t type, uint64_t bytes, void **buffer);
	efi_status (*free_pool)(void *buffer);
	efi_status (*create_event)(uint32_t type, uint64_t level, void *notify, void *context,
				   efi_handle *event);
	void *set_timer;
	efi_status (*wait_for_event)(uint64_t count, efi_handle *events, uint64_t *index);
	void *signal_event;
	efi_status (*close_event)(efi_handle event);
	void *check_event;
	void *install_interface, *reinstall_interface, *uninstall_interface;
	efi_status (*handle_protocol)(efi_handle handle, const struct efi_guid *protocol,
				      void **interface);
	void *reserved, *register_notify, *locate_handle, *locate_device_path;
	void *install_configuration_table;
	efi_status (*load_image)(bool boot_policy, efi_handle parent, const void *device_path,
				 void *buffer, uint64_t bytes, efi_handle *image);
	efi_status (*start_image)(efi_handle image, uint64_t *exit_bytes, uint16_t **exit_data);
	void *exit;
	efi_status (*unload_image)(efi_handle image);
	void *exit_boot_services, *get_next_monotonic_count;
	efi_status (*stall)(uint64_t microseconds);
	void *set_watchdog_timer, *connect_controller, *disconnect_controller;
	void *open_protocol, *close_protocol, *open_protocol_information;
	void *protocols_per_handle, *locate_handle_buffer;
	efi_status (*locate_protocol)(const struct efi_guid *protocol, void *registration,
				      void **interface);
};

struct efi_runtime_services {
	struct efi_header header;
	void *get_time, *set_time, *get_wakeup_time, *set_wakeup_time;
	void *set_virtual_address_map, *convert_pointer;
	efi_status (*get_variable)(const uint16_t *name, const struct efi_guid *vendor,
				   uint32_t *attributes, uint64_t *bytes, void *data);
	void *get_next_variable_name;
	efi_status (*set_variable)(const uint16_t *name, const struct efi_guid *vendor,
				   uint32_t attributes, uint64_t bytes, const void *data);
};

struct efi_text_input {
	void *reset;
	efi_status (*read_key)(struct efi_text_input *self, struct efi_key *key);
};

struct efi_system_table {
	struct efi_header header;
	uint16_t *vendor;
	uint32_t revision;
	efi_handle in_handle;
	struct efi_text_input *in;
	efi_handle out_handle;
	struct efi_text_output *out;
	efi_handle error_handle;
	struct efi_text_output *error;
	struct efi_runtime_services *runtime;
	struct efi_boot_services *boot;
};

struct efi_loaded_image {
	uint32_t revision;
	efi_handle parent;
	struct efi_system_table *system;
	efi_handle device;
	struct efi_device_path *file;
	void *reserved;
	uint32_t options_bytes;
	void *options;
	void *base;
	uint64_t bytes;
};

struct efi_device_path {
	uint8_t type, subtype;
	uint8_t bytes[2]; /* little endian, of the node with this header */
};

/* PI 1.7 volume 2 chapter 13.3. */
struct efi_mp_services {
	efi_status (*processors)(struct efi_mp_services *self, uint64_t *all, uint64_t *enabled);
	void *processor_info;
	/* With an event it returns at once, and the event tells when all have done it. */
	efi_status (*startup_all)(struct efi_mp_services *self, void (*procedure)(void *),
				  bool one_by_one, efi_handle event, uint64_t microseconds,
				  void *argument, uint64_t **failed);
	void *startup_one, *switch_first, *enable;
	efi_status (*who_am_i)(struct efi_mp_services *self, uint64_t *number);
};

#endif
