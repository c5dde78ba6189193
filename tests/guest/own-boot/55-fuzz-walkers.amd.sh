#!/bin/bash
# SPDX-License-Identifier: MIT
# The walkers over the memory of a guest, changed at random where they read: nothing may crash, hang
# or trip a sanitizer. Told are the numbers of walks and the seed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Processes with threads, arguments, files, sockets and mappings, and modules.
scripts/guest run --cpu "$CPU" --mem 192 --smp 1 --mem-file "$folder/memory" --module loop \
	--module isofs --timeout 100 -- sh -c '
	mkfifo /tmp/fifo
	for i in 1 2 3 4 5; do
		sh -c "read never" "argument $i" <>/tmp/fifo 7>/tmp/deleted &
	done
	nc -l -p 1000 >/dev/null 2>&1 &
	rm -f /tmp/deleted
	sleep 1'
build/tests/fuzz/fuzz_image "$folder/memory" 30
