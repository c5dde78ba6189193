#!/bin/bash
# SPDX-License-Identifier: MIT
# A pool that runs dry is filled by the module, and what it gave comes back; also when Hadal stops.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/guest/own-boot/overlay.sh
cat >"$overlay/tests/donate.sh" <<'END'
. lib.sh
hadal start || fail "no start"
test_donate || { hadal log | tail -n 5; fail "test_donate: see above"; }
hadal log | grep -q "is the pool's from now on" || fail "nothing was given"
hadal log | grep -q "is given back" || fail "nothing came back"
hadal ps | grep -q kthreadd || fail "no ps"
hadal stop || fail "no stop"
END
in_guest donate.sh --mem 1600 --timeout 300
