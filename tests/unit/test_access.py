"""The host's side of being managed: what is granted, to whom, and what keeps Mast out."""

from __future__ import annotations

import pwd
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent.access import access, admission, authorized_keys, revocation, self_address, sshd
from mast_agent.access.access import Login
from mast_agent.access.admission import Installed
from mast_agent.config.settings import Settings
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.host import identity
from mast_agent.report import record
from mast_agent.report.record import Key
from unit import builders
from unit.builders import PUBLIC_KEY, unit

if TYPE_CHECKING:
    from pathlib import Path

USER = "mast-managed"
LINE = authorized_keys.line(PUBLIC_KEY, self_address.LOOPBACK)
_UIDS = {USER: 998, "other": 997, "root": 0}


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a machine with these accounts, this machine id, and an sshd."""

    def getpwnam(name: str) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", _UIDS[name], 1, "", "/", "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    monkeypatch.setattr(identity, "machine_id", lambda: builders.record().machine)
    monkeypatch.setattr(sshd, "listens", lambda *_: True)


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    """Settings with directories of the test's own."""
    return Settings(
        mast_bin=None,
        timeout=1,
        state_directory=tmp_path,
        runtime_directory=tmp_path,
        access_directory=tmp_path / "keys",
        login_directory=tmp_path / "login",
        access=False,
        mast={},
    )


def _with(config: Settings, **mast: str) -> Settings:
    return Settings(**{**vars(config), "mast": mast})


def _record(config: Settings, public: str | None = PUBLIC_KEY, **special: Any) -> record.Record:
    saved = builders.record(**{"key": Key(id="k", public=public), **special})
    record.save(config.state_directory, saved)
    return saved


@pytest.mark.parametrize(
    ("mast", "expected"),
    [
        ({}, Login(host="127.0.0.1", port=22, user=USER)),
        (
            {"MAST_SELF_HOST": "::1", "MAST_SELF_PORT": "2222", "MAST_SELF_USER": "other"},
            Login(host="::1", port=2222, user="other"),
        ),
        (
            {"MAST_SELF_HOST": "", "MAST_SELF_PORT": "", "MAST_SELF_USER": ""},
            Login(host="127.0.0.1", port=22, user=USER),
        ),
        ({"MAST_SELF_PORT": "٢٢"}, Login(host="127.0.0.1", port=0, user=USER)),
    ],
)
def test_login(mast: dict[str, str], expected: Login) -> None:
    """How Mast logs in is what Mast.Bootstrap makes of the same variables."""
    assert access.login(mast) == expected


def test_grant(config: Settings) -> None:
    """The recorded key is installed for the user; a second time there is nothing to do."""
    _record(config, f"{PUBLIC_KEY} mast@web1")
    expected = Installed(login=access.login({}), sources=self_address.LOOPBACK, changed=True)
    assert admission.install(config) == expected
    assert authorized_keys.read(config.access_directory, USER) == LINE
    assert admission.install(config) == replace(expected, changed=False)


@pytest.mark.parametrize(
    ("special", "cause", "code"),
    [
        ({"machine": "f" * 32}, causes.ACCESS_NOT_ENROLLED, Code.TEMPFAIL),
        ({"key": None}, causes.ACCESS_KEY_UNKNOWN, Code.SOFTWARE),
        ({"key": Key(id="k", public=None)}, causes.ACCESS_KEY_UNKNOWN, Code.SOFTWARE),
        ({"key": Key(id="k", public="ssh-dss A")}, causes.ACCESS_KEY_INVALID, Code.CONFIG),
    ],
)
def test_record_that_grants_nothing(
    config: Settings, special: dict[str, Any], cause: object, code: Code
) -> None:
    """Another machine's record, or one without a good key, leads to nothing being written."""
    _record(config, **special)
    with pytest.raises(Failure) as caught:
        admission.install(config)
    assert (caught.value.cause, caught.value.code) == (cause, code)
    assert not config.access_directory.exists()


@pytest.mark.parametrize(
    ("user", "cause"),
    [
        ("gone", causes.ACCESS_USER_MISSING),
        ("root", causes.ACCESS_USER_MALFORMED),
        ("../x", causes.ACCESS_USER_MALFORMED),
        ("-x", causes.ACCESS_USER_MALFORMED),
        ("x" * 33, causes.ACCESS_USER_MALFORMED),
        ("x\n", causes.ACCESS_USER_MALFORMED),
    ],
)
def test_user_who_may_not_be_opened(config: Settings, user: str, cause: object) -> None:
    """Nothing is written for a user who is missing, root, or no user's name."""
    _record(config)
    if user == "gone":
        _UIDS.pop("gone", None)
    with pytest.raises(Failure) as caught:
        admission.install(_with(config, MAST_SELF_USER=user))
    assert (caught.value.cause, caught.value.code) == (cause, Code.CONFIG)
    assert not config.access_directory.exists()


def test_full_disk(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file system refuses is no bug: 75, with the reason."""
    _record(config)

    def install(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(authorized_keys, "install", install)
    with pytest.raises(Failure) as caught:
        admission.install(config)
    assert caught.value.cause is causes.ACCESS_UNWRITABLE
    assert "No space left on device" in caught.value.message


def test_nothing_is_missing(config: Settings) -> None:
    """With account, key and sshd there is nothing to say."""
    saved = _record(config)
    admission.install(config)
    for recorded in (saved, None):
        seen = access.look(config, recorded)
        assert (seen.key, seen.user_exists, seen.listening) == ("installed", True, True)
        assert seen.failure is None


def test_everything_is_missing(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is listed in the order in which it has to be mended."""
    monkeypatch.setattr(sshd, "listens", lambda *_: False)
    seen = access.look(_with(config, MAST_SELF_USER="gone"), _record(config))
    assert [each.cause for each in seen.problems] == [
        causes.ACCESS_USER_MISSING,
        causes.ACCESS_KEY_ABSENT,
        causes.SSHD_SILENT,
    ]
    assert seen.failure is seen.problems[0]


@pytest.mark.parametrize("listening", [True, None])
def test_unknown_is_not_held_against_it(
    config: Settings, monkeypatch: pytest.MonkeyPatch, *, listening: bool | None
) -> None:
    """Where it cannot be told whether something listens, nothing is claimed."""
    monkeypatch.setattr(sshd, "listens", lambda *_: listening)
    saved = _record(config)
    admission.install(config)
    assert access.look(config, saved).failure is None


def test_login_that_the_agent_published(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no MAST_SELF_* is told by the last run's; one's own settings go first."""
    asked = []
    monkeypatch.setattr(sshd, "listens", lambda *where: asked.append(where))
    told = {"MAST_SELF_HOST": "::1", "MAST_SELF_PORT": "2222"}
    access.look(config, None, told)
    access.look(_with(config, MAST_SELF_PORT="2223"), None, told)
    assert asked == [("::1", 2222), ("::1", 2223)]


def test_other_key_is_outdated(config: Settings) -> None:
    """Another key than the recorded one is named, and by whoever may read the record alone."""
    saved = _record(config)
    authorized_keys.install(config.access_directory, USER, LINE[:-3] + "B=\n")
    seen = access.look(config, saved)
    assert (seen.key, seen.problems[0].cause) == ("outdated", causes.ACCESS_KEY_OUTDATED)
    assert access.look(config, None).key == "installed"


def test_link_is_foreign(config: Settings) -> None:
    """A link in the key's place is not followed, but named."""
    config.access_directory.mkdir()
    (config.access_directory / USER).symlink_to("/etc/passwd")
    seen = access.look(config, None)
    assert (seen.key, seen.problems[0].cause) == ("foreign", causes.ACCESS_PATH_FOREIGN)


def test_key_that_mast_did_not_tell(config: Settings) -> None:
    """Without a reported key that is the reason; an installed one may be right all the same."""
    saved = _record(config, None)
    assert access.look(config, saved).problems[0].cause is causes.ACCESS_KEY_UNKNOWN
    authorized_keys.install(config.access_directory, USER, LINE)
    assert access.look(config, saved).failure is None


@pytest.mark.parametrize(
    ("special", "expected"),
    [
        ({"wanted_by": ("mast-agent.service",)}, True),
        ({"wanted_by": ()}, False),
        ({"wanted_by": ("multi-user.target",)}, False),
        ({"wanted_by": ("mast-agent.service",), "load_state": "masked"}, False),
        ({"load_state": "not-found"}, False),
    ],
)
def test_wanted(config: Settings, special: dict[str, Any], *, expected: bool) -> None:
    """Access is wanted where the unit follows the agent's, or the agent has been told so."""
    found = unit("inactive", **special)
    assert access.wanted(config, found) is expected
    assert access.wanted(Settings(**{**vars(config), "access": True}), found) is True


def test_revoked_is_not_wanted(config: Settings) -> None:
    """Where access was revoked by hand it is not wanted, whatever the unit is, and is said so."""
    assert revocation.leave(config.access_directory) is None
    found = unit("inactive", wanted_by=("mast-agent.service",))
    told = Settings(**{**vars(config), "access": True})
    for each in (
        access.wanted(config, found),
        access.wanted(told, found),
        access.wanted(told, None),
    ):
        assert each is False
    revoked = access.look(config, None).revoked
    assert revoked is not None
    assert "sudo mast-agent access" in str(revoked)


def test_wanted_is_unknown_without_systemd(config: Settings) -> None:
    """Where systemd does not answer, nothing is claimed either way."""
    assert access.wanted(config, None) is None


def test_sentences() -> None:
    """What was done is said with the way back, and doing nothing is said too."""
    done = Installed(login=access.login({}), sources=self_address.LOOPBACK, changed=True)
    assert "with the key that it reported" in str(done)
    assert "nothing to do" in str(replace(done, changed=False))
