# SPDX-License-Identifier: MIT
# For tests that bring scripts or programs along into their guest: $overlay, with lib.sh in /tests,
# and $work around it for files of this side.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
overlay=$work/overlay
mkdir -p "$overlay/tests"
cp tests/guest/lib.sh "$overlay/tests/"

# in_guest SCRIPT OPTION...: a script of /tests, in a guest that scripts/guest starts with these options.
in_guest() {
	local script=$1
	shift
	scripts/guest run --cpu "$CPU" --overlay "$overlay" "$@" -- \
		sh -c "export PATH=/bin:/tests; cd /tests && sh ./$script"
}
