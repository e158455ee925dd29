"""Debian root file systems for the machines that the system tests boot.

A root is described by a `Recipe`, built once with debootstrap and apt, and kept outside the
repository under a name that carries the recipe's hash: a changed recipe is a new root, and the
old one is removed. Booting a root is `machine`'s business; nobody writes into it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

#: The mirror to install from; debootstrap's own choice, where none is given.
_MIRROR = [mirror] if (mirror := os.environ.get("MAST_AGENT_MIRROR")) else []

#: What a machine needs to be one: an init, a message bus (both of them), a resolver for the
#: dynamic user, and the tools that the tests look around with.
_MACHINE = (
    "systemd",
    "systemd-sysv",
    "libnss-systemd",
    "dbus",
    "dbus-broker",
    "iproute2",
    "procps",
    "openssh-server",
    "sudo",
)
#: What mast-agent's package depends on, so that installing it needs no network, and PostgreSQL.
_AGENT = (
    "postgresql",
    "postgresql-contrib",
    "python3",
    "python3-psycopg",
    "python3-rich",
    "python3-tenacity",
    "python3-structlog",
    "python3-typer",
    "python3-pydbus",
    "python3-gi",
    "python3-systemd",
)

#: Shell that turns the bare system into the root. Services must not start in the chroot, and what
#: makes a machine unique must not be shared by all that boot from it.
_FINISH = """
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
printf 'path-exclude=/usr/share/doc/*\\npath-exclude=/usr/share/locale/*\\n' \
    >/etc/dpkg/dpkg.cfg.d/slim
apt-get install -q -y --no-install-recommends "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/slim
rm -f /var/lib/dbus/machine-id
: >/etc/machine-id
echo guest >/etc/hostname
printf '127.0.0.1 localhost\\n::1 localhost\\n127.0.1.1 guest\\n' >/etc/hosts
# Timers would run in the middle of a measurement; sshd is started by the tests that want it;
# dbus-daemon is the default until a machine asks for dbus-broker.
systemctl disable ssh.service dbus-broker.service >/dev/null 2>&1 || true
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer systemd-networkd.service systemd-resolved.service >/dev/null 2>&1
rm -f /etc/systemd/system/dbus.service
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Which Debian, with which packages."""

    name: str
    suite: str
    packages: tuple[str, ...]
    finish: str = _FINISH

    @property
    def digest(self) -> str:
        """Identify the recipe: any change of it is another root."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


DEBIAN_13 = Recipe(
    name="debian-13",
    suite="trixie",
    packages=(*_MACHINE, *_AGENT, "libssl3t64", "libstdc++6", "libtinfo6", "libsctp1"),
)
DEBIAN_12 = Recipe(
    name="debian-12",
    suite="bookworm",
    packages=(*_MACHINE, *_AGENT, "libssl3", "libstdc++6", "libtinfo6", "libsctp1"),
)


def cache_directory() -> Path:
    """Return the directory that holds the roots; MAST_AGENT_CACHE moves it."""
    if chosen := os.environ.get("MAST_AGENT_CACHE"):
        return Path(chosen) / "roots"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mast-agent" / "roots"


def obtain(recipe: Recipe) -> Path:
    """Return the path of the recipe's root, building it first where it is missing.

    Two test runs that want the same root at once build it once: the second waits for the lock.
    Raises `subprocess.CalledProcessError` when the build fails; nothing is left behind then.
    """
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"{recipe.name}-{recipe.digest}"
    with (cache / f"{recipe.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.is_dir():
            return root
        unfinished = cache / f"{recipe.name}.unfinished"
        _remove(unfinished)
        try:
            _build(recipe, unfinished)
        except BaseException:
            _remove(unfinished)
            raise
        for old in cache.glob(f"{recipe.name}-*"):
            _remove(old)
        unfinished.rename(root)
    return root


def _build(recipe: Recipe, root: Path) -> None:
    _say(f"building the root of {recipe.name} (once; some minutes) …")
    _run(["debootstrap", "--variant=minbase", recipe.suite, str(root), *_MIRROR])
    _say(f"installing {len(recipe.packages)} packages and what they need …")
    _run(["chroot", str(root), "sh", "-c", recipe.finish, "finish", *recipe.packages])
    _say(f"{recipe.name} is ready")


def _run(argv: list[str]) -> None:
    """Run a step; its last lines are shown where it fails."""
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        _say("\n".join(done.stdout.splitlines()[-30:]))
    done.check_returncode()


def _remove(tree: Path) -> None:
    if tree.exists():
        shutil.rmtree(tree)


def _say(text: str) -> None:
    """Show progress past pytest's capture, which would hide minutes of silence."""
    print(f"tests/system: {text}", file=sys.__stderr__, flush=True)


if __name__ == "__main__":
    for each in (DEBIAN_13, DEBIAN_12):
        _say(str(obtain(each)))
