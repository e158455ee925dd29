"""A throwaway Debian machine: systemd as PID 1 in a container over a cached root.

What a machine writes goes to a layer of its own, so that it can be rebooted, be cut off from its
power, or serve as the base of further machines. What happens inside is decided by a program that
the machine is given (`guest`); the results that it leaves are what tests look at.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from support import status_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GUEST = Path(__file__).with_name("guest")
#: Inside the machine: the programs of `guest`, and what they leave.
PROGRAMS, RESULTS = "opt/test", "var/lib/test-results"
#: How long one boot may take with all that it is for: scenarios give up much earlier by themselves.
_SECONDS = 1800

_DRIVER = "etc/systemd/system/mast-test.service"
# After multi-user.target, so that no boot waits for it; a power-off at the end, whatever happens.
_DRIVER_UNIT = """\
[Unit]
Description=Scenario {scenario}
After=multi-user.target
[Service]
Type=exec
Environment=LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 /{programs}/{program} {scenario}
ExecStopPost=/usr/bin/systemctl --no-block poweroff
"""


class MachineError(AssertionError):
    """A machine did not do what it was started for; the text says what it last printed."""


class Machine:
    """One machine, alive between `with` and its end; it may be booted any number of times.

    `layers` lie below what the machine writes, the uppermost first. `binds` maps paths inside to
    directories of the host, read-only.
    """

    def __init__(
        self, layers: Sequence[Path], directory: Path, *, binds: Mapping[str, Path] | None = None
    ) -> None:
        self.root = directory / "root"
        self.written = directory / "written"
        self._directory = directory
        self._layers = list(layers)
        self._binds = dict(binds or {})
        self._console = directory / "console.log"

    def __enter__(self) -> Self:
        work = self._directory / "work"
        for path in (self.root, self.written, work):
            path.mkdir(parents=True, exist_ok=True)
        lower = ":".join(map(str, self._layers))
        options = f"lowerdir={lower},upperdir={self.written},workdir={work}"
        subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)], check=True
        )
        shutil.copytree(GUEST, self.root / PROGRAMS, dirs_exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.root)], check=True)

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file inside the machine; its directory is made where it is missing."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def copy(self, source: Path, path: str) -> None:
        """Copy a file or a directory of the host into the machine, links as links."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)

    def link(self, path: str, destination: str) -> None:
        """Make `path` inside the machine a symbolic link, replacing what is there."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(destination)

    def boot(self, program: str, scenario: str) -> dict[str, Any]:
        """Boot, let `program` run `scenario`, wait for the power-off and return its facts.

        Raises MachineError when that takes far too long, or the scenario left no facts or failed.
        """
        with self._running(program, scenario) as alive:
            while alive():
                time.sleep(0.05)
        return self.facts(scenario)

    def boot_and_cut_power(self, program: str, scenario: str, cue: Callable[[], bool]) -> None:
        """Boot, and kill the machine as soon as `cue` is true: nothing inside gets a signal.

        The kernel survives, so what was written without fsync is not lost: atomicity is
        tested by this, the order of fsync and rename is not.
        """
        with self._running(program, scenario) as alive:
            while not cue():
                if not alive():
                    raise MachineError(
                        f"{scenario}: ended before the power was cut\n{self._tail()}"
                    )
                time.sleep(0.002)

    def facts(self, scenario: str) -> dict[str, Any]:
        """Return what the scenario has found out."""
        path = self.root / RESULTS / f"{scenario}.json"
        if not path.exists():
            raise MachineError(f"{scenario}: no facts\n{self._tail()}")
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if "error" in facts:
            raise MachineError(f"{scenario}: {facts['error']}\n{self._tail()}")
        status_schema.check_within(facts)
        return facts

    @contextlib.contextmanager
    def _running(self, program: str, scenario: str) -> Any:
        """Run the container; whatever happens, it is gone afterwards."""
        for path in (RESULTS, "var/log/journal"):  # the latter makes the journal persistent
            (self.root / path).mkdir(parents=True, exist_ok=True)
        (self.root / RESULTS / f"{scenario}.json").unlink(missing_ok=True)
        self.write(
            _DRIVER,
            _DRIVER_UNIT.format(scenario=scenario, program=program, programs=PROGRAMS),
        )
        self.link(
            "etc/systemd/system/multi-user.target.wants/mast-test.service", "../mast-test.service"
        )
        binds = " ".join(f"--bind-ro={source}:{path}" for path, source in self._binds.items())
        group = _control_group()
        move = f"echo $$ >{group}/cgroup.procs; " if group else ""
        nspawn = (
            f"{move}exec systemd-nspawn -q -D {self.root} --register=no --keep-unit --boot "
            f"--console=read-only --private-network {binds}"
        )
        # nspawn wants a terminal, and its init the unified hierarchy, which the host may not have.
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with self._console.open("wb") as console:
            process = subprocess.Popen(
                ["script", "-qec", nspawn, "/dev/null"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + _SECONDS

        def alive() -> bool:
            if process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise MachineError(f"{scenario}: not done after {_SECONDS} s\n{self._tail()}")
            return True

        try:
            yield alive
        finally:
            if process.poll() is None:
                _kill_tree(process.pid)
            process.wait()
            _remove_control_group(group)

    def _tail(self) -> str:
        """Return the end of the console and of the journal, for a failure's message."""
        console = self._console.read_bytes()[-1500:].decode(errors="replace")
        units = ["-u", "mast*", "-u", "postgresql*", "-u", "ssh*"]
        directory = str(self.root / "var/log/journal")
        journal = subprocess.run(
            ["journalctl", "-q", "-D", directory, "-n", "60", "--no-pager", *units],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        return f"--- console\n{console}\n--- journal\n{journal}"


def _control_group() -> Path | None:
    """Make a control group for one machine, below this process's own; None where that fails.

    nspawn takes its caller's, and two machines of two test runs in one would end each other.
    """
    mounted = Path("/sys/fs/cgroup")
    hierarchy = mounted / "unified" if (mounted / "unified").is_dir() else mounted
    lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    try:
        return Path(tempfile.mkdtemp(prefix="mast-agent-test-", dir=hierarchy / own))
    except OSError:
        return None


def _remove_control_group(group: Path | None) -> None:
    """Remove what nspawn has made of the group, once the killed are gone; it is empty then."""
    if group is None:
        return
    # nspawn makes it in systemd's own hierarchy as well, where there is one.
    mirrored = Path(str(group).replace("/unified/", "/systemd/", 1))
    deadline = time.monotonic() + 5
    while (group.exists() or mirrored.exists()) and time.monotonic() < deadline:
        for each in {group, mirrored}:
            for path, _, _ in os.walk(each, topdown=False):
                with contextlib.suppress(OSError):
                    Path(path).rmdir()
        time.sleep(0.05)


def _kill_tree(pid: int) -> None:
    """Kill a container's PID 1, which takes the whole machine along at once, then its parents."""
    if _pid_namespace(pid) == _pid_namespace(os.getpid()):
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
            for child in children.split():
                _kill_tree(int(child))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _pid_namespace(pid: int) -> str:
    """Return the name of a process's namespace of process ids, "" when the process is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""
