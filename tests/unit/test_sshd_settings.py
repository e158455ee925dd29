"""What sshd's own account of its settings means for Mast's login."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mast_agent.access import sshd_settings
from mast_agent.access.access import Login
from mast_agent.access.account import Account
from mast_agent.host import tool
from mast_agent.host.tool import Ended
from mast_agent.text.redact import Redactor

USER = "mast-managed"
LOGIN = Login(host="127.0.0.1", port=22, user=USER)
KEY_FILE = Path("/var/lib/mast-agent-access") / USER
#: The lines that matter of what `sshd -T` of OpenSSH 10.0 prints for a host that is set up.
GOOD = """\
port 22
addressfamily any
listenaddress 0.0.0.0:22
usepam yes
pubkeyauthentication yes
forcecommand none
pubkeyacceptedalgorithms ssh-ed25519,rsa-sha2-512
authorizedkeysfile /var/lib/mast-agent-access/%u
authenticationmethods publickey
"""


def _account(**special: Any) -> Account:
    plain = {
        "name": USER,
        "groups": frozenset({USER, "systemd-journal"}),
        "shell": "/bin/bash",
        "shell_problem": "",
        "locked": True,
        "expired": False,
    }
    return Account(**{**plain, **special})


def _causes(more: str = "", without: str = "", **special: Any) -> list[str]:
    lines = [line for line in GOOD.splitlines() if not (without and line.startswith(without))]
    effective = sshd_settings.parse("\n".join([*lines, *more.splitlines()]))
    found = sshd_settings.problems(effective, LOGIN, "127.0.0.1", _account(**special), KEY_FILE)
    return [failure.cause.slug for failure in found]


def test_nothing_keeps_it_out() -> None:
    """A locked password is none, where PAM decides."""
    assert _causes() == []


@pytest.mark.parametrize(
    ("without", "line", "cause"),
    [
        ("port", "port 2222", "sshd-other-port"),
        ("", "allowusers bob", "sshd-user-refused"),
        ("", f"allowusers {USER}@10.0.0.1", "sshd-user-refused"),
        ("", f"denyusers {USER}", "sshd-user-refused"),
        ("", "denyusers mast-*", "sshd-user-refused"),
        ("", "denyusers *@127.0.0.?", "sshd-user-refused"),
        ("", "denygroups systemd-*", "sshd-user-refused"),
        ("", "allowgroups admins", "sshd-user-refused"),
        ("usepam", "usepam no", "account-locked"),
        ("pubkeyauthentication", "pubkeyauthentication no", "sshd-pubkey-off"),
        ("pubkeyaccepted", "pubkeyacceptedalgorithms rsa-sha2-512", "sshd-pubkey-off"),
        ("authorizedkeysfile", "authorizedkeysfile .ssh/authorized_keys", "sshd-key-file"),
        ("authorizedkeysfile", "authorizedkeysfile none", "sshd-key-file"),
        ("authenticationmethods", "authenticationmethods publickey,password", "sshd-methods"),
        ("forcecommand", "forcecommand internal-sftp", "sshd-command-forced"),
    ],
)
def test_each_gate(without: str, line: str, cause: str) -> None:
    """Every rule by which sshd keeps a user out is named as itself."""
    assert _causes(line, without) == [cause]


@pytest.mark.parametrize(
    "line",
    [
        f"allowusers bob\nallowusers {USER}",
        f"allowusers bob {USER}",
        f"allowusers {USER}@127.0.0.1",
        "allowusers mast-*",
        "denyusers bob",
        f"denyusers {USER}@10.*",
        "allowgroups systemd-journal",
        "denygroups admins",
        # Only * and ? are special: a name with a bracket or a dot is that name.
        "denyusers [m]ast-managed",
        "denyusers mast.managed",
    ],
)
def test_lists_that_let_it_in(line: str) -> None:
    """The lists are matched as sshd does."""
    assert _causes(line) == []


@pytest.mark.parametrize(
    "methods", ["any", "publickey", "password publickey", "publickey,x publickey"]
)
def test_methods_that_let_it_in(methods: str) -> None:
    """One list of methods that a key alone fulfils is enough."""
    assert _causes(f"authenticationmethods {methods}", "authenticationmethods") == []


@pytest.mark.parametrize(
    "files",
    [str(KEY_FILE), "/var/lib/mast-agent-access/%u", ".ssh/keys /var/lib/mast-agent-access/%u"],
)
def test_files_that_let_it_in(files: str) -> None:
    """The file of keys may be one of several, and be named by a pattern."""
    assert _causes(f"authorizedkeysfile {files}", "authorizedkeysfile") == []


def test_account() -> None:
    """What the account lacks is named, with the command that mends it."""
    assert _causes(shell_problem="lets nobody log in") == ["account-shell"]
    assert _causes(expired=True) == ["account-expired"]
    assert _causes("usepam no", "usepam", locked=None) == []
    assert _causes("usepam no", "usepam", locked=False) == []


def test_the_first_gate_comes_first() -> None:
    """Of several, the one that sshd comes to first is the first."""
    found = _causes("denyusers *\nforcecommand id", "forcecommand", expired=True)
    assert found == ["sshd-user-refused", "account-expired", "sshd-command-forced"]


def test_every_remedy_can_be_carried_out() -> None:
    """It names the user, or the setting, and what has sshd take it in."""
    effective = sshd_settings.parse(f"{GOOD}denyusers {USER}\nallowgroups x")
    found = list(sshd_settings.problems(effective, LOGIN, "127.0.0.1", _account(), KEY_FILE))
    assert len(found) == 2
    for failure in found:
        assert USER in failure.remedy
        assert "systemctl reload ssh" in failure.remedy


def _asked(monkeypatch: pytest.MonkeyPatch, program: str | None, ended: Ended | OSError) -> Any:
    """Return what is learned from an sshd that ends so."""

    def run(argv: list[str], *, seconds: float) -> Ended:
        assert argv[:3] == [program, "-T", "-C"]
        assert f"user={USER},host=127.0.0.1," in f"{argv[3]},"
        assert seconds > 0
        if isinstance(ended, OSError):
            raise ended
        return ended

    monkeypatch.setattr(tool, "find", lambda _: program)
    monkeypatch.setattr(tool, "run", run)
    return sshd_settings.ask(LOGIN, "127.0.0.1", Redactor(["secret-canary"]))


def test_sshd_is_asked_about_this_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds may depend on who comes from where: Match in sshd_config."""
    found = _asked(monkeypatch, "/usr/sbin/sshd", Ended(code=0, out=GOOD, err=""))
    assert found == sshd_settings.parse(GOOD)


@pytest.mark.parametrize(
    ("program", "ended", "why"),
    [
        (None, OSError(), "there is no sshd to ask"),
        ("/x/sshd", OSError(13, "Permission denied"), "/x/sshd cannot be run: Permission denied"),
        ("/x/sshd", Ended(code=255, out="", err="no hostkeys\nmore"), "sshd -T: no hostkeys"),
        ("/x/sshd", Ended(code=1, out="", err="a secret-canary\n"), "sshd -T: a [redacted]"),
    ],
)
def test_an_sshd_that_does_not_say_it(
    monkeypatch: pytest.MonkeyPatch, program: str | None, ended: Ended | OSError, why: str
) -> None:
    """The reason is returned in sshd's own words, the first line of them, without a secret."""
    assert _asked(monkeypatch, program, ended) == why


@pytest.mark.parametrize(
    ("packaged", "linked", "command"),
    [(True, False, "ln -sfT "), (True, True, "sed -i '1i Include "), (False, False, None)],
)
def test_remedy_for_the_rule_of_the_package(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str | None,
    *,
    packaged: bool,
    linked: bool,
) -> None:
    """The rule is linked; where it is already, sshd_config has to include it."""
    for name, there in (("_PACKAGED_RULE", packaged), ("_RULE", linked)):
        path = tmp_path / f"{name}.conf"
        if there:
            path.touch()
        monkeypatch.setattr(sshd_settings, name, path)
    effective = sshd_settings.parse(GOOD.replace("/var/lib/mast-agent-access/%u", ".ssh/keys"))
    (failure,) = sshd_settings.problems(effective, LOGIN, "127.0.0.1", _account(), KEY_FILE)
    assert failure.cause.slug == "sshd-key-file"
    if command is None:
        assert "As root: " not in failure.remedy
    else:
        assert f"As root: {command}" in failure.remedy
        assert failure.remedy.endswith("systemctl reload ssh")


def test_empty_lines_are_no_settings() -> None:
    """A keyword may come several times, in any case; what is empty says nothing."""
    found = sshd_settings.parse("\nPort 22\n  \nport 2222\nbanner\n")
    assert found == {"port": ["22", "2222"], "banner": [""]}
