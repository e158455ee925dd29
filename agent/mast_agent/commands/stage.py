"""What each command needs first: its settings, and what masks secrets in its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.config import settings
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.config.settings import Options, Settings
    from mast_agent.text.redact import Redactor


def load(options: Options, environ: Mapping[str, str]) -> tuple[Settings, Failure | None]:
    """Return the settings, without what could not be read of them, and why it could not."""
    try:
        return settings.load(options, environ), None
    except Failure as failure:
        return settings.salvage(options, environ), failure


def redactor(config: Settings) -> Redactor:
    """Return what masks the secrets of these settings. Never fails."""
    from mast_agent.postgres import ecto_url  # noqa: PLC0415 - not for a status without a database
    from mast_agent.text.redact import Redactor, secrets_of  # noqa: PLC0415 - as above

    try:
        return ecto_url.parse(config.mast).redactor
    except Failure:
        return Redactor(secrets_of(config.mast))
