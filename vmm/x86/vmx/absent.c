// SPDX-License-Identifier: MIT
/* Stands in until the VT-x half lands, which removes this file. */
#include "core/errno.h"
#include "core/vendor.h"

static int vmx_probe(void)
{
	return -ENODEV;
}

const struct vendor vmx_vendor = {
	.id = HADAL_VENDOR_INTEL,
	.name = "Intel VT-x",
	.nested_is_ept = true,
	.probe = vmx_probe,
};
