"""Settings: what comes from where, which one wins, and what is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from mast_agent import causes, settings
from mast_agent.failure import Code, Failure
from mast_agent.settings import Options

VAULT_KEY = base64.b64encode(b"v" * 32).decode()
CANARY = "Zq7_Canary"


@pytest.fixture(autouse=True)
def _no_default_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave this machine's /etc/mast.env out."""
    monkeypatch.setattr(settings, "DEFAULT_ENV_FILE", tmp_path / "default.env")


def test_defaults() -> None:
    """With nothing given, the documented defaults hold."""
    config = settings.load(Options(), {})
    assert config.mast_bin is None
    assert config.timeout == 300
    assert config.state_directory == Path("/var/lib/mast-agent")
    assert config.runtime_directory == Path("/run/mast-agent")
    assert config.access_directory == Path("/var/lib/mast-agent-access")
    assert config.access is False
    assert config.mast == {}


def test_environment() -> None:
    """Each setting has its variable."""
    config = settings.load(
        Options(),
        {
            "MAST_BIN": "/opt/mast/bin/mast",
            "MAST_AGENT_TIMEOUT": "12.5",
            "STATE_DIRECTORY": "/state",
            "RUNTIME_DIRECTORY": "/runtime",
            "MAST_AGENT_ACCESS": "yes",
            "MAST_AGENT_ACCESS_DIRECTORY": "/access",
        },
    )
    assert config.mast_bin == "/opt/mast/bin/mast"
    assert (config.access, config.access_directory) == (True, Path("/access"))
    assert config.mast == {}, "what is the agent's own is not passed on to Mast"
    assert config.timeout == 12.5
    assert (config.state_directory, config.runtime_directory) == (Path("/state"), Path("/runtime"))


def test_options_win() -> None:
    """The command line wins over the environment."""
    config = settings.load(
        Options(
            mast_bin="/a",
            timeout=1,
            state_directory=Path("/s"),
            runtime_directory=Path("/r"),
            access_directory=Path("/a"),
            access=False,
        ),
        {
            "MAST_BIN": "/b",
            "MAST_AGENT_TIMEOUT": "2",
            "STATE_DIRECTORY": "/c",
            "RUNTIME_DIRECTORY": "/d",
            "MAST_AGENT_ACCESS": "yes",
            "MAST_AGENT_ACCESS_DIRECTORY": "/e",
        },
    )
    assert (config.access, config.access_directory) == (False, Path("/a"))
    assert (config.mast_bin, config.timeout) == ("/a", 1)
    assert (config.state_directory, config.runtime_directory) == (Path("/s"), Path("/r"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("yes", "YES", "true", "1", "on", "y", "t")),
        *((text, False) for text in ("no", "No", "false", "0", "off", "n", "f", "", None)),
    ],
)
def test_boolean(text: str | None, *, expected: bool) -> None:
    """What systemd takes for a boolean is one; nothing means no."""
    assert settings.parse_boolean("X", text) is expected


@pytest.mark.parametrize("text", ["perhaps", "2", " yes", "yes\n"])
def test_no_boolean(text: str) -> None:
    """Anything else is refused with the setting's name."""
    with pytest.raises(Failure) as caught:
        settings.load(Options(), {"MAST_AGENT_ACCESS": text})
    assert caught.value.cause is causes.SETTING_MALFORMED
    assert "MAST_AGENT_ACCESS" in caught.value.message


def test_several_directories() -> None:
    """Of several directories, which systemd separates by colons, the first is the agent's."""
    config = settings.load(Options(), {"STATE_DIRECTORY": "/one:/two", "RUNTIME_DIRECTORY": ""})
    assert config.state_directory == Path("/one")
    assert config.runtime_directory == settings.DEFAULT_RUNTIME_DIRECTORY


def test_file_wins_over_environment(tmp_path: Path) -> None:
    """The environment file wins over the environment, as EnvironmentFile= over Environment=."""
    (tmp_path / "mast.env").write_text("DATABASE_URL=file\nOTHER=x\n")
    config = settings.load(
        Options(env_file=tmp_path / "mast.env"), {"DATABASE_URL": "env", "PORT": "4000"}
    )
    assert config.mast == {"DATABASE_URL": "file", "OTHER": "x", "PORT": "4000"}


def test_which_file(tmp_path: Path) -> None:
    """The option names the file, else the variable, else the default one is read if it is there."""
    for name in ("default", "variable", "option"):
        (tmp_path / f"{name}.env").write_text(f"PORT={name}\n")
    variable = {"MAST_AGENT_ENV_FILE": str(tmp_path / "variable.env")}
    option = Options(env_file=tmp_path / "option.env")
    assert settings.load(option, variable).mast["PORT"] == "option"
    assert settings.load(Options(), variable).mast["PORT"] == "variable"
    assert settings.load(Options(), {}).mast["PORT"] == "default"


def test_default_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A default file that is there but cannot be read is an error, not as good as none."""
    (tmp_path / "default.env").symlink_to(tmp_path / "gone")
    with pytest.raises(Failure) as caught:
        settings.load(Options(), {})
    assert caught.value.cause is causes.ENV_FILE_MISSING


def test_without_file(tmp_path: Path) -> None:
    """Where the file cannot be read, everything else of the settings is still there."""
    config = settings.without_file(
        Options(env_file=tmp_path / "gone"),
        {"RUNTIME_DIRECTORY": "/runtime", "MAST_AGENT_TIMEOUT": "x", "DATABASE_URL": "env"},
    )
    assert config.runtime_directory == Path("/runtime")
    assert config.timeout == settings.DEFAULT_TIMEOUT
    assert config.mast == {"DATABASE_URL": "env"}


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "1e999", "5m", "0x10", "1,5"])
def test_malformed_timeout(text: str) -> None:
    """A timeout that is no finite number above zero ends with 78 and names its variable."""
    with pytest.raises(Failure) as caught:
        settings.load(Options(), {"MAST_AGENT_TIMEOUT": text})
    assert caught.value.cause is causes.SETTING_MALFORMED
    assert caught.value.code == Code.CONFIG
    assert "MAST_AGENT_TIMEOUT" in caught.value.message
    assert "MAST_AGENT_TIMEOUT" in caught.value.remedy


@pytest.mark.parametrize(("text", "seconds"), [("1", 1), ("0.5", 0.5), ("1e3", 1000), ("", 300)])
def test_timeout(text: str, seconds: float) -> None:
    """A number of seconds is taken, an empty variable is none."""
    assert settings.parse_timeout(text) == seconds


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
    assert settings.mast_variables({name: "x"}) == ({name: "x"} if taken else {})


def test_repr_without_secrets() -> None:
    """Settings in a traceback show none of Mast's variables."""
    config = settings.load(Options(), {"DATABASE_URL": CANARY, "SECRET_KEY_BASE": CANARY})
    assert config.mast["DATABASE_URL"] == CANARY
    assert CANARY not in repr(config)


def _mast(**special: str) -> dict[str, str]:
    return {"SECRET_KEY_BASE": "s" * 64, "MAST_VAULT_KEY": VAULT_KEY, **special}


def test_complete() -> None:
    """Mast's variables as they should be are not refused."""
    settings.check_mast(_mast())
    settings.check_mast(_mast(MAST_PUBLIC_URL="https://mast.example", POOL_SIZE="1", PORT="4000"))


@pytest.mark.parametrize("name", ["SECRET_KEY_BASE", "MAST_VAULT_KEY"])
@pytest.mark.parametrize("value", [None, "", "  ", "\n"])
def test_missing(name: str, value: str | None) -> None:
    """A variable that every start needs and that is not there ends with 78 and its name."""
    mast = _mast()
    del mast[name]
    if value is not None:
        mast[name] = value
    with pytest.raises(Failure) as caught:
        settings.check_mast(mast)
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
        settings.check_mast(_mast(**{name: value}))
    failure = caught.value
    assert failure.cause is causes.VARIABLE_MALFORMED
    assert failure.code == Code.CONFIG
    assert name in failure.message
    assert CANARY not in str(failure)
    assert VAULT_KEY.rstrip("=") not in str(failure)
