/* SPDX-License-Identifier: MIT */
/* What a processor's SVM can do (APM vol. 3, appendix E.4). */
#ifndef HADAL_SVM_CAPS_H
#define HADAL_SVM_CAPS_H

#include <stdbool.h>

/* What of it Hadal makes use of. */
struct svm_caps {
	bool next_rip;
	bool decode_assists;
	bool flush_by_asid;
	bool invlpgb;      /* and TLBSYNC */
	bool spec_ctrl;    /* the VMCB holds the guest's SPEC_CTRL */
	bool shadow_stack; /* the VMCB holds the guest's S_CET, SSP and ISST */
};
extern struct svm_caps svm_caps;

/* Fill svm_caps. Returns what the processor lacks, as a sentence for the log, or NULL. */
const char *svm_caps_read(void);

#endif
