"""Settings: what comes from where, which one wins, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from mast_agent.config import settings
from mast_agent.config.settings import Options
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure

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
        *((text, False) for text in ("no", "No", "false", "0", "off", "n", "f")),
    ],
)
def test_boolean(text: str, *, expected: bool) -> None:
    """What systemd takes for a boolean is one."""
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


def test_salvage(tmp_path: Path) -> None:
    """Where the file cannot be read, everything else of the settings is still there."""
    config = settings.salvage(
        Options(env_file=tmp_path / "gone"),
        {"RUNTIME_DIRECTORY": "/runtime", "MAST_AGENT_TIMEOUT": "x", "DATABASE_URL": "env"},
    )
    assert config.runtime_directory == Path("/runtime")
    assert config.timeout == settings.DEFAULT_TIMEOUT
    assert config.mast == {"DATABASE_URL": "env"}


@pytest.mark.parametrize(
    "text", ["0", "-1", "nan", "infinity", "1e3", "5M 10y", "11y", "0x10", "1,5", "soon"]
)
def test_malformed_timeout(text: str) -> None:
    """A timeout that is no finite time span above zero ends with 78; name and value are said."""
    with pytest.raises(Failure) as caught:
        settings.load(Options(), {"MAST_AGENT_TIMEOUT": text})
    assert caught.value.cause is causes.SETTING_MALFORMED
    assert caught.value.code == Code.CONFIG
    assert f"MAST_AGENT_TIMEOUT: '{text}' is" in caught.value.message
    assert "MAST_AGENT_TIMEOUT" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("maybe", "'maybe'"),
        ("a\nb\x1b[31m\u202e", "'a\\x0ab\\x1b[31m\\u202e'"),
        ("x" * 300, f"'{'x' * 20}…'"),
    ],
    ids=["word", "control characters", "long"],
)
@pytest.mark.parametrize("name", ["MAST_AGENT_TIMEOUT", "MAST_AGENT_ACCESS"])
def test_a_refused_value_is_quoted(name: str, text: str, shown: str) -> None:
    """A refusal quotes the value, on one line, and the beginning of a long one."""
    with pytest.raises(Failure) as caught:
        settings.load(Options(), {name: text})
    assert caught.value.message.startswith(f"{name}: {shown} is ")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1", 1), ("0.5", 0.5), ("5m", 300), ("300s", 300), ("1min 30s", 90), ("", 300)],
)
def test_timeout(text: str, seconds: float) -> None:
    """A time span is taken as systemd has it, an empty variable is none."""
    config = settings.load(Options(), {"MAST_AGENT_TIMEOUT": text})
    assert config.timeout == seconds
    assert config.timeout_given is bool(text)


OWN = {
    "MAST_BIN": "/file/mast",
    "MAST_AGENT_TIMEOUT": "12",
    "MAST_AGENT_ACCESS": "yes",
    "MAST_AGENT_ACCESS_DIRECTORY": "/file/access",
    "MAST_AGENT_USER": "file",
}


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Make an environment file that has all of the agent's own settings."""
    file = tmp_path / "own.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in OWN.items()))
    return file


def test_settings_in_the_file(env_file: Path) -> None:
    """Each of the agent's own settings may stand in the file, and none of them is Mast's then."""
    config = settings.load(Options(env_file=env_file), dict.fromkeys(OWN, ""))
    assert (config.mast_bin, config.timeout, config.timeout_given) == ("/file/mast", 12, True)
    assert (config.access, config.access_directory) == (True, Path("/file/access"))
    assert config.user == "file"
    assert config.mast == {}
    assert config.overruled == ()


def test_environment_wins_over_the_file_for_the_agents_own(env_file: Path) -> None:
    """The environment wins, and what the file has in vain is said, without any value."""
    environ = {
        "MAST_BIN": "/environment/mast",
        "MAST_AGENT_TIMEOUT": "13",
        "MAST_AGENT_ACCESS": "no",
        "MAST_AGENT_ACCESS_DIRECTORY": "/environment/access",
        "MAST_AGENT_USER": "file",
    }
    config = settings.load(Options(env_file=env_file), environ)
    assert (config.mast_bin, config.timeout, config.access) == ("/environment/mast", 13, False)
    assert config.access_directory == Path("/environment/access")
    # The user is the same in both.
    assert len(config.overruled) == 4
    assert all(f" in {env_file} has no effect" in what for what in config.overruled)
    assert "yes" not in str(config.overruled)


def test_directories_are_the_service_managers(tmp_path: Path) -> None:
    """STATE_DIRECTORY and RUNTIME_DIRECTORY count from the environment, never from the file."""
    file = tmp_path / "mast.env"
    file.write_text("STATE_DIRECTORY=/file\nRUNTIME_DIRECTORY=/file\n")
    config = settings.load(Options(env_file=file), {})
    assert config.state_directory == settings.DEFAULT_STATE_DIRECTORY
    assert config.runtime_directory == settings.DEFAULT_RUNTIME_DIRECTORY
    assert config.mast == {}


@pytest.mark.parametrize("line", ["MAST_AGENT_TIMEOUT=soon", "MAST_AGENT_ACCESS=perhaps"])
def test_malformed_in_the_file(tmp_path: Path, line: str) -> None:
    """A malformed setting is reported with the file that it is in; the rest is still there."""
    file = tmp_path / "mast.env"
    file.write_text(f"{line}\nMAST_BIN=/file/mast\nDATABASE_URL=file\n")
    name, _, value = line.partition("=")
    with pytest.raises(Failure) as caught:
        settings.load(Options(env_file=file), {})
    assert caught.value.cause is causes.SETTING_MALFORMED
    assert caught.value.message.startswith(f"{name} in {file}: '{value}' is ")
    assert f"Correct {name} in {file}" in caught.value.remedy
    config = settings.salvage(Options(env_file=file), {})
    assert (config.timeout, config.access, config.mast_bin) == (300, False, "/file/mast")
    assert config.mast == {"DATABASE_URL": "file"}


@pytest.mark.parametrize(
    ("option", "environ"),
    [
        (None, {"MAST_AGENT_ENV_FILE": ""}),
        ("", {}),
        ("", {"MAST_AGENT_ENV_FILE": "/nonexistent"}),
    ],
)
def test_no_file(tmp_path: Path, option: Literal[""] | None, environ: dict[str, str]) -> None:
    """Named, but empty, means no file at all, not the default one either."""
    (tmp_path / "default.env").write_text("PORT=default\n")
    assert settings.load(Options(), {}).mast == {"PORT": "default"}
    assert settings.load(Options(env_file=option), environ).mast == {}
    assert settings.salvage(Options(env_file=option), environ).mast == {}


def test_another_file_in_the_file(tmp_path: Path) -> None:
    """The file that is read names no other one."""
    file = tmp_path / "mast.env"
    file.write_text("MAST_AGENT_ENV_FILE=/nonexistent\nPORT=1\n")
    assert settings.load(Options(env_file=file), {}).mast == {"PORT": "1"}


def test_repr_without_secrets() -> None:
    """Settings in a traceback show none of Mast's variables."""
    config = settings.load(Options(), {"DATABASE_URL": CANARY, "SECRET_KEY_BASE": CANARY})
    assert config.mast["DATABASE_URL"] == CANARY
    assert CANARY not in repr(config)
