"""Everything that can be known before waiting begins: settings, release, host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.config import login, mast_environment, release
from mast_agent.enroll import evaluation
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import execve, identity
from mast_agent.postgres import ecto_url

if TYPE_CHECKING:
    from mast_agent.config.release import Release
    from mast_agent.config.settings import Settings
    from mast_agent.host.identity import Host
    from mast_agent.postgres.parameters import ConnectionParameters


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is known before anything is waited for.

    `settings` are the service's: its directories, Mast's variables, and whether its key is wanted.
    """

    settings: Settings
    release: Release
    parameters: ConnectionParameters
    host: Host


def make(config: Settings) -> Plan:
    """Read settings, release and host.

    Raises Failure: whatever `release`, `mast_environment.check`, `login` and `ecto_url` refuse, or
    variables too long for any eval (78), or a runtime directory that cannot be made (77).
    """
    found = release.read(config.mast_bin)
    mast_environment.check(config.mast)
    login.require_usable(config.mast)
    execve.require_fitting(evaluation.environment(found, config.mast, config.runtime_directory))
    parameters = ecto_url.parse(config.mast)
    try:
        config.runtime_directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            causes.unless_full(causes.RUNTIME_DENIED, error),
            f"the directory {config.runtime_directory} cannot be made: {error.strerror}",
        ) from error
    return Plan(settings=config, release=found, parameters=parameters, host=identity.identify())
