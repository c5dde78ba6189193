# SPDX-License-Identifier: MIT
# hadal: on
# timeout: 400
# vCPUs wait for a reader's answer, which decides how they go on, and not for ever; each
# instruction of a task is told, and the task sees nothing of it; views of memory that a program
# makes for some CPUs are what these find, and gone with the program.
. lib.sh

[ -e /dev/hadal_test ] || insmod /bin/hadal_test.ko || fail "hadal_test.ko cannot be loaded"
test_hold || fail "test_hold: see above"
test_owned || fail "test_owned: see above"
test_trace || fail "test_trace: see above"
hadal status >/dev/null || fail "Hadal does not run any more"
