/* SPDX-License-Identifier: MIT */
/* The library that LibVMI programs get, so that hadal is the only file a user needs. */
	.section .rodata, "a"
	.globl standin_image
standin_image:
	.incbin STANDIN_IMAGE
	.globl standin_image_end
standin_image_end:
	.section .note.GNU-stack, "", @progbits
