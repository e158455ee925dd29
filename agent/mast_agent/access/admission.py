"""Lets Mast in: installs the key that it reported, tries the login, and says what prevents it.

The key stays installed, whatever the trial finds: sshd or the account may be corrected later, and
then the key is there. What was found is published for `status` (`login_report`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.access import (
    access,
    account,
    authorized_keys,
    leftovers,
    revocation,
    self_address,
    sshd,
    sshd_settings,
    trial,
)
from mast_agent.config import login as login_settings
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import identity
from mast_agent.report import login_report
from mast_agent.report.login_report import LoginReport

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.access.access import Login
    from mast_agent.config.settings import Settings
    from mast_agent.text.redact import Redactor

LOCK_SECONDS = 20.0
"""How long another run on this host is waited for; longer than a trial takes."""
TIDY_SECONDS = 5.0
"""The same for tidying up, which can be left to that run."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """Whose key was installed, from which addresses it is good, and whether that is new."""

    login: Login
    sources: tuple[str, ...]
    changed: bool

    def __str__(self) -> str:
        """One sentence, for the log."""
        who = self.login.user
        if self.changed:
            return f"Mast may log in as {who} from this host, with the key that it reported"
        return f"nothing to do: Mast may log in as {who} already"


def install(config: Settings) -> Installed:
    """Install the recorded key.

    Raises Failure, and then nothing was written: 70 Mast did not report a key; 75 not enrolled,
    or the disk is full; 77 not root; 78 the key, the user, the address, the record or what stands
    in the way.
    """
    login_settings.require_usable(config.mast)
    who = access.login(config.mast)
    access.require_user(who.user)
    sources = self_address.sources(who.host, identity.identify())
    key = access.reported_key(access.recorded_here(config.state_directory))
    directory = config.access_directory
    content = authorized_keys.line(key, sources)
    try:
        changed = authorized_keys.install(directory, who.user, content)
    except authorized_keys.ForeignPathError as error:
        raise access.foreign(error) from error
    except PermissionError as error:
        raise access.denied(directory, error) from error
    except OSError as error:
        raise Failure(
            causes.ACCESS_UNWRITABLE, f"the key cannot be written to {directory}: {error.strerror}"
        ) from error
    return Installed(login=who, sources=sources, changed=changed)


def examine(config: Settings, installed: Installed, redactor: Redactor) -> LoginReport:
    """Try the login, and publish what was found. Never fails: the key is there all the same."""
    try:
        report = _examine(config, installed.login, installed.sources, redactor)
        login_report.save(config.login_directory, report)
    except authorized_keys.ForeignPathError as error:
        why = f"it could not be tried: {error}"
    except OSError as error:
        why = f"it could not be tried: {error.strerror}"
    else:
        return report
    return _report(installed.login, trial.Trial(tried=False, why=why), ())


def survey(
    login: Login, sources: tuple[str, ...], directory: Path, redactor: Redactor
) -> tuple[list[Failure], str]:
    """Return what the account and sshd's settings say against the login, and what cannot be asked.

    For root. What is found is a prediction.
    """
    try:
        found = account.look(login.user)
    except KeyError:
        return [], f"the user {login.user} does not exist"
    effective = sshd_settings.ask(login, sources[0], redactor)
    if isinstance(effective, str):
        return [], effective
    key_file = directory / login.user
    return list(sshd_settings.problems(effective, login, sources[0], found, key_file)), ""


def await_trial(directory: Path) -> None:
    """Wait until no trial is under way, for as long as one takes at most. Never fails."""
    with contextlib.suppress(OSError), leftovers.alone(directory, seconds=LOCK_SECONDS):
        pass


def tidy(config: Settings) -> bool:
    """Take away what a trial that was killed has left; tell whether there was anything.

    Leaves a trial alone that is under way. A key that it has put back after access was revoked
    goes too. Raises OSError.
    """
    if not config.access_directory.is_dir():
        return False
    # Whoever was killed just now may hold the lock for a moment more.
    with leftovers.alone(config.access_directory, seconds=TIDY_SECONDS) as held:
        if held and revocation.seen(config.access_directory) is not None:
            authorized_keys.remove(config.access_directory)
        return held and leftovers.tidy(config.access_directory, config.login_directory)


def _examine(
    config: Settings, login: Login, sources: tuple[str, ...], redactor: Redactor
) -> LoginReport:
    directory, scratch = config.access_directory, config.login_directory
    scratch.mkdir(mode=0o755, parents=True, exist_ok=True)
    with leftovers.alone(directory, seconds=LOCK_SECONDS) as held:
        if held:
            leftovers.tidy(directory, scratch)
            tried = trial.run(login, directory, scratch, sources, redactor)
        else:
            tried = trial.Trial(tried=False, why="another mast-agent is trying it")
    return _report(login, tried, _problems(tried, login, sources, directory, redactor))


def _report(login: Login, tried: trial.Trial, problems: tuple[Failure, ...]) -> LoginReport:
    return LoginReport(
        user=login.user,
        host=login.host,
        port=login.port,
        tried=tried.tried,
        why=tried.why,
        problems=problems,
    )


def _problems(
    tried: trial.Trial,
    login: Login,
    sources: tuple[str, ...],
    directory: Path,
    redactor: Redactor,
) -> tuple[Failure, ...]:
    """Return what keeps Mast out: seen, and explained by what was predicted."""
    if tried.tried and tried.failure is None:
        return ()
    predicted, _ = survey(login, sources, directory, redactor)
    failure = tried.failure
    if failure is None and sshd.listens(login.host, login.port) is False:
        failure = Failure(causes.SSHD_SILENT, f"nothing listens at {login.host}:{login.port}")
    if failure is None:
        return tuple(predicted)
    if failure.cause is causes.SSHD_SILENT:
        # Nothing else matters yet, unless it is the port that explains it.
        return (*(each for each in predicted if each.cause is causes.SSHD_OTHER_PORT), failure)
    return (*predicted, failure)
