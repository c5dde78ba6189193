#!/bin/bash
# SPDX-License-Identifier: MIT
# A fault where a CPU can neither go on nor be handed back resets the machine, and the serial line says why.
set -euo pipefail
cd "$(dirname "$0")/../../.."

in_turning_off=8 # of enum fault_plant
status=0
errors=$(scripts/guest run --cpu "$CPU" --timeout 300 -- sh -c "insmod /bin/hadal_test.ko &&
	insmod /bin/hadal_examples.ko && hadal start && test_faults plant $in_turning_off && hadal stop" 2>&1) || status=$?
if [ $status -ne 125 ] || ! grep -q 'the machine is reset' <<<"$errors" ||
	! grep -q 'fault 6 in the image' <<<"$errors"; then
	echo "status $status: $errors"
	exit 1
fi
