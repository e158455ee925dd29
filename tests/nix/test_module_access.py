"""How Mast gets into the host that it enrolled: the user, sshd's rule, sudo, and nothing more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nix.evaluator import Nix

ENABLED = 'enable = true; selfManage = true; environmentFile = "/run/secrets/mast.env";'
KEYS = "/var/lib/mast-agent-access"

WITH_ACCESS = {
    "self-managed",
    "self-managed-external",
    "settings",
    "other-environment-file",
    "sudo",
    "operators-sshd",
    "another-modules-sshd",
    "other-ssh-port",
    "other-ssh-address",
    "no-ipv6",
}
#: Those in which somebody else has turned sshd on.
OTHERS_SSHD = {"operators-sshd", "another-modules-sshd", "other-ssh-port", "other-ssh-address"}

RULE = """\
Match User mast-managed
    AuthorizedKeysFile /var/lib/mast-agent-access/%u
    AuthorizedKeysCommand none
    PubkeyAuthentication yes
    AuthenticationMethods publickey
    DisableForwarding yes
    X11Forwarding no
    PermitTTY no
    PermitUserRC no
Match all
"""

#: What the operator writes beside services.mast: (the fault, the remedy)
WARNED = {
    "services.openssh.enable = false;": (
        "services.openssh.enable is false",
        "Remove services.openssh.enable",
    ),
    "services.openssh.enable = lib.mkDefault false;": (
        "services.openssh.enable is false",
        "or set services.mast.selfManageAccess = false;",
    ),
    "services.openssh = { enable = true; listenAddresses = [ { addr = ADDRESS; } ]; };".replace(
        "ADDRESS", '"192.0.2.7"'
    ): (
        "services.openssh.listenAddresses has neither a loopback address nor a wildcard of IPv4",
        'Add { addr = "127.0.0.1"; } to services.openssh.listenAddresses',
    ),
    # Mast's SSH client has no address of IPv6.
    'services.openssh = { enable = true; listenAddresses = [ { addr = "[::1]"; } ]; };': (
        "Mast reaches hosts over IPv4 alone",
        'Add { addr = "127.0.0.1"; } to services.openssh.listenAddresses',
    ),
    'services.openssh = { enable = true; listenAddresses = [ { addr = "::"; port = 22; } ]; };': (
        "Mast reaches hosts over IPv4 alone",
        "or set services.mast.selfManageAccess = false;",
    ),
    'services.openssh = { enable = true; settings.AddressFamily = "inet6"; };': (
        'AddressFamily is "inet6", and Mast reaches hosts over IPv4 alone',
        "Remove services.openssh.settings.AddressFamily",
    ),
    'services.openssh.settings.AllowUsers = [ "root" "alice@192.0.2.0/24" ];': (
        "services.openssh.settings.AllowUsers does not admit mast-managed",
        'Add "mast-managed" to services.openssh.settings.AllowUsers',
    ),
    'services.openssh.settings.AllowGroups = [ "wheel" ];': (
        "services.openssh.settings.AllowGroups does not admit mast-managed",
        'Add "mast-managed" to services.openssh.settings.AllowGroups',
    ),
    'services.mast.selfManageSudo = [ "files" ]; security.sudo.enable = false;': (
        "services.mast.selfManageSudo has no effect",
        "Set security.sudo.enable = true",
    ),
}

#: What looks alike, and lets Mast in.
SILENT = [
    'services.openssh.settings.AllowUsers = [ "root" "mast-managed@127.0.0.1" ];',
    'services.openssh.settings.AllowUsers = [ "mast-*" ];',
    'services.openssh.settings.AllowGroups = [ "systemd-journal" ];',
    """services.openssh.settings.AllowGroups = [ "remote" ];
       users.users.mast-managed.extraGroups = [ "remote" ];""",
    'services.openssh = { enable = true; listenAddresses = [ { addr = "0.0.0.0"; } ]; };',
    """services.openssh = {
         enable = true;
         listenAddresses = [ { addr = "::"; } { addr = "0.0.0.0"; } ];
       };""",
    'services.openssh = { enable = true; settings.AddressFamily = "inet"; };',
    'services.mast.settings.MAST_SELF_USER = "mast-managed";',
    "services.mast.selfManageAccess = false; services.openssh.enable = false;",
]


def beside(nix: Nix, text: str) -> Any:
    """Evaluate a self-managed Mast beside what else is configured."""
    return nix(
        f"harness.evaluate ({{ lib, ... }}: {{ imports = ["
        f" {{ services.mast = {{ {ENABLED} }}; }} {{ {text} }} ]; }})"
    )


def test_user(configurations: Any) -> None:
    """With access there is one system user without a password, in no group but the journal's."""
    for name, made in configurations.items():
        if name not in WITH_ACCESS:
            assert (made["users"], made["groups"]) == ({}, []), name
            continue
        (user, account), *others = made["users"].items()
        assert (user, others, made["groups"]) == ("mast-managed", [], ["mast-managed"])
        assert account["isSystemUser"] is True
        assert account["initialHashedPassword"] == "*"
        assert (account["group"], account["extraGroups"]) == ("mast-managed", ["systemd-journal"])
        # systemd-sysusers would give any other to the user.
        assert account["home"] == "/var/empty"
        assert account["shell"].endswith("-bashInteractive")


def test_rule_for_sshd(configurations: Any) -> None:
    """With access sshd's configuration ends in the rule for this user; without there is none."""
    for name, made in configurations.items():
        if name in WITH_ACCESS:
            assert made["sshdConfig"].rstrip("\n").endswith(RULE.rstrip("\n")), name
            assert made["sshdConfig"].count("Match ") == 2
        else:
            assert "Match" not in made["sshdConfig"], name


def test_the_rule_passes_a_here_document(configurations: Any) -> None:
    """NixOS writes the file by an unquoted here-document: nothing in it is special to a shell."""
    assert not re.search(r"[$`\\]", RULE)
    assert "mast-agent-access/%u" in configurations["self-managed"]["sshdConfig"]


def test_the_rule_comes_after_what_others_add(configurations: Any) -> None:
    """Many directives are refused after a Match, so the rule is behind what an operator adds."""
    lines = configurations["operators-sshd"]["sshdConfig"].splitlines()
    assert lines.index("Banner none") < lines.index("Match User mast-managed")


def test_an_sshd_of_its_own_is_for_the_loopback(configurations: Any) -> None:
    """Where nobody else asked for sshd, no other machine can reach it."""
    for name in WITH_ACCESS - OTHERS_SSHD:
        made = configurations[name]
        addresses = [each["addr"] for each in made["listenAddresses"]]
        assert made["sshd"] is True
        assert made["openFirewall"] is False
        assert made["ports"] == []
        assert addresses == (["127.0.0.1"] if name == "no-ipv6" else ["127.0.0.1", "[::1]"])


@pytest.mark.parametrize("name", sorted(OTHERS_SSHD))
def test_an_sshd_of_others_stays_as_it_is(configurations: Any, name: str) -> None:
    """Where somebody else asked for sshd, be it by a mkDefault, nobody is locked out."""
    made = configurations[name]
    assert made["sshd"] is True
    assert made["openFirewall"] is True
    addresses = [each["addr"] for each in made["listenAddresses"]]
    assert addresses == (["192.0.2.7", "::", "127.0.0.1"] if name == "other-ssh-address" else [])


@pytest.mark.parametrize("name", ["disabled", "minimal", "external", "without-access"])
def test_without_access_sshd_is_not_touched(configurations: Any, name: str) -> None:
    """Without access sshd is neither turned on nor told anything."""
    made = configurations[name]
    assert (made["sshd"], made["openFirewall"], made["listenAddresses"]) == (False, True, [])


def test_nothing_is_left_without_access(configurations: Any) -> None:
    """The key is removed where access is not wanted, and only there."""
    rule = [f"R {KEYS} - - - - -"]
    for name, made in configurations.items():
        expected = [] if name in {*WITH_ACCESS, "disabled"} else rule
        assert made["tmpfiles"] == expected, name


def test_sudo(configurations: Any) -> None:
    """Nothing may be run as root unless it is asked for, and then these two commands alone."""
    begin = "mast-managed     ALL=(root)    "
    path = "NOPASSWD:NOEXEC: /run/current-system/sw/bin"
    assert configurations["sudo"]["sudoers"] == (
        f"{begin}{path}/journalctl ^-u [A-Za-z0-9_][A-Za-z0-9@._-]* -f -n 200 --output=cat$, "
        f"{path}/tail ^-n 200 -F /var/log(/[A-Za-z0-9_@-][A-Za-z0-9._@-]*)+$\n"
    )
    others = {made["sudoers"] for name, made in configurations.items() if name != "sudo"}
    assert others == {""}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/var/log/syslog", True),
        ("/var/log/nginx/access.log", True),
        ("/var/log/app@1/out_2.log-old", True),
        ("/var/log", False),
        ("/var/log/", False),
        ("/var/log/../../etc/shadow", False),
        ("/var/log/nginx/..", False),
        ("/var/log/.hidden", False),
        ("/var/log//syslog", False),
        ("/var/logs/syslog", False),
        ("/etc/shadow", False),
        ("/var/log/a /etc/shadow", False),
        ("/var/log/a\n/etc/shadow", False),
        ("/var/log/a --pid=1", False),
    ],
)
def test_files_that_sudo_lets_mast_follow(configurations: Any, path: str, *, allowed: bool) -> None:
    """Only what lies below /var/log is followed, and no second argument gets past."""
    (pattern,) = re.findall(r"/tail \^(.*)\$", configurations["sudo"]["sudoers"])
    assert bool(re.fullmatch(pattern, f"-n 200 -F {path}")) is allowed


@pytest.mark.parametrize("text", WARNED)
def test_warned_of_with_a_remedy(nix: Nix, text: str) -> None:
    """What keeps Mast out gives one warning, for the host is enrolled all the same."""
    fault, remedy = WARNED[text]
    made = beside(nix, text)
    assert made["failed"] == []
    assert len(made["warnings"]) == 1
    assert fault in " ".join(made["warnings"][0].split())
    assert remedy in " ".join(made["warnings"][0].split())


@pytest.mark.parametrize("text", SILENT)
def test_accepted_in_silence(nix: Nix, text: str) -> None:
    """What lets Mast in, and what it need not be let in by, gives no warning."""
    made = beside(nix, text)
    assert (made["failed"], made["warnings"]) == ([], [])


def test_another_user_is_refused(nix: Nix) -> None:
    """With access on, MAST_SELF_USER can be nobody else; with access off it is the operator's."""
    said = 'services.mast.settings.MAST_SELF_USER = "root";'
    (message,) = beside(nix, said)["failed"]
    assert "services.mast.settings.MAST_SELF_USER is not mast-managed" in message
    assert "Remove services.mast.settings.MAST_SELF_USER" in message
    assert beside(nix, said + "services.mast.selfManageAccess = false;")["failed"] == []


def where_tried(made: Any, unit: str = "mast-agent-access") -> dict[str, str]:
    """Return what a unit says of Mast's host and port."""
    pattern = r'Environment="(MAST_SELF_(?:HOST|PORT))=(.*)"'
    return dict(re.findall(pattern, made["units"][unit]))


@pytest.mark.parametrize("name", sorted(WITH_ACCESS))
def test_the_login_is_tried_where_mast_comes(configurations: Any, name: str) -> None:
    """The unit of access has the agent's host and port, and OpenSSH before all else on its PATH."""
    made = configurations[name]
    assert where_tried(made) == where_tried(made, "mast-agent")
    assert where_tried(made).keys() == {"MAST_SELF_PORT"}
    (path,) = re.findall(r'Environment="PATH=([^":]+):', made["units"]["mast-agent-access"])
    assert path.endswith("-openssh/bin")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            'services.mast.settings = { MAST_SELF_HOST = "127.0.0.2"; MAST_SELF_PORT = 22022; };',
            {"MAST_SELF_HOST": "127.0.0.2", "MAST_SELF_PORT": "22022"},
        ),
        ('services.mast.settings.MAST_SELF_PORT = "2022";', {"MAST_SELF_PORT": "2022"}),
        (
            "services.mast.settings = { MAST_SELF_HOST = null; MAST_SELF_PORT = null; };",
            {"MAST_SELF_PORT": "22"},
        ),
        # What is said of the agent's unit alone.
        (
            'systemd.services.mast-agent.environment.MAST_SELF_HOST = "127.0.0.3";',
            {"MAST_SELF_HOST": "127.0.0.3", "MAST_SELF_PORT": "22"},
        ),
    ],
)
def test_the_login_is_tried_where_the_operator_says(
    nix: Nix, text: str, wanted: dict[str, str]
) -> None:
    """What the operator says of the address holds for the trial too, be it a number."""
    made = beside(nix, text)
    assert made["failed"] == []
    assert where_tried(made) == where_tried(made, "mast-agent") == wanted


def test_the_way_back_to_port_22_is_said(configurations: Any) -> None:
    """Only what is set is compared with the row, so port 22 is set too; without access nothing."""
    assert where_tried(configurations["self-managed"], "mast-agent") == {"MAST_SELF_PORT": "22"}
    assert where_tried(configurations["without-access"], "mast-agent") == {}


def test_settings_prevail(nix: Nix) -> None:
    """What the operator says of the address is not overruled by what sshd's options say."""
    made = beside(
        nix,
        """services.openssh = { enable = true; ports = [ 2222 ]; };
           services.mast.settings.MAST_SELF_PORT = 22022;""",
    )
    assert 'Environment="MAST_SELF_PORT=22022"' in made["units"]["mast-agent"]
    assert "2222" not in made["units"]["mast-agent"]


def test_sshd_on_the_loopback_can_be_opened(nix: Nix) -> None:
    """The firewall and the addresses of Mast's own sshd are defaults: saying more is enough."""
    made = beside(nix, "services.openssh = { openFirewall = true; listenAddresses = [ ]; };")
    assert made["ports"] == [22]
    assert made["listenAddresses"] == []


def test_only_known_commands(nix: Nix) -> None:
    """A command that Mast does not run cannot be asked for."""
    said = nix.refusal(
        f'harness.evaluate {{ services.mast = {{ {ENABLED} selfManageSudo = [ "apt" ]; }}; }}'
    )
    assert "services.mast.selfManageSudo" in said
    assert "one of" in said
