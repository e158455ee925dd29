"""What a cause is entered with, and the table that it is entered into."""

from __future__ import annotations

from mast_agent.failures.cause import Cause, Code, Phase, RetryPolicy

NO, GRACE, RETRY = RetryPolicy.NONE, RetryPolicy.GRACE, RetryPolicy.RETRY
CROWDED, EVALS = RetryPolicy.CROWDED, RetryPolicy.EVALS
AGAIN = "systemctl restart --no-block mast-agent"
"""The command that has an enrolled host looked at anew."""
ACCESS = "systemctl start mast-agent-access"
"""The command that has Mast's login set up anew."""

CAUSES: dict[str, Cause] = {}
"""Every cause by its slug."""


def enter(
    slug: str,
    phase: Phase,
    code: Code,
    retry_policy: RetryPolicy,
    remedy: str,
    *run: str,
    escalates_to: Code | None = None,
    otherwise: str = "",
    nixos: str = "",
    mast: bool = False,
) -> Cause:
    """Return the cause, entered into the table. The fields are those of `Cause`."""
    cause = Cause(
        slug=slug,
        phase=phase,
        code=code,
        retry_policy=retry_policy,
        remedy=remedy,
        run=run,
        escalates_to=escalates_to,
        otherwise=otherwise,
        nixos=nixos,
        mast=mast,
    )
    CAUSES[slug] = cause
    return cause
