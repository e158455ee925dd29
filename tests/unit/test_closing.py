"""Taking access away: it is closed and stays closed, or that it is not is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from mast_agent.access import (
    access,
    admission,
    authorized_keys,
    closing,
    revocation,
    self_address,
    sshd_config,
)
from mast_agent.access.admission import Installed
from mast_agent.config.settings import Settings
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.report import record
from mast_agent.report.events import Event
from mast_agent.report.record import Key
from mast_agent.text.redact import Redactor
from unit import builders
from unit.builders import PUBLIC_KEY

USER = "mast-managed"
LINE = authorized_keys.line(PUBLIC_KEY, self_address.LOOPBACK)


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    """Settings with directories of the test's own, and a recorded key."""
    record.save(tmp_path, builders.record(key=Key(id="k", public=PUBLIC_KEY)))
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


@pytest.fixture
def sshd(config: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Path] | None]:
    """What sshd reads for each user: the file that is ours, unless a test says more."""
    files: dict[str, list[Path] | None] = {USER: [config.access_directory / USER]}
    monkeypatch.setattr(sshd_config, "key_files", lambda user: files.get(user, []))
    return files


def _gone(config: Settings) -> list[Path]:
    """Revoke, and return what it says is gone; how long that lasts is said in any case."""
    kind, said = closing.revoke(config)
    assert kind is Event.ACCESS_REVOKED
    what, until = said.split(". It stays so, also over restarts and boots, until: ")
    assert until == "sudo mast-agent access"
    _, _, paths = what.partition("removed ")
    return [Path(path) for path in paths.split(", ") if path]


@pytest.mark.usefixtures("sshd")
def test_revoke(config: Settings) -> None:
    """The key is gone, the mark is there; a second time nothing is left to take, and it stays."""
    authorized_keys.install(config.access_directory, USER, LINE)
    assert _gone(config) == [config.access_directory / USER]
    assert revocation.find(config.access_directory) is not None
    assert _gone(config) == []


@pytest.mark.usefixtures("sshd")
def test_revoking_where_nothing_was_installed(config: Settings) -> None:
    """Also before there is a key, the next start of the unit is kept from installing one."""
    assert _gone(config) == []
    assert revocation.find(config.access_directory) is not None


@pytest.mark.usefixtures("sshd")
def test_directory_that_is_a_link(config: Settings) -> None:
    """Sshd would find the key through it: the link is taken away, and a directory has the mark."""
    elsewhere = config.state_directory / "elsewhere"
    authorized_keys.install(elsewhere, USER, LINE)
    config.access_directory.symlink_to(elsewhere)
    assert _gone(config) == [config.access_directory]
    assert not config.access_directory.is_symlink()
    assert not (config.access_directory / USER).exists()
    assert revocation.find(config.access_directory) is not None


def test_sshd_reads_what_the_link_leads_to(
    config: Settings, sshd: dict[str, list[Path] | None]
) -> None:
    """A key that sshd finds by another way is named, and nothing says that it is closed."""
    elsewhere = config.state_directory / "elsewhere"
    authorized_keys.install(elsewhere, USER, LINE)
    config.access_directory.symlink_to(elsewhere)
    sshd[USER] = [elsewhere / USER]
    with pytest.raises(Failure) as caught:
        closing.revoke(config)
    assert (caught.value.cause, caught.value.code) == (causes.ACCESS_KEY_ELSEWHERE, Code.CONFIG)
    assert str(elsewhere / USER) in caught.value.message
    assert "sudo mast-agent access --revoke" in caught.value.remedy
    assert revocation.find(config.access_directory) is not None
    (elsewhere / USER).unlink()
    assert _gone(config) == []


def test_another_directory_than_sshds(
    config: Settings, sshd: dict[str, list[Path] | None], tmp_path: Path
) -> None:
    """With --access-directory beside the one that sshd reads, the key in that is found."""
    authorized_keys.install(tmp_path / "sshds", USER, LINE)
    sshd[USER] = [tmp_path / "sshds" / USER]
    with pytest.raises(Failure) as caught:
        closing.revoke(config)
    assert caught.value.cause is causes.ACCESS_KEY_ELSEWHERE


@pytest.mark.parametrize("text", ["", "# a comment\n\n   # another\n"])
def test_file_without_a_key(
    config: Settings, sshd: dict[str, list[Path] | None], tmp_path: Path, text: str
) -> None:
    """A file of sshd's that has no key in it, or is none, lets nobody in."""
    (tmp_path / "a").write_text(text)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "c")
    sshd[USER] = [tmp_path / name for name in "abcd"]
    assert _gone(config) == []


def test_account_with_keys_of_its_own(
    config: Settings, sshd: dict[str, list[Path] | None], tmp_path: Path
) -> None:
    """Of another account it is Mast's key that counts, with whatever options before it."""
    config = Settings(**{**vars(config), "mast": {"MAST_SELF_USER": "ubuntu"}})
    file = tmp_path / "authorized_keys"
    file.write_text("ssh-rsa AAAA me@home\n")
    sshd["ubuntu"] = [file]
    assert _gone(config) == []
    file.write_text(f"ssh-rsa AAAA me@home\n no-pty {PUBLIC_KEY} mast@web1\n")
    with pytest.raises(Failure) as caught:
        closing.revoke(config)
    assert caught.value.cause is causes.ACCESS_KEY_ELSEWHERE
    (tmp_path / record.FILE_NAME).unlink()
    assert _gone(config) == [], "which of its keys would be Mast's is not known"


def test_sshd_that_does_not_tell(config: Settings, sshd: dict[str, list[Path] | None]) -> None:
    """Without sshd, or without root, what is ours is taken away."""
    sshd[USER] = None
    authorized_keys.install(config.access_directory, USER, LINE)
    assert _gone(config) == [config.access_directory / USER]


@pytest.mark.usefixtures("sshd")
def test_key_that_stays(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that cannot be removed is a failure with its path; the mark is left all the same."""
    authorized_keys.install(config.access_directory, USER, LINE)
    path = config.access_directory / USER
    stayed = [(path, OSError(errno.EROFS, "Read-only file system"))]
    monkeypatch.setattr(authorized_keys, "remove", lambda _: ([], stayed))
    with pytest.raises(Failure) as caught:
        closing.revoke(config)
    assert (caught.value.cause, caught.value.code) == (causes.ACCESS_DENIED, Code.NOPERM)
    assert str(path) in caught.value.message
    assert revocation.find(config.access_directory) is not None


@pytest.mark.usefixtures("sshd")
def test_malformed_user_keeps_no_door_open(config: Settings) -> None:
    """What MAST_SELF_USER is cannot be in the way of closing."""
    config = Settings(**{**vars(config), "mast": {"MAST_SELF_USER": "../x"}})
    authorized_keys.install(config.access_directory, USER, LINE)
    assert _gone(config) == [config.access_directory / USER]


@pytest.mark.usefixtures("sshd")
def test_revoked_while_a_key_is_being_installed(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit that looked for the mark too early takes back what it has installed."""

    def install(_: Settings) -> Installed:
        authorized_keys.install(config.access_directory, USER, LINE)
        assert revocation.leave(config.access_directory) is None
        return Installed(login=access.login({}), sources=self_address.LOOPBACK, changed=True)

    monkeypatch.setattr(admission, "install", install)
    monkeypatch.setattr(admission, "examine", lambda *_: None)
    granted = closing.grant(config, None, Redactor(()), by_hand=False)
    assert granted.kind is Event.ACCESS_REVOKED
    assert granted.said.startswith("not left open: access was revoked on ")
    assert not (config.access_directory / USER).exists()
