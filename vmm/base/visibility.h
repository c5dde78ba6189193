/* SPDX-License-Identifier: MIT */
/* Included before every file of the image: nothing is linked in later, so nothing needs a GOT. */
#ifndef __ASSEMBLER__
#pragma GCC visibility push(hidden)
#endif
