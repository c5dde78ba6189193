# SPDX-License-Identifier: MIT
# For the tests that boot a second kernel: an overlay with kexec, the kernel, and /next.sh, which
# packs this guest's root, with /second.sh as its command, into /tmp/next-root.
. tests/guest/own-boot/overlay.sh

mkdir -p "$overlay/bin"
cp /sbin/kexec "$overlay/bin/"
ldd /sbin/kexec | grep -o '/[^ ]*' | while read -r library; do
	install -D "$library" "$overlay$library"
done
cp build/kernel/vmlinuz "$overlay/next-kernel"

cat >"$overlay/next.sh" <<'END'
echo 'sh /second.sh' >/guest/command
cd / && find . -xdev ! -name next-kernel ! -path './proc/*' ! -path './sys/*' ! -path './dev/*' \
	! -path './tmp/*' | cpio -o -H newc 2>/dev/null >/tmp/next-root || exit 1
END
