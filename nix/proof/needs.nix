# What the flake and the module take from nixpkgs, by the name that nixpkgs has for it: whether the
# tree has it, and the release that brought it; docs/nixpkgs.md says more of each. A tree that is
# older than that is too old for what stands on it; a tree that is not, and lacks it, has moved. The
# packages and NixOS say each for themselves how old they are, since a tree can be put together.
{
  lib,
  tree,
  pkgs,
  evalConfig,
}:
let
  has = path: set: lib.hasAttrByPath (lib.splitString "." path) set;
  old = "23.05"; # older than anything that this could be asked of
  # In the packages' own words; a stand-in has none.
  ofPackages = pkgs.lib.trivial.release or lib.trivial.release;
  package = path: since: {
    inherit since;
    release = ofPackages;
    present = has path pkgs;
  };
  several =
    prefix: since: names:
    lib.listToAttrs (
      map (name: {
        name = "${prefix}${name}";
        value = package "${prefix}${name}" since;
      }) names
    );

  beamPackages = pkgs.beam.packages.erlang_28 or { };
  inherit
    (evalConfig [
      {
        nixpkgs.hostPlatform = "x86_64-linux";
        services.postgresql.enable = true;
        system.stateVersion = lib.trivial.release;
      }
    ])
    config
    options
    ;
  option = path: since: {
    inherit since;
    present = has path options;
  };
  atLeast = version: wanted: lib.versionAtLeast (version.version or "0") wanted;
in
lib.mapAttrs (
  _: need:
  let
    release = need.release or lib.trivial.release;
  in
  need
  // {
    inherit release;
    old = lib.versionOlder release need.since;
  }
) (
  several "" old [
  "coreutils"
  "esbuild"
  "glib"
  "inotify-tools"
  "installShellFiles"
  "mkShell"
  "nixos"
  "nodejs"
  "openssh"
  "postgresql"
  "python3"
  "ruff"
  "runCommand"
  "shellcheck"
  "testers.runNixOSTest"
  "writeShellApplication"
]
// several "python3Packages." old [
  "buildPythonApplication"
  "hypothesis"
  "jsonschema"
  "mypy"
  "psycopg"
  "pytest"
  "pytestCheckHook"
  "rich"
  "setuptools"
  "structlog"
  "systemd-python"
  "tenacity"
  "typer"
]
// several "beam.packages.erlang_28." "25.11" [
  "elixir_1_19"
  "fetchHex"
  "fetchMixDeps"
  "mixRelease"
]
// {
  "beam.packages.erlang_28.overrideScope, or extend" = {
    release = ofPackages;
    since = "25.11";
    present = beamPackages ? overrideScope || beamPackages ? extend;
  };
  "importNpmLock.buildNodeModules" = package "importNpmLock.buildNodeModules" "24.11";
  "nixfmt" = package "nixfmt" old;
  "nixfmt-tree" = package "nixfmt-tree" "25.05";
  "tailwindcss_4" = package "tailwindcss_4" "25.05";
  "lib.fileset.toSource" = {
    since = "23.11";
    present = has "fileset.toSource" lib;
  };
  "systemd 254" = {
    release = ofPackages;
    since = "23.11";
    present = atLeast pkgs.systemd "254";
  };
  "sudo 1.9.10" = {
    release = ofPackages;
    since = old;
    present = atLeast pkgs.sudo "1.9.10";
  };
  "postgresql.target" = {
    since = "25.11";
    present = config.systemd.targets ? postgresql;
  };
  "postgresql-setup.service" = {
    since = "25.11";
    present = config.systemd.services ? postgresql-setup;
  };
  "nixos/lib/eval-config.nix" = {
    since = old;
    present = builtins.pathExists (tree + "/nixos/lib/eval-config.nix");
  };
  "services.openssh.settings" = option "services.openssh.settings" old;
  "security.sudo.extraRules" = option "security.sudo.extraRules" old;
  "security.sudo-rs.enable" = option "security.sudo-rs.enable" "23.11";
  "services.userborn.enable" = option "services.userborn.enable" "24.11";
  "systemd.packages" = option "systemd.packages" old;
}
)
