"""What the module refuses, what it warns of, and what each option's type accepts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from mast_agent.text import redact
from nix.evaluator import ROOT

if TYPE_CHECKING:
    from nix.evaluator import Nix

ENABLED = 'enable = true; environmentFile = "/run/secrets/mast.env";'

# what is configured: (what the message has to name, the remedy that it has to give)
REFUSED = {
    "enable = true;": (
        "services.mast.environmentFile is not set",
        'set services.mast.environmentFile = "/run/secrets/mast.env"',
    ),
    "enable = true; environmentFile = ./secrets.env;": (
        "services.mast.environmentFile lies in the Nix store",
        "write its path as a string",
    ),
    'enable = true; environmentFile = "${builtins.storeDir}/abc-mast.env";': (
        "services.mast.environmentFile lies in the Nix store",
        "agenix and sops-nix",
    ),
    'enable = true; environmentFile = harness.pkgs.runCommand "mast.env" { } "";': (
        "services.mast.environmentFile lies in the Nix store",
        "outside of the",
    ),
    ENABLED + 'database.name = "fleet";': (
        "services.mast.database.name cannot be changed",
        "services.mast.database.createLocally = false;",
    ),
    ENABLED + "settings.ECTO_IPV6 = true;": (
        "services.mast.settings.ECTO_IPV6 cannot be combined",
        "Remove services.mast.settings.ECTO_IPV6",
    ),
    ENABLED + 'settings.SECRET_KEY_BASE = "x"; settings.MAST_VAULT_KEY = "x";': (
        "services.mast.settings contains MAST_VAULT_KEY, SECRET_KEY_BASE",
        "services.mast.environmentFile",
    ),
    ENABLED + 'database.createLocally = false; settings.DATABASE_URL = "ecto://u:p@h/d";': (
        "services.mast.settings contains DATABASE_URL",
        "services.mast.environmentFile",
    ),
    ENABLED + 'settings.SMTP_PASSWORD = "x";': (
        "services.mast.settings contains SMTP_PASSWORD",
        "Move it to the file named by services.mast.environmentFile",
    ),
    ENABLED + 'settings.RELAY = "smtp://user:pw@relay.example.org";': (
        "services.mast.settings contains RELAY",
        "services.mast.environmentFile",
    ),
    ENABLED + "settings.PORT = 4001;": (
        "services.mast.settings contains PORT",
        "Use instead: services.mast.port.",
    ),
    ENABLED + 'settings.MAST_BIN = "/opt/mast/bin/mast"; settings.MAST_AGENT_ACCESS = false;': (
        "services.mast.settings contains MAST_AGENT_ACCESS, MAST_BIN",
        "Use instead: services.mast.selfManageAccess, services.mast.package.",
    ),
    ENABLED + 'settings."NOT-A-NAME" = "x";': (
        "names that no environment variable can have: NOT-A-NAME",
        "letters, digits and underscores",
    ),
}

WARNED = {
    ENABLED + 'database.createLocally = false; database.name = "fleet";': (
        "services.mast.database.name has no effect",
        "remove services.mast.database.name",
    ),
    ENABLED + "openFirewall = true;": (
        'services.mast.host is "localhost"',
        "services.mast.host to the name that their browsers use",
    ),
}

# option: (a value that it must refuse, words of the type in Nix's message)
WRONG_TYPES = {
    "enable": ('"yes"', "boolean"),
    "package": ('"mast"', "package"),
    "agentPackage": ("17", "package"),
    "host": ('""', "non-empty string"),
    "port": ("65536", "16 bit unsigned integer; between 0 and 65535 (both inclusive)"),
    "openFirewall": ("1", "boolean"),
    "environmentFile": ('"mast.env"', "absolute path"),
    "database.createLocally": ('"true"', "boolean"),
    "database.name": ("[ ]", "non-empty string"),
    "selfManage": ("null", "boolean"),
    "selfManageAccess": ('"yes"', "boolean"),
    "selfManageSudo": ('"journal"', "list of"),
    "settings": ("[ ]", "submodule"),
    "settings.MAST_PUBLIC_URL": ('""', "non-empty string"),
    "settings.POOL_SIZE": ("0", "positive integer, meaning >0"),
    "settings.ECTO_IPV6": ('"true"', "boolean"),
    "settings.ANYTHING": ("[ ]", "string"),
}


@pytest.mark.parametrize("settings", REFUSED)
def test_refused_with_a_remedy(nix: Nix, settings: str) -> None:
    """A configuration that cannot work fails exactly one assertion, which names the remedy."""
    fault, remedy = REFUSED[settings]
    failed = nix.module(settings)["failed"]
    assert len(failed) == 1
    assert fault in " ".join(failed[0].split())
    assert remedy in " ".join(failed[0].split())


SOUNDING = [
    "SMTP_PASS",
    "SMTP_PWD",
    "SMTP_PASSPHRASE",
    "DB_PASSWD",
    "API_KEY",
    "API_KEYS",
    "APIKEY",
    "SESSION_SALT",
    "SENTRY_DSN",
    "GITHUB_TOKEN",
    "CLIENT_SECRET",
    "AWS_CREDENTIALS",
    "ERL_COOKIE",
    "smtp_pass",
    "PASS",
    "KEY",
    "SSH_PRIVATE",
    "MAST_ACCESS_TOKENS",
    "PASSWORD_FILE",
    "SLACK_WEBHOOK_URL",
    "BEARER",
    "REDISCLI_AUTH",
    "SIGNING_JWT",
    "PASSCODE",
    "ADMIN_PW",
    "AWS_CREDS",
]
HARMLESS = [
    "MONKEY",
    "COMPASS",
    "BYPASS_CACHE",
    "MAST_PUBLIC_URL",
    "POOL_SIZE",
    "KEYBOARD",
    "SALTED",
    "MAST_AUTHOR",
    "AUTH_MODE",
    "MAST_PASSIVE",
]


def test_secrets_by_name(nix: Nix) -> None:
    """What sounds like a secret is refused, one by one; what merely looks like it is not."""
    judged = nix(
        f"""
        builtins.filter (import {ROOT}/nix/secret-names.nix {{ inherit (harness) lib; }})
          (harness.lib.splitString " " "{" ".join([*SOUNDING, *HARMLESS])}")
        """
    )
    assert judged == SOUNDING


def test_the_agent_masks_what_the_module_refuses(nix: Nix) -> None:
    """Both judge by the same words, and what is refused in the settings is masked in the file."""
    text = (ROOT / "nix/secret-names.nix").read_text()
    words = dict(re.findall(r'^  (words|ends|parts) = "(.*)";$', text, re.MULTILINE))
    assert words == {"words": redact.WORDS, "ends": redact.ENDS, "parts": redact.PARTS}
    known = nix(f"import {ROOT}/nix/secret-variables.nix")
    assert all(map(redact.is_secret_name, [*SOUNDING, *known]))
    # Where nothing is refused, as when masking, a word that is glued to another counts too.
    glued = {"MONKEY", "COMPASS", "BYPASS_CACHE"}
    assert {name for name in HARMLESS if redact.is_secret_name(name)} == glued


# MAST_SELF_HOST: words of the refusal, and of the remedy; with access, and without.
LOOPBACK = 'Set services.mast.settings.MAST_SELF_HOST = "127.0.0.1"'
HOSTS = {
    "::1": ("is an address of IPv6", LOOPBACK),
    "[::1]": ("is an address of IPv6", LOOPBACK),
    "fe80::1%eth0": ("is an address of IPv6", LOOPBACK),
    "2001:db8::7": ("is an address of IPv6", LOOPBACK),
    "127.0.0.1:2222": ("contains a port", "services.mast.settings.MAST_SELF_PORT to the port"),
    "tower:22": ("contains a port", "services.mast.settings.MAST_SELF_PORT to the port"),
    "0.0.0.0": ("is an address that no host has", LOOPBACK),
    "224.0.0.1": ("is an address that no host has", LOOPBACK),
    "255.255.255.255": ("is an address that no host has", LOOPBACK),
    "": ("is neither a host's name nor an address", "or remove it"),
    "root@tower": ("is neither a host's name nor an address", "or remove it"),
    "ssh://tower": ("is neither a host's name nor an address", "or remove it"),
    "300.1.1.1": ("is neither a host's name nor an address", "or remove it"),
    "two words": ("is neither a host's name nor an address", "or remove it"),
    "-x": ("is neither a host's name nor an address", "or remove it"),
}


@pytest.mark.parametrize("access", [True, False])
@pytest.mark.parametrize("host", HOSTS)
def test_hosts_that_cannot_be_this_one(nix: Nix, host: str, *, access: bool) -> None:
    """A MAST_SELF_HOST that Mast cannot reach this host by is refused, and not repeated."""
    fault, remedy = HOSTS[host]
    managed = f"{ENABLED} selfManage = true; selfManageAccess = {json.dumps(access)};"
    made = nix.module(f'{managed} settings.MAST_SELF_HOST = "{host}";')
    (message,) = (" ".join(each.split()) for each in made["failed"])
    assert f"services.mast.settings.MAST_SELF_HOST {fault}" in message
    assert remedy in message
    assert made["warnings"] == []


def test_hosts_that_can_be_this_one(nix: Nix) -> None:
    """The loopback is accepted; another address where Mast's key has no bounds; names are named."""
    said = f"{ENABLED} selfManage = true; settings.MAST_SELF_HOST"
    for host in ("127.0.0.1", "127.0.0.2", "localhost"):
        made = nix.module(f'{said} = "{host}";')
        assert (made["failed"], made["warnings"]) == ([], []), host
    (message,) = nix.module(f'{said} = "192.0.2.7";')["failed"]
    assert "good from 127.0.0.1 alone" in message
    assert "set services.mast.selfManageAccess = false" in " ".join(message.split())
    (warning,) = nix.module(f'{said} = "tower.example.org";')["warnings"]
    assert "unless that name leads there" in warning
    assert 'or set it to "localhost"' in warning
    for host in ("192.0.2.7", "tower", "tower.example.org."):
        made = nix.module(f'{said} = "{host}"; selfManageAccess = false;')
        assert (made["failed"], made["warnings"]) == ([], []), host


def test_the_hosts_own_name(nix: Nix) -> None:
    """It is 127.0.0.2 on NixOS, where an sshd on all addresses listens and Mast's own does not."""
    for beside, warnings in (("openssh.enable = true;", 0), ("", 1)):
        made = nix(
            f"""harness.evaluate {{
              networking.hostName = "tower";
              services = {{
                {beside}
                mast = {{ {ENABLED} selfManage = true; settings.MAST_SELF_HOST = "tower"; }};
              }};
            }}"""
        )
        assert (made["failed"], len(made["warnings"])) == ([], warnings), beside


@pytest.mark.parametrize("port", ['"ssh"', "0", "65536", '"22 "', '""', "-1"])
def test_ports_that_are_none(nix: Nix, port: str) -> None:
    """MAST_SELF_PORT is a port, as a number or as a string."""
    (message,) = nix.module(f"{ENABLED} settings.MAST_SELF_PORT = {port};")["failed"]
    assert "services.mast.settings.MAST_SELF_PORT is no port" in message
    for right in ("22", '"65535"'):
        assert nix.module(f"{ENABLED} settings.MAST_SELF_PORT = {right};")["failed"] == []


def test_a_nixpkgs_without_the_target_is_refused(nix: Nix) -> None:
    """Before NixOS 25.11 nothing stood for the roles and databases that are made."""
    old = "systemd.targets = harness.lib.mkForce { };"
    (message,) = nix(f"harness.evaluate {{ services.mast = {{ {ENABLED} }}; {old} }}")["failed"]
    assert "needs postgresql.target" in message
    assert "Take NixOS 25.11" in message
    external = f"{ENABLED} database.createLocally = false;"
    made = nix(f"harness.evaluate {{ services.mast = {{ {external} }}; {old} }}")
    assert made["failed"] == []


@pytest.mark.parametrize("settings", WARNED)
def test_warned_of_with_a_remedy(nix: Nix, settings: str) -> None:
    """A configuration that hardly means what it says evaluates, with one warning."""
    fault, remedy = WARNED[settings]
    made = nix.module(settings)
    assert made["failed"] == []
    assert len(made["warnings"]) == 1
    assert fault in " ".join(made["warnings"][0].split())
    assert remedy in " ".join(made["warnings"][0].split())


@pytest.mark.parametrize("option", WRONG_TYPES)
def test_wrong_types_are_refused(nix: Nix, option: str) -> None:
    """A value of the wrong type is refused by Nix itself, naming option and type."""
    value, expected = WRONG_TYPES[option]
    said = nix.refusal(
        f"(harness.system {{ services.mast.{option} = {value}; }}).config.services.mast.{option}"
    )
    assert f"A definition for option `services.mast.{option}' is not of type" in said
    assert expected in said


def test_every_option_has_a_wrong_value(nix: Nix) -> None:
    """No option is left out above, and each has a description, and an example or a default."""
    options = nix(
        """
        let
          inherit (harness.system { }) options;
          walk = path: value:
            if value._type or null == "option" then
              [ {
                inherit path;
                described = value ? description;
                shown = value ? example || value ? default;
              } ]
            else
              builtins.concatMap (name: walk (path ++ [ name ]) value.${name})
                (builtins.attrNames value);
        in
        walk [ ] (removeAttrs options.services.mast [ "environment" ])
        """
    )
    names = {".".join(option["path"]) for option in options}
    assert names == {name for name in WRONG_TYPES if not name.startswith("settings.")}
    assert all(option["described"] and option["shown"] for option in options)


def test_unknown_options_are_refused(nix: Nix) -> None:
    """A misspelled option is an error and not passed over."""
    said = nix.refusal(
        f"harness.evaluate {{ services.mast = {{ {ENABLED} selfManaged = true; }}; }}"
    )
    assert "services.mast.selfManaged" in said
    assert "does not exist" in said


def test_the_internal_option_cannot_be_set(nix: Nix) -> None:
    """What the module derives for its units is not a way around the checks."""
    said = nix.refusal(
        f'harness.evaluate {{ services.mast = {{ {ENABLED} environment.PORT = "1"; }}; }}'
    )
    assert "services.mast.environment" in said
    assert "read-only" in said
