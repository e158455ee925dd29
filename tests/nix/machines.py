"""Puts what the module generates into a machine of tests/system, as NixOS would have it.

Store paths are mapped: Mast's is the reference release, wrapped and without a cookie as
mixRelease leaves it; the agent's is made by the package's own phase; tools are Debian's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nix.evaluator import ROOT, Nix

if TYPE_CHECKING:
    from system.machine import Machine

ENVIRONMENT_FILE = "/etc/secrets/mast.env"
GUEST = Path(__file__).with_name("guest")

_STORE = re.compile(r"/nix/store/[0-9a-z]{32}-[A-Za-z0-9+._-]+")
_TOOLS = ("bash", "coreutils", "findutils", "gnugrep", "gnused", "openssh", "systemd")

# The few functions of nixpkgs' stdenv and of installShellFiles that the agent's phase calls.
_STDENV = """
substituteInPlace() {
  grep -qF -- "$3" "$1" || { echo "substituteInPlace: no '$3' in $1" >&2; return 1; }
  [ "$2" = --replace-fail ] && sed -i "s|$3|$4|g" "$1"
}
installManPage() { install -Dm644 -t "$out/share/man/man1" "$1"; }
installShellCompletion() {
  [ "$1" = --cmd ] && shift 2
  install -Dm644 -t "$out/completions" "$@"
}
"""
_AGENT = """\
#!/usr/bin/python3 -I
import sys
sys.path.insert(0, "{out}/lib/python")
from mast_agent.__main__ import main
main()
"""
_WRAPPED = """\
#!/bin/bash -e
PATH=/usr/bin:$PATH
export PATH
exec -a "$0" "{out}/bin/.mast-wrapped" "$@"
"""
# As nixos/modules/services/databases/postgresql.nix: the target also stands for the setup.
_TARGET = """\
[Unit]
Requires=postgresql@17-main.service postgresql-setup.service
"""
_SETUP = """\
[Unit]
Requires=postgresql@17-main.service
After=postgresql@17-main.service
Before=postgresql.target
[Service]
Type=oneshot
RemainAfterExit=yes
User=postgres
ExecStart=/opt/postgresql-setup
"""


def install_agent(post_install: str, out: Path) -> None:
    """Run the phase of the agent's package that follows the installation of the Python code."""
    scratch = out.parent / f"{out.name}-scratch"
    (scratch / "bin").mkdir(parents=True)
    for name in ("agent", "docs", "packaging", "systemd"):
        (scratch / name).symlink_to(ROOT / name)
    # Nix's `python` has the dependencies; so has the one that runs the tests.
    (scratch / "bin/python").symlink_to(sys.executable)
    subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", _STDENV + post_install],
        cwd=scratch, check=True,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "", "out": str(out),
        },
    )  # fmt: skip


def release_as_in_the_store(reference: Path, folder: Path) -> None:
    """Make of the reference release what mixRelease leaves in the store."""
    subprocess.run(["cp", "-a", f"{reference}/.", str(folder)], check=True)
    (folder / "releases/COOKIE").unlink()
    (folder / "bin/mast").rename(folder / "bin/.mast-wrapped")


class System:
    """A NixOS configuration, to be put into machines."""

    def __init__(self, settings: str, release: Path) -> None:
        """Take settings of services.mast, and a release from `release_as_in_the_store`."""
        nix = Nix()
        everything = 'enable = true; selfManage = true; environmentFile = "{}"; {}'
        self.made = nix.module(everything.format(ENVIRONMENT_FILE, settings))
        closed = everything.format(ENVIRONMENT_FILE, settings + "selfManageAccess = false;")
        self._closed = nix.module(closed)
        self._outputs = nix(
            "builtins.mapAttrs (_: p: p.outPath) { inherit (harness.pkgs) mast mast-agent; }"
        )
        self._post_install = nix(
            f"(harness.pkgs.callPackage {ROOT}/nix/package-agent.nix {{ }}).recorded.postInstall"
        )
        self._release = release
        self.binds = {self._outputs["mast"]: release}

    def put_into(self, machine: Machine, scratch: Path) -> None:
        """Write packages, units and scripts, and what NixOS's PostgreSQL module provides."""
        wrapper = _WRAPPED.format(out=self._outputs["mast"])
        (self._release / "bin/mast").write_text(wrapper)
        (self._release / "bin/mast").chmod(0o755)
        self._put_agent(machine, scratch)
        scripts = {**self.made["files"]}
        for script in self.made["preStart"].values():
            scripts[script["path"]] = script["text"]
        for path, text in scripts.items():
            machine.write(path, text, mode=0o755)
            for name in ("mast", "mast-agent"):
                if path.endswith(f"-{name}/bin/{name}"):
                    machine.link(f"usr/local/bin/{name}", path)
        for path in set(_STORE.findall("".join([*scripts.values(), *self.made["units"].values()]))):
            if path.partition("-")[2] in _TOOLS:
                machine.link(path, "/usr")
        self._put_units(machine)
        self._put_logins(machine)
        self._put_database(machine)
        machine.copy(GUEST / "nixos.py", "opt/test/nixos.py")
        machine.link(
            "etc/systemd/system/dbus.service", "/usr/lib/systemd/system/dbus-broker.service"
        )

    def _put_agent(self, machine: Machine, scratch: Path) -> None:
        out = self._outputs["mast-agent"]
        folder = scratch / "agent"
        install_agent(self._post_install, folder)
        shutil.copytree(
            ROOT / "agent", folder / "lib/python", ignore=shutil.ignore_patterns("__pycache__")
        )
        for unit in folder.glob("lib/systemd/system/*.service"):
            unit.write_text(unit.read_text().replace(str(folder), out))
        machine.copy(folder, out)
        machine.write(f"{out}/bin/mast-agent", _AGENT.format(out=out), mode=0o755)

    def _put_units(self, machine: Machine) -> None:
        """As generateUnits of nixos/lib/systemd-lib.nix does with systemd.packages."""
        system = "etc/systemd/system"
        (package,) = {self._outputs[name] for name in self.made["packages"]}
        provided = machine.root / package.lstrip("/") / "lib/systemd/system"
        for path in sorted(provided.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(provided))
                machine.link(f"{system}/{name}", f"{package}/lib/systemd/system/{name}")
        for name, text in self.made["units"].items():
            own = machine.root / system / f"{name}.service"
            overrides = f"{name}.service.d/overrides.conf" if own.is_symlink() else own.name
            machine.write(f"{system}/{overrides}", text)
            for target in self.made["wantedBy"][name]:
                machine.link(f"{system}/{target}.wants/{name}.service", f"../{name}.service")

    def _put_logins(self, machine: Machine) -> None:
        """As users-groups.nix, sshd.nix, sudo.nix and tmpfiles.nix do."""
        for name, account in self.made["users"].items():
            subprocess.run(
                [
                    "chroot", str(machine.root), "useradd", "--system", "--user-group",
                    "--home-dir", account["home"], "--comment", account["description"],
                    "--groups", ",".join(account["extraGroups"]),
                    "--password", account["initialHashedPassword"],
                    "--shell", "/bin/bash", name,
                ],
                check=True,
            )  # fmt: skip
        machine.write("etc/ssh/sshd_config", self.made["sshdConfig"])
        if self.made["sshd"]:
            wants = "etc/systemd/system/multi-user.target.wants/ssh.service"
            machine.link(wants, "/usr/lib/systemd/system/ssh.service")
        # NixOS's sudo looks commands up in the PATH of who calls it.
        (machine.root / "etc/sudoers").unlink(missing_ok=True)
        machine.write("etc/sudoers", self.made["sudoers"], mode=0o440)
        sw = "L /run/current-system/sw/bin - - - - /usr/bin"
        machine.write("etc/tmpfiles.d/00-nixos.conf", "\n".join([sw, *self.made["tmpfiles"], ""]))
        machine.write("opt/test/closed.conf", "\n".join([*self._closed["tmpfiles"], ""]))

    def _put_database(self, machine: Machine) -> None:
        wanted = self.made["postgresql"]
        if not wanted["enable"]:
            return
        lines = ["until pg_isready -q; do sleep 0.1; done"]
        lines += [f"psql -c 'CREATE DATABASE \"{name}\"'" for name in wanted["ensureDatabases"]]
        for user in wanted["ensureUsers"]:
            lines.append(f"psql -c 'CREATE USER \"{user['name']}\"'")
            if user["ensureDBOwnership"]:
                lines.append('psql -c \'ALTER DATABASE "{0}" OWNER TO "{0}"\''.format(user["name"]))
        lines = ["[ ! -e /var/lib/postgresql/set-up ] || exit 0", *lines]
        lines.append("touch /var/lib/postgresql/set-up")
        machine.write("opt/postgresql-setup", "\n".join(["#!/bin/sh -e", *lines, ""]), mode=0o755)
        machine.write("etc/systemd/system/postgresql.target", _TARGET)
        machine.write("etc/systemd/system/postgresql-setup.service", _SETUP)


def secrets(machine: Machine, variables: dict[str, Any]) -> None:
    """Write the environment file, for root alone, as a secret manager leaves it."""
    text = "".join(f"{name}={value}\n" for name, value in variables.items())
    machine.write(ENVIRONMENT_FILE, text, mode=0o400)
