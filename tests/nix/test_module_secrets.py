"""Secrets stay out of the store and out of the units, whatever the module is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from nix.evaluator import literal

if TYPE_CHECKING:
    from pathlib import Path

    from nix.evaluator import Nix

CANARY = "canary-7f3a91c4"
SECRETS = ("DATABASE_URL", "MAST_VAULT_KEY", "RELEASE_COOKIE", "SECRET_KEY_BASE")


def test_configurations_copy_nothing(nix: Nix) -> None:
    """Evaluating the configurations writes nothing to the store that comes from the user."""
    made = nix.without_copying("builtins.attrNames harness.configurations")
    assert "self-managed" in made
    nix.without_copying("harness.configurations.other-environment-file")


def test_a_path_is_not_copied(nix: Nix, tmp_path: Path) -> None:
    """An environment file given as a path, by mistake, is refused without being copied."""
    file = tmp_path / "mast.env"
    file.write_text(f"SECRET_KEY_BASE={CANARY}\n")
    made = nix.without_copying(
        "harness.evaluate { services.mast = "
        f"{{ enable = true; selfManage = true; environmentFile = {file}; }}; }}"
    )
    assert len(made["failed"]) == 1
    assert "/nix/store" not in "".join(
        line for line in made["units"]["mast"].splitlines() if "mast.env" in line
    )


@pytest.mark.parametrize("variable", [*SECRETS, "SMTP_PASS", "smtp_pwd", "MAST_PASSPHRASE"])
def test_secret_settings_go_nowhere(nix: Nix, variable: str) -> None:
    """A secret among the settings fails an assertion and is in nothing that was evaluated."""
    made = nix.module(
        f"""
        enable = true;
        selfManage = true;
        environmentFile = "/run/secrets/mast.env";
        settings.{variable} = {literal(CANARY)};
        """
    )
    assert [variable in message for message in made["failed"]] == [True]
    assert CANARY not in json.dumps(made)


def test_environment_files_are_named_and_not_read(nix: Nix, tmp_path: Path) -> None:
    """The file's content is in nothing that was evaluated, while its path is in both units."""
    file = tmp_path / "mast.env"
    file.write_text("".join(f"{name}={CANARY}\n" for name in SECRETS))
    made = nix.without_copying(
        "harness.evaluate { services.mast = "
        f'{{ enable = true; selfManage = true; environmentFile = "{file}"; }}; }}'
    )
    assert f"EnvironmentFile={file}" in made["units"]["mast"]
    assert f"LoadCredential=mast.env:{file}" in made["units"]["mast-agent"]
    assert CANARY not in json.dumps(made)


def test_units_set_no_secret(configurations: Any) -> None:
    """No Environment= names a secret, but for a local DATABASE_URL, which has no password."""
    for name, made in configurations.items():
        for unit in made["units"].values():
            for line in unit.splitlines():
                variable = line.removeprefix('Environment="').partition("=")[0]
                if line.startswith("Environment=") and variable in SECRETS:
                    assert "=ecto://mast@localhost:" in line, name
