"""Runs `bin/mast eval 'Mast.Bootstrap.self_enroll!'` and reports how it ended.

An exit code of 0 is not success: only the database can tell (`enrollment` asks it). What enrolling
means stays in Elixir. This module makes the environment, limits the time, and finds the cause in
what a failed BEAM has printed.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.enroll.output import Output
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import process
from mast_agent.host.execve import StartError
from mast_agent.text.redact import QUOTED_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mast_agent.config.release import Release
    from mast_agent.host.deadline import Deadline
    from mast_agent.text.redact import Redactor

EXPRESSION = "Mast.Bootstrap.self_enroll!"
SELF_ID = "MAST_SELF_ID"
"""Tells the eval which row is this host, where the agent knows that better than by its name."""
EVAL_SECONDS = 120.0
"""How long one eval may take; MAST.md's costliest failure takes under ten."""
MIN_EVAL_SECONDS = 1.0
"""What an eval has to be given: a BEAM that does nothing takes more than half of that."""
KILL_AFTER_SECONDS = 3.0
"""Between SIGTERM and SIGKILL."""

_SIGNALLED = 128
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127  # of a shell: POSIX, sh, Exit Status for Commands
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What Mast.Bootstrap finds wrong by itself (nix/bootstrap.ex). One that does not look out for a
# wrong vault key stumbles over what Mast.Keys.material/1 returns then.
_BOOTSTRAPS_OWN = (
    (r"MAST_VAULT_KEY is not the key|\{:error, :missing_body\}", causes.VAULT_KEY_WRONG),
    (r"MAST_SELF_HOST is an IPv6 address", causes.SELF_HOST_IPV6),
    (r"MAST_SELF_PORT is not a port", causes.VARIABLE_MALFORMED),
    (r"has this host's name", causes.NAME_TAKEN),
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an eval that ended with 0 reported: an `output.Claim`, and no fact.

    `seconds` is how long the eval took.
    """

    server_id: str | None = None
    public_key: str | None = None
    seconds: float = 0.0


def allotted(deadline: Deadline, last: str = "") -> float:
    """Return the seconds for an eval that starts now.

    They leave enough of the deadline to end a child that does not want to end. Raises Failure
    (75) when too little is left for an eval to be of any use; `last` is how the one before it
    failed, which then still is what the operator has to know.
    """
    left = deadline.within(EVAL_SECONDS)
    seconds = max(left - KILL_AFTER_SECONDS, left / 2)
    if seconds < MIN_EVAL_SECONDS:
        raise Failure(
            causes.EVAL_UNSTARTED,
            f"{left:.1f} s are left of {deadline.seconds:.0f} s, too little for an eval"
            + (f"; the last one failed: {last}" if last else ""),
        )
    return seconds


def environment(release: Release, mast: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return the whole environment of the eval.

    Mast's variables, a PATH, and what keeps the BEAM from leaving anything behind. The cookie is
    made up each time, also when the release has one: `eval` talks to nobody, and the script puts
    the cookie into argv, where every user can read it.
    """
    return {
        "PATH": os.environ.get("PATH") or _PATH,
        "LANG": "C.UTF-8",
        **mast,
        "HOME": str(directory),
        "RELEASE_ROOT": str(release.root),
        "RELEASE_TMP": str(directory),
        "RELEASE_COOKIE": secrets.token_hex(16),
        "RELEASE_DISTRIBUTION": "none",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_CRASH_DUMP_SECONDS": "0",
    }


async def self_enroll(
    release: Release,
    mast: Mapping[str, str],
    directory: Path,
    *,
    seconds: float,
    redactor: Redactor,
    log: Callable[[str, str], None],
) -> Report:
    """Run the eval for at most `seconds` and return what it reported.

    `log` gets the stream's name and each line, escaped and masked. Raises Failure: the release
    cannot be started (78), has no Mast.Bootstrap (70), is not allowed to run by the sandbox (70),
    misses a variable (78), or the eval failed, hung or was killed (75).
    """
    output = Output(redactor, log)
    try:
        end = await process.run(
            [str(release.executable), "eval", EXPRESSION],
            environment=environment(release, mast, directory),
            directory=directory,
            seconds=seconds,
            kill_after=KILL_AFTER_SECONDS,
            on_line=output.take,
        )
    except StartError as error:
        raise error.failure(release.executable, directory) from error
    output.close(end.dropped)
    if end.timed_out:
        raise Failure(
            causes.EVAL_HUNG, f"the eval had not ended after {seconds:.0f} s and was killed"
        )
    if end.code != 0:
        raise _failure(end.code, output)
    if output.stopped and output.claim.server_id is None:
        # With 0 it has said nothing then, not even that this host is enrolled.
        raise Failure(causes.EVAL_KILLED, "the eval was ended by SIGTERM")
    return Report(
        server_id=output.claim.server_id,
        public_key=output.claim.public_key,
        seconds=end.seconds,
    )


def _failure(code: int, output: Output) -> Failure:
    number = -code if code < 0 else code - _SIGNALLED if code > _SIGNALLED else 0
    if number == signal.SIGSYS:
        return Failure(causes.EVAL_DENIED, "the sandbox killed the eval for a system call")
    if number:
        return Failure(causes.EVAL_KILLED, f"the eval was killed by {_signal_name(number)}")
    said = _most_telling(output)
    if code == _NOT_EXECUTABLE and re.search(r"Permission denied", said):
        return Failure(causes.EVAL_NOT_EXECUTABLE, f"the eval ended with {code}: {said}")
    if code in (_NOT_EXECUTABLE, _NOT_FOUND):
        return Failure(causes.EVAL_UNSTARTABLE, f"the eval ended with {code}: {said}")
    # As it came: what is masked in it may be a word that tells the cause.
    everything = "\n".join(line.raw for line in output.stderr)
    if re.search(r"function Mast\.Bootstrap\.self_enroll!/0 is undefined", everything):
        return Failure(
            causes.BOOTSTRAP_MISSING, "this release of Mast has no Mast.Bootstrap.self_enroll!/0"
        )
    # A BEAM that ends while it boots may end before the exception has reached stderr.
    told = f"{everything}\n{output.terminating}"
    if missing := re.search(r"environment variable (\w+) is missing", told):
        name = output.redactor.quote(missing[1])
        return Failure(
            causes.EVAL_MISCONFIGURED, f"Mast misses the variable {name}", known={"name": name}
        )
    for pattern, cause in _BOOTSTRAPS_OWN:
        if re.search(pattern, everything):
            names = "MAST_VAULT_KEY is wrong: " if cause is causes.VAULT_KEY_WRONG else ""
            return Failure(cause, f"{names}Mast.Bootstrap says: {said}")
    if re.search(r"Operation not permitted|\beperm\b", everything):
        return Failure(causes.EVAL_DENIED, f"the sandbox denies the eval something: {said}")
    return Failure(causes.EVAL_FAILED, f"the eval ended with {code}: {said}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _most_telling(output: Output) -> str:
    """Return the exception that ended it, and the error that was logged before it."""
    exception = next((line for line in output.stderr if line.raw.startswith("** (")), None)
    last = output.stderr[-1] if output.stderr else None
    telling = exception or last
    said = telling.shown[:QUOTED_CHARACTERS] if telling else "it printed nothing on stderr"
    if output.stdout_errors:
        said += f"; before that: {output.stdout_errors[-1].shown}"
    return said
