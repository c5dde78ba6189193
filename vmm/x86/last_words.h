/* SPDX-License-Identifier: MIT */
#ifndef HADAL_X86_LAST_WORDS_H
#define HADAL_X86_LAST_WORDS_H

/*
 * Before a reset: the end of the log goes out of the first serial line, if there is one, for
 * whoever watches it.
 */
void last_words(void);

#endif
