#!/bin/bash
# SPDX-License-Identifier: MIT
# A CPU under Hadal gets INIT and SIPI, as from a crash kernel that starts all CPUs. On AMD under a locked
# Hadal, for an INIT takes the CPU away from others. Not in Bochs 2.7, which forgets an INIT under VT-x.
set -euo pipefail
cd "$(dirname "$0")/../../.."
if [ "$CPU" = intel ] && { [ "${BOCHS:-}" = 2.7 ] || [ ! -e "${BUILD:-build}/bochs-3.0/packages" ]; }; then
	echo "tools  skipped 54-sipi: it needs Bochs 3.0"
	exit 0
fi
lock=
[ "$CPU" = intel ] || lock=--lock
output=$(mktemp)
trap 'kill $guest 2>/dev/null || true; rm -f "$output"' EXIT
# The guest has lost a CPU that it knows nothing of: what is left need not come to an end by itself.
scripts/guest run --cpu "$CPU" --timeout 300 -- \
	taskset 1 sh -c "hadal start $lock && insmod /bin/hadal_test.ko && test_sipi" >"$output" 2>&1 &
guest=$!
while kill -0 $guest 2>/dev/null && ! grep -q -E '^sipi: fine|test_sipi.c:' "$output"; do
	sleep 0.5
done
cat "$output"
grep -q '^sipi: fine' "$output"
