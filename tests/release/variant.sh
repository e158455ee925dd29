#!/bin/sh
# Makes a broken copy of the built reference release: tests/release/variant.sh NAME[,NAME…] SRC DEST
#
#   no-bootstrap  without Mast.Bootstrap, as in the Mast of today; `start` still works
#   no-cookie     without releases/COOKIE, as nixpkgs' mixRelease leaves it
#   read-only     without COOKIE and without any write permission, as in the Nix store (root is not stopped by that)
#
# DEST must not exist. It shares its files with SRC by hard links where it can, so that a copy costs next to
# nothing; what a variant alters is replaced, never written to. What a release does wrongly when asked is a matter
# of environment variables (README.md) and needs no copy.
set -eu

if [ $# -ne 3 ] || [ -e "$3" ]; then
    echo "usage: variant.sh NAME[,NAME...] SRC DEST, and DEST must not exist" >&2
    exit 2
fi
names=,$1,
src=$2
dest=$3

for name in $(echo "$1" | tr , ' '); do
    case $name in
        no-bootstrap | no-cookie | read-only) ;;
        *)
            echo "variant.sh: no such variant: $name" >&2
            exit 2
            ;;
    esac
done

wants() {
    case $names in
        *",$1,"*) return 0 ;;
        *) return 1 ;;
    esac
}

# A mode belongs to the file and not to its name: hard links would make the original read-only too.
if wants read-only || ! cp -al "$src" "$dest" 2>/dev/null; then
    rm -rf "$dest"
    cp -a "$src" "$dest"
fi

if wants no-bootstrap; then
    rm "$dest"/lib/mast-*/ebin/Elixir.Mast.Bootstrap.beam
    # `start` loads every module that its boot file names, unless it loads modules on demand.
    for environment in "$dest"/releases/*/env.sh; do
        { cat "$environment" && printf '\nexport RELEASE_MODE=interactive\n'; } >"$environment.new"
        chmod --reference="$environment" "$environment.new"
        mv "$environment.new" "$environment"
    done
fi
if wants no-cookie || wants read-only; then
    rm "$dest/releases/COOKIE"
fi
if wants read-only; then
    chmod -R a-w "$dest"
fi
