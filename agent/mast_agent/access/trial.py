"""Tries Mast's login before Mast does, with a key pair that exists for a few seconds.

The key is installed beside Mast's, in the same file and with the same options, so that it meets
what Mast will meet: the same sshd, user, rule and address. It expires by itself (expiry-time,
sshd(8)), and nothing of the trial is left, whatever ends it (`leftovers`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mast_agent.access import authorized_keys, leftovers, public_key
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mast_agent.access.access import Login
    from mast_agent.text.redact import Redactor

CONNECT_SECONDS = 5
LOGIN_SECONDS = 10.0
"""How long the whole login may take."""
KEY_SECONDS = 60
"""How long the throwaway key is good for if nobody takes it away."""
_FAILED = 255
"""ssh's own exit code: ssh(1). Every other one is the command's."""
_LOG_SECONDS = 3.0
_TELLING = re.compile(r"not allowed|refused|bad ownership|locked|expired|invalid|denied|rror")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of it. `tried` is False where it could not be tried: `why` says why not.

    `failure` is None where the login works.
    """

    tried: bool
    why: str = ""
    failure: Failure | None = None


def run(
    login: Login, directory: Path, scratch: Path, sources: Sequence[str], redactor: Redactor
) -> Trial:
    """Log in as Mast would.

    `directory` has the keys that sshd reads; `scratch` is a directory of root's, in memory.
    Raises OSError when something cannot be written.
    """
    ssh, keygen = tool.find("ssh"), tool.find("ssh-keygen")
    if ssh is None or keygen is None:
        return Trial(tried=False, why="there is no OpenSSH client")
    with leftovers.guarded(directory, scratch), _key_pair(keygen, scratch, redactor) as pair:
        if isinstance(pair, str):
            return Trial(tried=False, why=pair)
        private, public = pair
        expires = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=KEY_SECONDS)
        line = authorized_keys.trial_line(public, sources, expires)
        with authorized_keys.beside(directory, login.user, line):
            return Trial(tried=True, failure=_log_in(ssh, login, private, redactor))


@contextlib.contextmanager
def _key_pair(keygen: str, scratch: Path, redactor: Redactor) -> Iterator[tuple[Path, str] | str]:
    """Make a key pair in a private directory; yield its file and public half, or why not."""
    directory = Path(tempfile.mkdtemp(prefix=leftovers.PREFIX, dir=scratch))
    try:
        private = directory / "key"
        made = tool.run(
            [keygen, "-q", "-t", "ed25519", "-N", "", "-C", "trial", "-f", str(private)],
            seconds=LOGIN_SECONDS,
        )
        if made.code != 0:
            yield f"no key could be made: {redactor.quote(made.err.strip())}"
            return
        public = (directory / "key.pub").read_text(encoding="ascii")
        yield private, public_key.parse(public.strip())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _log_in(ssh: str, login: Login, private: Path, redactor: Redactor) -> Failure | None:
    token = secrets.token_hex(8)
    began = dt.datetime.now(dt.UTC)
    ended = tool.run(
        [
            ssh, "-F", "none", "-i", str(private), "-p", str(login.port), "-T",
            *_options(
                AddressFamily="inet",  # Mast's client reaches no other
                BatchMode="yes",
                ConnectTimeout=str(CONNECT_SECONDS),
                IdentitiesOnly="yes",
                LogLevel="ERROR",
                PreferredAuthentications="publickey",
                StrictHostKeyChecking="no",
                UserKnownHostsFile="/dev/null",
                GlobalKnownHostsFile="/dev/null",
            ),
            f"{login.user}@{login.host}", f"echo {token}",
        ],
        seconds=LOGIN_SECONDS,
    )  # fmt: skip
    if ended.code == 0 and ended.out.strip() == token:
        return None
    return judge(ended, login, token, began, redactor)


def _options(**options: str) -> list[str]:
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def judge(
    ended: tool.Ended, login: Login, token: str, began: dt.datetime, redactor: Redactor
) -> Failure:
    """Return why a login that ended so did not do what Mast's would have to.

    `token` is what the command prints, `began` when ssh was started.
    """
    where = f"{login.user}@{login.host}:{login.port}"
    if ended.code != _FAILED:
        said = redactor.quote((ended.out.strip() or ended.err.strip()).replace("\n", " "))
        if token in ended.out:
            return Failure(
                causes.ACCOUNT_SHELL,
                f"the login as {where} works, but its shell prints more than the command does: "
                f"{said}",
                remedy=f"Silence what the shell of {login.user} prints in a login by ssh",
            )
        return Failure(
            causes.ACCOUNT_SHELL,
            f"the login as {where} works, but no command runs there (exit {ended.code}): {said}",
            remedy=f"Give it a shell that runs commands, as root: usermod -s /bin/sh {login.user}",
        )
    if "Connection refused" in ended.err:
        return Failure(causes.SSHD_SILENT, f"nothing listens at {login.host}:{login.port}")
    said = redactor.quote(_log_line(login, began) or ended.err.strip().rpartition("\n")[2])
    return Failure(causes.LOGIN_REFUSED, f"a login as {where} with a key of its own fails: {said}")


def _log_line(login: Login, since: dt.datetime) -> str:
    """Return what sshd's log says of it, "" where there is nothing to be read."""
    program = tool.find("journalctl")
    if program is None:
        return ""
    with contextlib.suppress(OSError):
        read = tool.run(
            [
                program, "-q", "--no-pager", "-o", "cat", "-n", "50",
                f"--since=@{int(since.timestamp())}",
                "-t", "sshd", "-t", "sshd-session", "-t", "sshd-auth",
            ],
            seconds=_LOG_SECONDS,
        )  # fmt: skip
        lines = [line for line in read.out.splitlines() if login.user in line]
        telling = [line for line in lines if _TELLING.search(line)]
        return (telling or lines or [""])[0]
    return ""
