#!/bin/sh
# Builds the reference Mast release: tests/release/build.sh [DEST]
#
# DEST (default: build/release under the repository's root) becomes the release's root. mix's own files go to
# build/mix, and nothing is written here, so that a read-only checkout builds with MAST_BUILD_DIR set to
# another place than build/. When neither the sources nor Elixir have changed, nothing is done. No network is used.
#
# Debian packages: elixir erlang-dev erlang-p1-pgsql erlang-ssh
set -eu

source=$(cd "$(dirname "$0")" && pwd)
work=${MAST_BUILD_DIR:-$(cd "$source/../.." && pwd)/build}
dest=${1:-$work/release}

mkdir -p "$work/mix/home" "$(dirname "$dest")"
dest=$(cd "$(dirname "$dest")" && pwd)/$(basename "$dest")

# One build at a time: they share mix's files.
exec 9>"$work/mix/lock"
flock 9

# An empty home, so that nothing of the user's has a say, and nothing asks for Hex.
export HOME="$work/mix/home" MIX_HOME="$work/mix/home" HEX_OFFLINE=1
export MIX_ENV=prod MIX_BUILD_PATH="$work/mix/prod" MIX_DEPS_PATH="$work/mix/deps"
# The release's files are read by whoever runs Mast.
umask 022
export LC_ALL=C.UTF-8

# p1_pgsql lies beside OTP's own libraries, or under the multiarch folder, which not every erl looks into.
for folder in /usr/lib/*/erlang/lib; do
    if [ -d "$folder" ]; then
        export ERL_LIBS="$folder${ERL_LIBS:+:$ERL_LIBS}"
    fi
done

fingerprint() {
    {
        elixir --version
        elixir -e 'IO.puts(:code.lib_dir(:p1_pgsql))'
        cd "$source"
        find mix.exs build.sh config lib priv -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum | cut -d ' ' -f 1
}

stamp=$dest.stamp
now=$(fingerprint)
if [ -x "$dest/bin/mast" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
    echo "reference release: unchanged, $dest"
    exit 0
fi

echo "reference release: building $dest"
rm -rf "$stamp" "$dest.new"
cd "$source"
if ! mix release --overwrite --path "$dest.new" >"$work/mix/log" 2>&1; then
    cat "$work/mix/log" >&2
    exit 1
fi
rm -rf "$dest"
mv "$dest.new" "$dest"
echo "$now" >"$stamp"
