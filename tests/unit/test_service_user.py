"""Who the service's user is. Becoming it cannot be undone: that is an integration test's."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

import pytest
from mast_agent.config import service_user, settings
from mast_agent.config.settings import Options
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from unit import builders

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.config.settings import Settings

SOMEBODY = "games"
"""A user that each Debian has, and that runs nothing."""


@pytest.fixture(autouse=True)
def _as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding is a decision on facts, of which being root is one."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def config(state: Path, **options: str) -> Settings:
    """Make settings with that state directory."""
    return settings.load(
        Options(user=options.pop("user", None), state_directory=state), {**options}
    )


def found(state: Path, unit_user: str | None = None, **options: str) -> str | None:
    """Return the name of the user that is found."""
    unit = None if unit_user is None else builders.unit("active", user=unit_user)
    user = service_user.find(config(state, **options), unit)
    return None if user is None else user.name


def test_the_order(tmp_path: Path) -> None:
    """What was said counts, then the unit, then the owner of the state directory."""
    assert found(tmp_path, "daemon", user=SOMEBODY) == SOMEBODY
    assert found(tmp_path, "daemon", MAST_AGENT_USER=SOMEBODY) == SOMEBODY
    assert found(tmp_path, "daemon") == "daemon"
    assert found(tmp_path / "nowhere") is None


@pytest.mark.root
def test_the_owner(tmp_path: Path) -> None:
    """Without a unit it is the owner of the state directory, also behind a link."""
    account = pwd.getpwnam(SOMEBODY)
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to("state")
    os.chown(tmp_path / "state", account.pw_uid, account.pw_gid)
    assert found(tmp_path / "state") == SOMEBODY
    assert found(tmp_path / "link") == SOMEBODY
    assert found(tmp_path / "state", "daemon") == "daemon"


def test_the_account(tmp_path: Path) -> None:
    """Ids and home are those of passwd(5), by number too, and where they are from is said."""
    account = pwd.getpwnam(SOMEBODY)
    for name in (SOMEBODY, str(account.pw_uid)):
        user = service_user.find(config(tmp_path), builders.unit("active", user=name))
        assert user is not None
        assert (user.name, user.uid, user.gid) == (SOMEBODY, account.pw_uid, account.pw_gid)
        assert user.home == account.pw_dir
        assert user.origin == "the user of mast-agent.service"
        assert not user.is_dynamic


def test_the_groups(tmp_path: Path) -> None:
    """Group= and SupplementaryGroups= of the unit count, where there are such groups."""
    account = pwd.getpwnam(SOMEBODY)
    own = set(os.getgrouplist(SOMEBODY, account.pw_gid))
    mail, users = grp.getgrnam("mail").gr_gid, grp.getgrnam("users").gr_gid
    for groups, gid, more in (
        ((), account.pw_gid, set()),
        (("",), account.pw_gid, set()),
        (("", "mail", "no-such-group"), account.pw_gid, {mail}),
        (("users", "mail"), users, {mail, users}),
    ):
        unit = builders.unit("active", user=SOMEBODY, groups=groups)
        user = service_user.find(config(tmp_path), unit)
        assert user is not None
        assert user.gid == gid
        assert user.groups - own == more - own


@pytest.mark.parametrize("user", ["", "root", "0"])
def test_a_unit_of_root(tmp_path: Path, user: str) -> None:
    """A unit that runs as root by choice changes nothing, whoever owns the directory."""
    if os.getuid() == 0:
        os.chown(tmp_path, 12345, 12345)
    assert found(tmp_path, user) is None


def test_root_by_choice(tmp_path: Path) -> None:
    """Root may be told to stay root."""
    assert found(tmp_path, SOMEBODY, user="root") is None


def test_a_unit_that_is_not_there(tmp_path: Path) -> None:
    """What systemd says of a unit that it has not got says nothing."""
    unit = builders.unit("inactive", load_state="not-found", user="daemon")
    assert service_user.find(config(tmp_path), unit) is None


def test_whoever_is_not_root_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For anybody but root nothing changes."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert found(tmp_path, SOMEBODY, user=SOMEBODY) is None
    assert service_user.ask(config(tmp_path, user="no-such-user")) is None


def test_missing(tmp_path: Path) -> None:
    """A user that does not exist is named, with what makes it."""
    with pytest.raises(Failure) as caught:
        found(tmp_path, "no-such-user")
    assert caught.value.cause is causes.SERVICE_USER_MISSING
    assert caught.value.code == Code.CONFIG
    assert "'no-such-user', the user of mast-agent.service" in caught.value.message
    with pytest.raises(Failure, match="--user or MAST_AGENT_USER"):
        found(tmp_path, user="no-such-user")


def test_missing_and_dynamic(tmp_path: Path) -> None:
    """A dynamic user of units that do not run is said to be one, and how to have it."""
    unit = builders.unit("inactive", user="no-such-user", dynamic_user=True)
    with pytest.raises(Failure, match="is a dynamic one") as caught:
        service_user.find(config(tmp_path), unit)
    assert caught.value.cause is causes.SERVICE_USER_MISSING
    assert caught.value.remedy.endswith("-p DynamicUser=yes -p User=no-such-user sleep 60")


@pytest.mark.root
@pytest.mark.parametrize(("uid", "word"), [(65534, "dynamic"), (61999, "dynamic"), (54321, "nobo")])
def test_an_owner_who_is_nobody(tmp_path: Path, uid: int, word: str) -> None:
    """A directory whose owner has no account is no reason to ask as anybody."""
    os.chown(tmp_path, uid, uid)
    with pytest.raises(Failure, match=word) as caught:
        found(tmp_path)
    assert caught.value.cause is causes.SERVICE_USER_MISSING
    assert "--user" in caught.value.remedy


@pytest.mark.parametrize(
    ("shell", "file", "expected"),
    [("root", None, "x"), (None, None, "x"), ("root", "other", "other")],
)
def test_user_is_the_users(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: str | None,
    file: str | None,
    expected: str,
) -> None:
    """USER, which is the role where none is named, is the user's unless the file has one."""
    environ = {} if shell is None else {"USER": shell}
    monkeypatch.delenv("USER", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if file is not None:
        (tmp_path / "env").write_text(f"USER={file}\n")
        environ["MAST_AGENT_ENV_FILE"] = str(tmp_path / "env")
    user = service_user.ServiceUser(name="x", uid=1, gid=1, groups=frozenset(), home="/", origin="")
    changed = service_user.as_user(settings.load(Options(), environ), user)
    assert changed.mast["USER"] == expected
