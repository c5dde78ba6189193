#!/bin/bash
# SPDX-License-Identifier: MIT
# Page-table isolation the other way round than the kernel chooses for this processor.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/lists.sh

case $CPU in
intel) run_lists --append pti=off ;;
*) run_lists --append pti=on ;;
esac
