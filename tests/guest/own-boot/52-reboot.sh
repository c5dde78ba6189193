#!/bin/bash
# SPDX-License-Identifier: MIT
# A reboot with Hadal loaded brings the machine up again.
set -euo pipefail
cd "$(dirname "$0")/../../.."

scripts/guest run --cpu "$CPU" --load --until-reboot --timeout 300 -- reboot -f
