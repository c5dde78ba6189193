#!/bin/bash
# SPDX-License-Identifier: MIT
# The library on a running system, by Python and by C: what the module tells is held against /proc,
# events come and end, the examples do what they say, and each line of the command's JSON is as
# docs/json.md has it. Python and what it loads are taken from this machine.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=$(realpath "${BUILD:-build}")
python=$(realpath /usr/bin/python3)
. tests/guest/own-boot/overlay.sh
libraries=$overlay/lib/x86_64-linux-gnu
mkdir -p "$overlay/python/"{bin,lib} "$libraries"
cp tests/guest/support/{python,schema}.py docs/json.md examples/*.py "$overlay/tests/"

# The guest gets what the tests import, compiled, so that it has no time stamps to compare.
cat >"$work/files.py" <<'END'
import os, py_compile, shutil, sys
# What the tests import, and what that imports when it is needed.
import difflib, encodings.ascii, encodings.latin_1, encodings.utf_8, ipaddress, json, pprint, select, shlex, signal, socket
import stringprep, struct, subprocess
import unittest, unittest.loader, unittest.runner, hadal
top = sys.argv[1]
for module in list(sys.modules.values()):
    source = getattr(module, "__file__", None)
    if not source or module.__name__ == "__main__":
        continue
    package = module.__name__.replace(".", "/") + ("/__init__" if hasattr(module, "__path__") else "")
    target = os.path.join(top, package)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if source.endswith(".py"):
        py_compile.compile(source, target + ".pyc", doraise=True)
    else:
        shutil.copy(source, target + ".so")
        print(source)
END
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
mkdir -p "$overlay/python/lib/$version/lib-dynload"
LD_LIBRARY_PATH=$build PYTHONPATH=$build/python "$python" "$work/files.py" "$overlay/python/lib/$version" >"$work/extensions"
cp "$python" "$overlay/python/bin/python3"
strip "$overlay/python/bin/python3"
make -s install-library DESTDIR="$work/installed" PREFIX=/usr >/dev/null
for example in ps dump; do
	gcc -I "$work/installed/usr/include" "examples/$example.c" -L "$work/installed/usr/lib" -lhadal -o "$overlay/tests/$example"
done
gcc -shared -fPIC -Iinclude tests/guest/own-boot/other_version.c -o "$libraries/other_version.so"
cp "$build/libhadal.so.0" "$libraries/"
strip "$libraries/libhadal.so.0"
# shellcheck disable=SC2046
ldd "$python" "$build/libhadal.so.0" $(cat "$work/extensions") | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p; s/^\t\(\/[^ ]*\) (.*/\1/p' |
	sort -u | while read -r library; do
	case $library in
	*/libhadal*) ;;
	/lib64/*) mkdir -p "$overlay/lib64" && cp -L "$library" "$overlay/lib64/" ;;
	*) cp -L "$library" "$libraries/" ;;
	esac
done

# The same module, but the version in the header of the hypervisor's image is another one.
"$python" - "$build/module/$(cat "$build/kernel/release")/hadal.ko" "$overlay/tests/other.ko" \
	"$(sed -n 's/^#define HADAL_ABI_VERSION \([0-9]*\)u$/\1/p' include/hadal/abi.h)" <<'END'
import sys
module = bytearray(open(sys.argv[1], "rb").read())
module[module.index((0x4C4144414820494D).to_bytes(8, "little") + bytes([int(sys.argv[3]), 0, 0, 0])) + 8] += 1
open(sys.argv[2], "wb").write(module)
END

cat >"$overlay/tests/run.sh" <<'END'
. /tests/lib.sh
export PYTHONHOME=/python PYTHONDONTWRITEBYTECODE=1 PATH=/python/bin:$PATH LD_LIBRARY_PATH=/lib/x86_64-linux-gnu
ip link set lo up 2>/dev/null || ifconfig lo up
fails python3 /tests/watch.py init_task
grep -q 'watch.py: Hadal is not running' /tmp/fails.out || fail "without Hadal: $(cat /tmp/fails.out)"

# A module whose image is of another version
module=/lib/modules/$(uname -r)/hadal.ko
mv "$module" /tests/good.ko
mv /tests/other.ko "$module"
fails hadal start
grep -q "The hypervisor in .* is damaged, or of another version" /tmp/fails.out || fail "another image: $(cat /tmp/fails.out)"
mv /tests/good.ko "$module"

hadal start || fail "no start"
python3 /tests/python.py || fail "the module and /proc do not agree"

# in C
/tests/ps >/tmp/listed || fail "ps.c failed"
grep -q "^ *$$ sh$" /tmp/listed || fail "ps.c lists: $(cat /tmp/listed)"
# All of it has no room here.
(
	trap '' XFSZ
	ulimit -f 65536
	exec /tests/dump /tmp/dumped
) >/tmp/out 2>&1 && fail "dump.c says nothing of a limit"
equal "what dump.c says" "$(cat /tmp/out)" "/tests/dump: Not all of it could be written"
equal "what dump.c begins with" "$(head -c 4 /tmp/dumped)" EMiL
equal "size of what dump.c wrote" "$(stat -c %s /tmp/dumped)" 33554432
rm /tmp/dumped

# Both are refused by a module of another version, which they can still stop.
words='The hadal module in the kernel is of another version than this program'
fails env LD_PRELOAD=other_version.so /tests/ps
equal "what C says of another version" "$(cat /tmp/fails.out)" "/tests/ps: $words"
fails env LD_PRELOAD=other_version.so python3 -c 'import hadal; hadal.open()'
equal "what Python says of another version" "$(tail -n 1 /tmp/fails.out)" "hadal.Error: $words"
LD_PRELOAD=other_version.so python3 -c '
from hadal._call import checked, ffi, lib
handle = ffi.new("struct hadal **")
checked(lib.hadal_open, handle)
checked(lib.hadal_stop, handle[0])' || fail "a module of another version cannot be stopped"
equal "running, after the stop" "$(hadal status --json | grep -o '"running": *[a-z]*')" "$(printf '"running":false')"
hadal start || fail "no start after that"

python3 /tests/watch.py init_uts_ns.name.nodename 1 >/tmp/watched &
watcher=$!
wait_for 30 "watch.py" grep -q '^watching <char \[65\]' /tmp/watched
hostname python
wait $watcher || fail "watch.py failed"
grep -q '^CPU [0-9]* at .*sethostname' /tmp/watched || fail "watch.py saw: $(cat /tmp/watched)"

python3 /tests/rootkit.py >/tmp/found || fail "rootkit.py found: $(cat /tmp/found)"
table=0x$(sed -n 's/ . sys_call_table$//p' /proc/kallsyms)
entry=$(printf '0x%x' $((table + 8 * 339)))
was=$(hadal read -k --raw $entry 8 | od -An -tx1 | tr -d ' \n')
hadal write -k $entry 0000000000c0ffff || fail "no writing"
python3 /tests/rootkit.py >/tmp/found && fail "rootkit.py finds nothing"
equal "what rootkit.py finds" "$(cat /tmp/found)" "system call 339 goes to 0xffffc00000000000, which has no name"
hadal write -k $entry $was
python3 /tests/rootkit.py || fail "rootkit.py finds what is no more"
# Killed while it waits, it leaves nothing behind.
python3 /tests/watch.py init_task.usage >/tmp/watched &
watcher=$!
wait_for 30 "watch.py" grep -q '^watching' /tmp/watched
kill -9 $watcher
wait $watcher
hadal stop || fail "no stop"
END
scripts/guest run --cpu "$CPU" --mem 512 --overlay "$overlay" --timeout 300 -- sh /tests/run.sh
