"""What the module refuses, what it warns of, and what each option's type accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
    ENABLED + "settings.PORT = 4001;": (
        "services.mast.settings contains PORT",
        "services.mast.port",
    ),
    ENABLED + 'settings."NOT-A-NAME" = "x";': (
        "names that no environment variable can have: NOT-A-NAME",
        "letters, digits and underscores",
    ),
}

WARNED = {
    ENABLED + 'settings.SMTP_PASSWORD = "x";': (
        "services.mast.settings contains SMTP_PASSWORD",
        "move it to services.mast.environmentFile",
    ),
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
