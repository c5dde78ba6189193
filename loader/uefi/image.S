/* SPDX-License-Identifier: MIT */
/* The hypervisor's image, the same bytes as in hadal.ko. */
	.section .rdata, "dr"
	.balign 16
	.globl hadal_image
hadal_image:
	.incbin HADAL_IMAGE
	.globl hadal_image_end
hadal_image_end:
	.byte 0
	.globl hadal_image_sha256
hadal_image_sha256:
	.include HADAL_IMAGE_SHA256
