// SPDX-License-Identifier: MIT
/* The image is told to the TPM (TCG EFI Protocol Specification 2.0, chapter 6). */
#include "measure.h"
#include "print.h"

#define PCR         8u   /* the first of those that are the operating system's loader's */
#define EV_IPL      0xdu /* code or data of a boot loader */
#define HEADER      14u
#define VERSION     1u
#define DESCRIPTION "hadal"

static const struct efi_guid tcg2 = {
	0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}};

struct tcg2_event {
	uint32_t bytes;
	uint32_t header_bytes;
	uint16_t version;
	uint32_t pcr, type;
	char text[sizeof(DESCRIPTION)];
} __attribute__((packed));

struct tcg2 {
	void *capability, *event_log;
	efi_status (*hash_log_extend)(struct tcg2 *self, uint64_t flags, uint64_t data,
				      uint64_t bytes, const struct tcg2_event *event);
};

void measure(struct efi_boot_services *services, const uint8_t *image, uint64_t bytes,
	     struct hadal_first *first)
{
	const struct tcg2_event event = {
		.bytes = sizeof(event),
		.header_bytes = HEADER,
		.version = VERSION,
		.pcr = PCR,
		.type = EV_IPL,
		.text = DESCRIPTION,
	};
	struct tcg2 *tpm;
	efi_status status;

	first->measured_register = PCR;
	if (services->locate_protocol(&tcg2, NULL, (void **)&tpm)) {
		first->measured = HADAL_MEASURED_NO_TPM;
		say("the image is not measured: the firmware offers no TPM");
		return;
	}
	status = tpm->hash_log_extend(tpm, 0, (uint64_t)image, bytes, &event);
	first->measured = status ? HADAL_MEASURED_REFUSED : HADAL_MEASURED_EXTENDED;
	first->measured_status = status;
	if (status)
		say("the TPM does not take the image's measurement (status %x)",
		    status & ~EFI_ERROR_BIT);
	else
		say("the image is measured into register %u of the TPM", (uint64_t)PCR);
}
