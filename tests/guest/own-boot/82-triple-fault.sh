#!/bin/bash
# SPDX-License-Identifier: MIT
# A triple fault of the system's resets the machine, as without Hadal: the kernel's last way to reboot.
set -euo pipefail
cd "$(dirname "$0")/../../.."

scripts/guest run --cpu "$CPU" --load --until-reboot --timeout 300 --append reboot=t -- \
	sh -c 'echo b >/proc/sysrq-trigger; sleep 60'
