#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's standard kernel instead of the cloud kernel: what is read from below agrees as well.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/lists.sh

run_lists --kernel build/kernel-standard/vmlinuz --mem 768
