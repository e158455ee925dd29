"""The agent as its users meet it: the command line, run as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from support import status_schema
from support.canaries import SECRET_KEY_BASE, VAULT_KEY
from support.pace import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one command ended. `code` is negative for a signal; `seconds` is wall time.

    `held_up` says for how many of them somebody on this machine had to wait for another (`pace`).
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    held_up: float

    def __str__(self) -> str:
        """Everything, for a failed assertion."""
        return f"exit {self.code} after {self.seconds:.1f} s\n{self.stdout}\n{self.stderr}"


class Agent:
    """`mast-agent` with directories of its own and nothing of the caller's environment."""

    def __init__(self, directory: Path, *, mast_bin: Path | str, url: str) -> None:
        self.state = directory / "state"
        self.runtime = directory / "run"
        self.access = directory / "access"
        self.login = directory / "login"
        self.evals = directory / "evals"
        directory.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": url,
            "SECRET_KEY_BASE": SECRET_KEY_BASE,
            "MAST_VAULT_KEY": VAULT_KEY,
            "MAST_BIN": str(mast_bin),
            "STATE_DIRECTORY": str(self.state),
            "RUNTIME_DIRECTORY": str(self.runtime),
            "MAST_AGENT_ACCESS_DIRECTORY": str(self.access),
            "MAST_AGENT_LOGIN_DIRECTORY": str(self.login),
            # No system bus: what systemd says of this machine is not the test's business.
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={directory}/no-bus",
            "MAST_REFERENCE_EVAL_LOG": str(self.evals),
            # `make coverage` measures these processes too.
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command; the caller reaps it (see `finish`)."""
        return self.start_as((), *arguments, **environment)

    def start_as(
        self, prefix: Sequence[str], *arguments: str, **environment: str
    ) -> subprocess.Popen[str]:
        """Start the command behind the program `prefix`, which executes it in its own way."""
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "mast_agent", *arguments],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str], seconds: float = 300) -> Result:
        """Wait for a started command, and kill its group when it takes too long."""
        begin = Moment()
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise AssertionError(f"still running after {seconds} s\n{stdout}\n{stderr}") from None
        return Result(
            code=process.returncode,
            stdout=stdout,
            stderr=stderr,
            seconds=begin.passed(),
            held_up=begin.held_up(),
        )

    def run(self, *arguments: str, seconds: float = 300, **environment: str) -> Result:
        """Run the command to its end."""
        return self.finish(self.start(*arguments, **environment), seconds)

    def enroll(self, timeout: float = 30, *arguments: str, **environment: str) -> Result:
        """`mast-agent enroll --timeout …`."""
        return self.finish(
            self.start("enroll", "--timeout", str(timeout), *arguments, **environment)
        )

    def status(self, **environment: str) -> dict[str, Any]:
        """`mast-agent status --json`; its exit code has to be the document's.

        The document has to be as its schema says.
        """
        result = self.finish(self.start("status", "--json", **environment))
        document: dict[str, Any] = json.loads(result.stdout)
        assert result.code == document["code"], result
        status_schema.check(document)
        return document

    def published(self) -> dict[str, Any]:
        """Return the status that the last `enroll` published."""
        document: dict[str, Any] = json.loads((self.runtime / "status.json").read_text())
        return document

    def record(self) -> dict[str, Any]:
        """Return the record."""
        document: dict[str, Any] = json.loads((self.state / "enrollment.json").read_text())
        return document

    def login_report(self) -> dict[str, Any]:
        """Return what the last `access` published of its trial."""
        document: dict[str, Any] = json.loads((self.login / "login.json").read_text())
        return document

    def eval_count(self) -> int:
        """Return how often `self_enroll!` was started."""
        return len(self.evals.read_text().splitlines()) if self.evals.exists() else 0

    def wait_published(
        self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 90
    ) -> dict[str, Any]:
        """Wait until the published status is as `wanted`, and return it."""

        def look() -> dict[str, Any] | None:
            try:
                document = self.published()
            except FileNotFoundError:
                return None
            return document if wanted(document) else None

        return wait_for(look, seconds)


def wait_for(look: Callable[[], _T | None], seconds: float = 90) -> _T:
    """Return the first true value of `look`, which is asked 20 times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := look():
            return value
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s")
