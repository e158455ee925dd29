"""Mast's own variables: which they are, and what every start of Mast would refuse."""

from __future__ import annotations

import base64

import pytest
from mast_agent.config import mast_environment
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from support.canaries import CANARY

VAULT_KEY = base64.b64encode(b"v" * 32).decode()


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("DATABASE_URL", True),
        ("SECRET_KEY_BASE", True),
        ("MAST_VAULT_KEY", True),
        ("MAST_PUBLIC_URL", True),
        ("PHX_HOST", True),
        ("POOL_SIZE", True),
        ("ECTO_IPV6", True),
        ("RELEASE_COOKIE", True),
        ("ERL_FLAGS", True),
        ("PGUSER", True),
        ("PGPASSWORD", True),
        ("PGPORT", False),
        ("PGHOST", False),
        ("PGDATABASE", False),
        ("MAST_BIN", False),
        ("MAST_AGENT_TIMEOUT", False),
        ("MAST_AGENT_ENV_FILE", False),
        ("LD_PRELOAD", False),
        ("HOME", False),
        ("AWS_SECRET_ACCESS_KEY", False),
        ("NOTIFY_SOCKET", False),
        ("CREDENTIALS_DIRECTORY", False),
    ],
)
def test_variables_for_mast(*, name: str, taken: bool) -> None:
    """Of the environment, Mast gets what is Mast's and nothing else."""
    assert mast_environment.of({name: "x"}) == ({name: "x"} if taken else {})


def test_variables_of_the_file() -> None:
    """Of the environment file Mast gets everything but the agent's settings and directories."""
    agents = ["MAST_BIN", "MAST_AGENT_TIMEOUT", "MAST_AGENT_TYPO", "STATE_DIRECTORY"]
    agents += ["RUNTIME_DIRECTORY"]
    file = dict.fromkeys([*agents, "DATABASE_URL", "MAST_SELF_USER", "ANYTHING"], "x")
    assert set(mast_environment.passed_on(file)) == {"DATABASE_URL", "MAST_SELF_USER", "ANYTHING"}


def _mast(**special: str) -> dict[str, str]:
    return {"SECRET_KEY_BASE": "s" * 64, "MAST_VAULT_KEY": VAULT_KEY, **special}


def test_complete() -> None:
    """Mast's variables as they should be are not refused."""
    mast_environment.check(_mast())
    mast_environment.check(
        _mast(MAST_PUBLIC_URL="https://mast.example", POOL_SIZE="1", PORT="4000")
    )


@pytest.mark.parametrize("name", ["SECRET_KEY_BASE", "MAST_VAULT_KEY"])
@pytest.mark.parametrize("value", [None, "", "  ", "\n"])
def test_missing(name: str, value: str | None) -> None:
    """A variable that every start needs and that is not there ends with 78 and its name."""
    mast = _mast()
    del mast[name]
    if value is not None:
        mast[name] = value
    with pytest.raises(Failure) as caught:
        mast_environment.check(mast)
    assert caught.value.cause is causes.VARIABLE_MISSING
    assert name in caught.value.message
    assert caught.value.remedy.startswith(f"Set {name} in ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("MAST_VAULT_KEY", f"{CANARY}!", id="not-base64"),
        pytest.param("MAST_VAULT_KEY", f"{CANARY}é", id="not-ascii"),
        pytest.param("MAST_VAULT_KEY", base64.b64encode(b"v" * 31).decode(), id="31-bytes"),
        pytest.param("MAST_VAULT_KEY", base64.b64encode(b"v" * 33).decode(), id="33-bytes"),
        pytest.param("MAST_VAULT_KEY", VAULT_KEY.rstrip("="), id="no-padding"),
        pytest.param("MAST_VAULT_KEY", f"{VAULT_KEY}\n", id="newline-at-end"),
        pytest.param("MAST_VAULT_KEY", f" {VAULT_KEY}", id="blank"),
        pytest.param("SECRET_KEY_BASE", f"{CANARY}\n", id="secret-with-newline"),
        pytest.param("MAST_PUBLIC_URL", f"https://{CANARY}\x1b", id="url-with-control"),
        pytest.param("MAST_PUBLIC_URL", "", id="url-empty"),
        *(
            pytest.param(name, text, id=f"{name}-{text}")
            for name in ("POOL_SIZE", "PORT")
            for text in ("", CANARY, "1.5", " 1", "-1", "\u0661", "9" * 5000)
        ),
        pytest.param("POOL_SIZE", "0", id="pool-of-none"),
    ],
)
def test_malformed(name: str, value: str) -> None:
    """A malformed variable of Mast's ends with 78 and its name, and never with its value."""
    with pytest.raises(Failure) as caught:
        mast_environment.check(_mast(**{name: value}))
    failure = caught.value
    assert failure.cause is causes.VARIABLE_MALFORMED
    assert failure.code == Code.CONFIG
    assert name in failure.message
    assert CANARY not in str(failure)
    assert VAULT_KEY.rstrip("=") not in str(failure)
