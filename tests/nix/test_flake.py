"""The flake's outputs, evaluated with inputs that record what is asked of them."""

from __future__ import annotations

from nix.conftest import BEAM_KINDS
from nix.evaluator import ROOT, Nix

LINUX = ["aarch64-linux", "x86_64-linux"]
DARWIN = ["aarch64-darwin", "x86_64-darwin"]
NAMES = "builtins.mapAttrs (_: builtins.attrNames)"


def test_inputs(nix: Nix) -> None:
    """Unstable, flake-utils, and Mast's source, which is no flake."""
    assert nix("harness.flake.inputs") == {
        "nixpkgs": {"url": "github:NixOS/nixpkgs/nixos-unstable"},
        "flake-utils": {"url": "github:numtide/flake-utils"},
        "mast": {"url": "github:pachev/mast", "flake": False},
    }


def test_packages(nix: Nix) -> None:
    """Both packages exist for both Linux platforms, and none for Darwin; Mast is the default."""
    assert nix(f"{NAMES} harness.flake.packages") == {
        system: ["default", "mast", "mast-agent"] for system in LINUX
    }
    for system in LINUX:
        made = nix(f"builtins.mapAttrs (_: p: p.outPath) harness.flake.packages.{system}")
        assert made["default"] == made["mast"]
        assert made["mast"].endswith("-mast-0.5.0")
        assert "-mast-agent-" in made["mast-agent"]


def test_apps(nix: Nix) -> None:
    """`nix run .#mast` goes through the launcher, since the release has no cookie."""
    for system in LINUX:
        apps = nix(f"harness.flake.apps.{system}")
        assert set(apps) == {"default", "mast", "mast-agent"}
        assert apps["default"] == apps["mast"]
        assert {app["type"] for app in apps.values()} == {"app"}
        assert apps["mast"]["program"].endswith("-mast-launch/bin/mast-launch")
        assert apps["mast-agent"]["program"].endswith("/bin/mast-agent")


def test_kinds_of_beam_packages(nix: Nix) -> None:
    """Packages, apps, checks and the module's default package do not depend on their kind."""
    everything = f"""
        let
          inherit (harness) flake lib;
          drvPaths = lib.mapAttrs (_: lib.mapAttrs (_: each: each.drvPath));
          system = lib.evalModules {{
            modules = [
              {ROOT}/tests/nix/harness/nixos.nix
              flake.nixosModules.default
            ];
            specialArgs.pkgs = removeAttrs harness.pkgs [ "mast" "mast-agent" ];
          }};
        in
        {{
          packages = drvPaths flake.packages;
          checks = drvPaths flake.checks;
          inherit (flake) apps;
          shells = drvPaths flake.devShells;
          module = system.config.services.mast.package.drvPath;
          overlay = (flake.overlays.default harness.pkgs {{ }}).mast.drvPath;
        }}
    """
    made = [Nix(nix.lib, kind)(everything) for kind in BEAM_KINDS]
    assert made[0] == made[1] == made[2]
    assert made[0]["module"] == made[0]["overlay"] == made[0]["packages"]["x86_64-linux"]["mast"]


def test_module_needs_no_overlay(nix: Nix) -> None:
    """The module works with a `pkgs` that knows neither package: it brings the flake's own."""
    made = nix(
        """
        let
          inherit (harness) lib flake;
          system = lib.evalModules {
            modules = [
              ./nixos.nix
              flake.nixosModules.default
              { services.mast = { enable = true; selfManage = true; environmentFile = "/x"; }; }
            ];
            specialArgs.pkgs = removeAttrs harness.pkgs [ "mast" "mast-agent" ];
          };
          inherit (system.config.services) mast;
        in
        {
          mast = mast.package.outPath == flake.packages.x86_64-linux.mast.outPath;
          agent = mast.agentPackage.outPath == flake.packages.x86_64-linux.mast-agent.outPath;
          start = system.config.rendered.units.mast;
        }
        """.replace("./nixos.nix", f"{ROOT}/tests/nix/harness/nixos.nix")
    )
    assert (made["mast"], made["agent"]) == (True, True)
    assert "-mast-0.5.0/bin/mast start" in made["start"]


def test_packages_of_the_user_come_first(nix: Nix) -> None:
    """A package that the user sets replaces the flake's."""
    made = nix(
        f"""
        (harness.lib.evalModules {{
          modules = [
            {ROOT}/tests/nix/harness/nixos.nix
            harness.flake.nixosModules.default
            {{ services.mast.package = harness.pkgs.jq; }}
          ];
          specialArgs = {{ inherit (harness) pkgs; }};
        }}).config.services.mast.package.name
        """
    )
    assert made == "jq"


def test_overlay(nix: Nix) -> None:
    """The overlay adds both packages, built with the package set that it is applied to."""
    made = nix("builtins.mapAttrs (_: p: p.name) (harness.flake.overlays.default harness.pkgs { })")
    assert set(made) == {"mast", "mast-agent"}
    assert made["mast"] == "mast-0.5.0"


def test_dev_shells(nix: Nix) -> None:
    """There is a shell for both, on Darwin without what only Linux has."""
    shells = nix(
        """
        builtins.mapAttrs (_: each: map (p: p.name) each.default.recorded.packages)
          harness.flake.devShells
        """
    )
    assert sorted(shells) == sorted(LINUX + DARWIN)
    for system, tools in shells.items():
        assert {"elixir-1.19", "erlang-28", "postgresql", "ruff"} <= set(tools)
        assert ("inotify-tools" in tools) == (system in LINUX)


def test_checks(nix: Nix) -> None:
    """The checks are the machines, the module, the agent's tests and the form of the files."""
    machines = ["external-database", "late-database", "loopback", "self-managed"]
    expected = sorted(["agent", "format", "module", *machines])
    assert nix(f"{NAMES} harness.flake.checks") == dict.fromkeys(LINUX, expected)
    assert nix("harness.flake.checks.x86_64-linux.agent.name").startswith("mast-agent-")


def test_formatter(nix: Nix) -> None:
    """`nix fmt` is nixfmt, everywhere."""
    assert nix("builtins.mapAttrs (_: p: p.name) harness.flake.formatter") == dict.fromkeys(
        LINUX + DARWIN, "nixfmt-tree"
    )


def test_no_lock_file_is_made_up() -> None:
    """A flake.lock is committed only together with a workflow step that would make the same."""
    lock = ROOT / "flake.lock"
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert lock.exists() or "nix flake lock" in workflow
