#!/bin/sh
# Builds mast-agent_VERSION_all.deb from what `make install` installs.
# Usage: build-deb.sh VERSION DIRECTORY MAKE [VARIABLE=VALUE]...
set -eu

version=$1 directory=$2
shift 2
here=$(dirname "$0")/debian
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"
umask 022

"$@" --no-print-directory install DESTDIR="$tree" PREFIX=/usr >/dev/null
gzip -9n "$tree/usr/share/man/man1/mast-agent.1"

doc=$tree/usr/share/doc/mast-agent
overrides=$tree/usr/share/lintian/overrides
mkdir -p "$doc" "$overrides" "$tree/DEBIAN" "$directory"
cp "$here/copyright" "$doc/copyright"
sed "s/@VERSION@/$version/" "$here/changelog" | gzip -9n >"$doc/changelog.gz"
chmod 0644 "$doc/copyright" "$doc/changelog.gz"
# As debhelper does: what takes more than a block is read by zless.
find "$doc" -name '*.md' -size +4k -exec gzip -9n {} +
install -m 0644 "$here/lintian-overrides" "$overrides/mast-agent"

size=$(du -k -s --exclude=DEBIAN "$tree" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@SIZE@/$size/" "$here/control" >"$tree/DEBIAN/control"
for script in postinst prerm postrm; do
    install -m 0755 "$here/$script" "$tree/DEBIAN/$script"
done
install -m 0644 "$here/triggers" "$tree/DEBIAN/triggers"
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

# The same source makes the same package, whenever and wherever it is built.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
dpkg-deb --root-owner-group --build "$tree" "$directory/mast-agent_${version}_all.deb"
