"""What sshd's configuration means for Mast's login, by `sshd -T -C`, sshd(8).

sshd itself reads its files, with all Includes and Matches; here its answer is judged. The result
is a prediction, whose sentences name the setting. A login shows whether it is right (`trial`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mast_agent.access.access import Login
    from mast_agent.access.account import Account
    from mast_agent.text.redact import Redactor

SECONDS = 5.0
"""How long sshd may take to print its settings."""
_KEY_TYPE = "ssh-ed25519"
_RELOAD = "then: systemctl reload ssh"
_PACKAGED_RULE = Path("/usr/share/mast-agent/systemd/sshd.conf")
_RULE = Path("/etc/ssh/sshd_config.d/mast-agent.conf")

Effective = dict[str, list[str]]
"""Each keyword, in lower case, with its values in the order that sshd prints them."""


def ask(login: Login, source: str, redactor: Redactor) -> Effective | str:
    """Return what holds for a login of this user from `source`; or why sshd does not say it."""
    program = tool.find("sshd")
    if program is None:
        return "there is no sshd to ask"
    connection = f"user={login.user},host={source},addr={source},laddr={source},lport={login.port}"
    try:
        ended = tool.run([program, "-T", "-C", connection], seconds=SECONDS)
    except OSError as error:
        return f"{program} cannot be run: {error.strerror}"
    if ended.code != 0:
        return f"sshd -T: {redactor.quote(ended.err.strip().partition(chr(10))[0])}"
    return parse(ended.out)


def parse(text: str) -> Effective:
    """Return the settings in what `sshd -T` prints: a keyword and a value on each line."""
    found: Effective = {}
    for line in text.splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword:
            found.setdefault(keyword.lower(), []).append(value)
    return found


def problems(
    effective: Effective, login: Login, source: str, account: Account, key_file: Path
) -> Iterator[Failure]:
    """Yield what keeps this login out, the first gate first."""
    yield from _port(effective, login)
    yield from _lists(effective, login, source, account)
    yield from _account(effective, account)
    if _first(effective, "pubkeyauthentication") == "no":
        yield Failure(
            causes.SSHD_PUBKEY_OFF,
            f"sshd admits no keys for {login.user} (PubkeyAuthentication no)",
        )
    accepted = _first(effective, "pubkeyacceptedalgorithms")
    if accepted and _KEY_TYPE not in accepted.split(","):
        yield Failure(
            causes.SSHD_PUBKEY_OFF,
            f"sshd admits no keys of type {_KEY_TYPE} (PubkeyAcceptedAlgorithms)",
            remedy=f"Add {_KEY_TYPE} to PubkeyAcceptedAlgorithms in sshd_config, {_RELOAD}",
        )
    files = " ".join(effective.get("authorizedkeysfile", [])).split()
    if files and not _names(files, key_file, login.user):
        yield Failure(
            causes.SSHD_KEY_FILE,
            f"sshd reads the keys of {login.user} from {' '.join(files)} and not from {key_file}",
            remedy=_include_remedy(),
        )
    yield from _methods(effective, login)
    forced = _first(effective, "forcecommand")
    if forced not in ("", "none"):
        yield Failure(
            causes.SSHD_COMMAND_FORCED,
            f"sshd runs another command than Mast's for {login.user} (ForceCommand)",
        )


def _include_remedy() -> str | None:
    """Return what brings the rule of our package to sshd, None where it is not the package's."""
    if not _PACKAGED_RULE.exists():
        return None
    if _RULE.exists():
        command = f"sed -i '1i Include {_RULE.parent}/*.conf' {_RULE.parents[1]}/sshd_config"
    else:
        command = f"ln -sfT {_PACKAGED_RULE} {_RULE}"
    return f"As root: {command} && systemctl reload ssh"


def _first(effective: Effective, keyword: str) -> str:
    return effective.get(keyword, [""])[0]


def _port(effective: Effective, login: Login) -> Iterator[Failure]:
    ports = effective.get("port", [])
    if ports and str(login.port) not in ports:
        yield Failure(
            causes.SSHD_OTHER_PORT,
            f"sshd listens on port {', '.join(ports)}, and Mast logs in at port {login.port}",
            remedy=f"Set MAST_SELF_PORT={ports[0]} for Mast and the agent, "
            "then: systemctl restart --no-block mast-agent",
        )


def _lists(effective: Effective, login: Login, source: str, account: Account) -> Iterator[Failure]:
    """Yield what the four lists say, in the order in which sshd goes through them."""
    users = _entries(effective, "denyusers")
    if any(_is_user(each, login.user, source) for each in users):
        yield _listed("DenyUsers", users, login.user, "takes out")
    users = _entries(effective, "allowusers")
    if users and not any(_is_user(each, login.user, source) for each in users):
        yield _listed("AllowUsers", users, login.user, "does not name")
    groups = _entries(effective, "denygroups")
    if any(_matches(group, pattern) for group in account.groups for pattern in groups):
        yield _listed("DenyGroups", groups, login.user, "takes out")
    groups = _entries(effective, "allowgroups")
    if groups and not any(
        _matches(group, pattern) for group in account.groups for pattern in groups
    ):
        yield _listed("AllowGroups", groups, login.user, "does not name a group of")


def _listed(keyword: str, entries: Sequence[str], user: str, verb: str) -> Failure:
    if keyword.startswith("Allow"):
        remedy = f"Add {user} to {keyword} in sshd_config, {_RELOAD}"
    else:
        remedy = f"Take what names {user} out of {keyword} in sshd_config, {_RELOAD}"
    return Failure(
        causes.SSHD_USER_REFUSED,
        f"sshd's {keyword} ({' '.join(entries)}) {verb} {user}",
        remedy=remedy,
    )


def _entries(effective: Effective, keyword: str) -> list[str]:
    """Return the patterns of a list; sshd prints one a line, older ones several."""
    return [each for value in effective.get(keyword, []) for each in value.split()]


def _is_user(pattern: str, user: str, source: str) -> bool:
    """Tell whether USER or USER@HOST means this login: ssh_config(5), PATTERNS."""
    name, at, host = pattern.rpartition("@")
    if not at:
        return _matches(user, pattern)
    return _matches(user, name) and _matches(source, host)


def _matches(text: str, pattern: str) -> bool:
    """Match as sshd does: `*` and `?` are all that is special."""
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, text) is not None


def _account(effective: Mapping[str, list[str]], account: Account) -> Iterator[Failure]:
    if account.shell_problem:
        yield Failure(
            causes.ACCOUNT_SHELL,
            f"the shell of {account.name}, {account.shell}, {account.shell_problem}",
            remedy=f"Give it one, as root: usermod -s /bin/sh {account.name}",
        )
    if account.expired:
        yield Failure(
            causes.ACCOUNT_EXPIRED,
            f"the account {account.name} has expired",
            remedy=f"Let it live on, as root: usermod -e '' {account.name}",
        )
    if account.locked and effective.get("usepam", ["no"])[0] == "no":
        yield Failure(
            causes.ACCOUNT_LOCKED,
            f"the account {account.name} has no password, which sshd takes for locked (UsePAM no)",
            remedy=f"As root: usermod -p '*' {account.name}, which is no password either",
        )


def _names(files: Sequence[str], key_file: Path, user: str) -> bool:
    """Tell whether one of AuthorizedKeysFile's patterns means the file: %u, %%, sshd_config(5)."""
    expanded = (each.replace("%u", user).replace("%%", "%") for each in files)
    return str(key_file) in expanded


def _methods(effective: Effective, login: Login) -> Iterator[Failure]:
    methods = " ".join(effective.get("authenticationmethods", [])).split()
    if methods and not {"any", "publickey"} & set(methods):
        yield Failure(
            causes.SSHD_METHODS,
            f"sshd wants more of {login.user} than a key (AuthenticationMethods "
            f"{' '.join(methods)})",
        )
