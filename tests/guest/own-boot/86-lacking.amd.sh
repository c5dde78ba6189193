#!/bin/bash
# SPDX-License-Identifier: MIT
# Of an image that lacks memory each command says what is missing and ends with status 1, and with 0
# of one that has all.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
image=$folder/memory

# The kernel is where it is linked to be, below what is left out.
scripts/guest run --cpu "$CPU" --append nokaslr --mem 192 --smp 1 --mem-file "$image" --module loop \
	--timeout 100 -- sh -c 'sleep 1000 & sleep 1'

# lime NAME START-END...: these ranges of the memory in LiME; addresses are hexadecimal
lime() {
	python3 - "$image" "$folder/$1" "${@:2}" <<-'PYTHON'
		import struct, sys
		memory, out = open(sys.argv[1], "rb"), open(sys.argv[2], "wb")
		for words in sys.argv[3:]:
		    start, end = (int(word, 16) for word in words.split("-"))
		    memory.seek(start)
		    out.write(struct.pack("<IIQQQ", 0x4c694d45, 1, start, end - 1, 0) + memory.read(end - start))
	PYTHON
}

# says STATUS WHAT IMAGE WORDS...: the command ends with the status and says that; WHAT '': nothing
says() {
	local status=0 image=$folder/$3
	build/hadal "${@:4}" --image "$image" >"$folder/out" 2>"$folder/said" || status=$?
	if [ $status -ne "$1" ] || ! grep -q -F -- "$2" "$folder/said" && [ -s "$folder/said" -o -n "$2" ]; then
		echo "hadal ${*:4} of $3 ends with $status, expected $1 and '$2': $(cat "$folder/said")"
		exit 1
	fi
}

# The kernel lies in one piece, and nearly all that it knows of lies elsewhere.
build/hadal symbols --info --json --image "$image" >"$folder/info"
start=$(($(sed 's/.*"physical":"\([^"]*\)".*/\1/' "$folder/info")))
set -- $(build/hadal symbols --image "$image" _text _end | cut -d ' ' -f 1)
lime kernel "$(printf '%x-%x' $start $((start + 0x$2 - 0x$1)))"

lists='ps
ps --threads
ps --full
ps --namespaces
modules
memmap
symbols
types
files
files 1
maps 1
dmesg
sockets
mounts 1
mounts --all
stack
stack --pid 1
show init_task.tasks.next
disas schedule
profile --modules
find --kernel --count --text Linux
find --pid 1 --count --text ELF'
while read -r words; do
	says 0 '' memory $words
	says 1 'is not in this image' kernel $words
done <<<"$lists"
# These need no more than the kernel itself.
for words in 'types task_struct' 'read linux_banner 64' 'translate linux_banner' 'symbols --info' \
	profile 'find --limit 1 --text Linux' 'strings --limit 1'; do
	says 0 '' kernel $words
done
says 1 'Process 1 was not found' kernel maps 1
says 1 'could not be followed. What this image lacks is not known' kernel find --count --text Linux

# What has more text than a function can have is cut.
says 1 'this is its beginning' memory disas __entry_text_end
says 0 '' memory disas srso_alias_safe_ret

# All RAM is looked through, or what was not is named.
for words in 'find --count --text Linux' 'strings -n 1000'; do
	says 0 '' memory $words
	lime two 1000-9f000 100000-5000000 5010000-5011000 6000000-bfe0000
	says 1 'memory 0x5000000 to 0x500ffff, 0x5011000 to 0x5ffffff is not in this image' two $words
	says 0 '' two $words --limit 1
done
# A tool may cut a page that is not whole, and have what is no RAM.
lime pages 0-a0000 f0000-c000000
says 0 '' pages find --count --text Linux
# With the end of the area named, all of it is asked for.
says 1 'memory 0x5000000 to 0x500ffff is not in this image' two find --count --text Linux --start 0x4000000 --end 0x5010800
build/hadal dump --image "$folder/two" "$folder/core" >/dev/null
says 1 'memory 0x5000000 to 0x500ffff, 0x5011000 to 0x5ffffff is not in this image' core find --count --text Linux
# What the kernel knows of its RAM may lie in what is cut off.
head -c 160M "$image" >"$folder/short"
says 1 ' is not ' short find --count --text Linux
build/hadal dump --format raw --image "$folder/two" "$folder/holes" >/dev/null
says 0 '' holes find --count --text Linux
# What has no kernel can lack what it likes.
head -c 64K /dev/zero >"$folder/none"
says 0 'no kernel was found' none strings
