/* SPDX-License-Identifier: MIT */
/* What a processor's SVM can do (APM vol. 3, appendix E.4). */
#ifndef HADAL_SVM_CAPS_H
#define HADAL_SVM_CAPS_H

#include <stdbool.h>
#include <stdint.h>

/* What of it Hadal makes use of. */
struct svm_caps {
	bool next_rip;
	bool decode_assists;
	uint8_t flush;     /* SVM_TLB_FLUSH_ASID if it can */
	bool invlpgb;      /* and TLBSYNC */
	bool spec_ctrl;    /* the VMCB holds the guest's SPEC_CTRL */
	bool shadow_stack; /* the VMCB holds the guest's S_CET, SSP and ISST */
};
extern struct svm_caps svm_caps;

/* Fill svm_caps. Returns what the processor lacks, as a sentence for the log, or NULL. */
const char *svm_caps_read(void);

#endif
