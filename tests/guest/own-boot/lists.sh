# SPDX-License-Identifier: MIT
# For the tests that compare lists under another kernel or with other parameters.
overlay=$(mktemp -d)
trap 'rm -rf "$overlay"' EXIT
mkdir "$overlay/tests"
cp tests/guest/lib.sh tests/guest/62-lists.sh "$overlay/tests/"

# run_lists OPTION...: the test of lists in a guest that scripts/guest starts with these options.
run_lists() {
	scripts/guest run --cpu "$CPU" --overlay "$overlay" --timeout 350 --load "$@" -- \
		sh -c 'export PATH=/bin:/tests; cd /tests && sh ./62-lists.sh'
}
