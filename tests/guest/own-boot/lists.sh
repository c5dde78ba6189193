# SPDX-License-Identifier: MIT
# For the tests that compare lists under another kernel or with other parameters.
. tests/guest/own-boot/overlay.sh
cp tests/guest/62-lists.sh "$overlay/tests/"

# run_lists OPTION...: the test of lists in a guest that scripts/guest starts with these options.
run_lists() {
	in_guest 62-lists.sh --timeout 350 --load "$@"
}
