/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The hypervisor's image, so that hadal.ko is the only file a user needs. */
	.section .rodata, "a"
	.balign 8
	.globl hadal_image
hadal_image:
	.incbin HADAL_IMAGE
	.globl hadal_image_end
hadal_image_end:
	.section .note.GNU-stack, "", @progbits
