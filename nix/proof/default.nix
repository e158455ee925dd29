# What nix-proof asks of a nixpkgs tree, each question an attribute, so that a question that fails
# leaves the others their answer. Everything is evaluated; what BUILD=1 builds is in `build`.
#
# The questions are put by nix_proof.py, which also says what they cost and what they prove.
{
  # A nixpkgs tree: lib/, nixos/ and default.nix are its own.
  nixpkgs,
  # flake-utils; without one a stand-in of its two functions that the flake calls.
  flakeUtils ? "",
  # Mast's source; without one the miniature of the tests.
  mast ? "",
}:
let
  tree = /. + nixpkgs;
  root = ../..;
  lib = import (tree + "/lib");

  linux = [
    "x86_64-linux"
    "aarch64-linux"
  ];
  darwin = [ "aarch64-darwin" ];

  keyed =
    f: names:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );

  # As nixpkgs' own flake calls its tree, so that nothing of this machine's configuration counts.
  legacyPackages = keyed (
    system:
    import tree {
      inherit system;
      config = { };
      overlays = [ ];
    }
  ) (linux ++ darwin);

  evalConfig =
    modules:
    import (tree + "/nixos/lib/eval-config.nix") {
      # What the system is, its modules say.
      system = null;
      inherit lib modules;
    };

  eachSystem =
    systems: f:
    builtins.foldl' (
      done: system:
      let
        add = output: value: done.${output} or { } // { ${system} = value; };
      in
      done // builtins.mapAttrs add (f system)
    ) { } systems;

  # The flake, as Nix would call it with these inputs.
  flake = (import (root + "/flake.nix")).outputs {
    self = flake;
    nixpkgs = {
      inherit lib legacyPackages;
      outPath = tree;
    };
    flake-utils =
      if flakeUtils != "" then
        { lib = import (/. + flakeUtils); }
      else
        {
          lib = {
            inherit eachSystem;
            eachDefaultSystem = eachSystem (linux ++ darwin);
          };
        };
    mast = if mast != "" then /. + mast else root + "/tests/nix/mast";
  };

  systems = import ./systems {
    inherit lib flake;
    inherit (lib.trivial) release;
  };

  # One whole NixOS, down to what it would take to switch to it.
  system =
    {
      module,
      warnings ? [ ],
      claims,
      ...
    }:
    let
      inherit (evalConfig [ module ]) config;
      texts = map (unit: unit.text) (
        builtins.attrValues config.systemd.units ++ builtins.attrValues config.systemd.user.units
      );
      foreign = builtins.filter (
        text: !(builtins.any (known: lib.hasInfix known text) warnings)
      ) config.warnings;
      silent = builtins.filter (
        known: !(builtins.any (lib.hasInfix known) config.warnings)
      ) warnings;
    in
    {
      failed = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
      warnings = foreign;
      missing = silent;
      units = builtins.length (builtins.filter (text: text != null) texts);
      characters = builtins.foldl' (sum: text: sum + builtins.stringLength (toString text)) 0 texts;
      drvPath = config.system.build.toplevel.drvPath;
      claims = builtins.mapAttrs (
        _: claim:
        let
          tried = builtins.tryEval claim.holds;
        in
        {
          holds = tried.success && tried.value;
          needs = claim.needs or [ ];
        }
      ) (claims config);
    };

  # An output as a derivation; of an app, the program that it runs.
  derivationOf = output: output.drvPath or output.program;
  outputsOf =
    kinds: system:
    { formatter = derivationOf flake.formatter.${system}; }
    // builtins.foldl' (
      done: kind:
      done
      // builtins.listToAttrs (
        map (name: {
          name = "${kind}.${name}";
          value = derivationOf flake.${kind}.${system}.${name};
        }) (builtins.attrNames flake.${kind}.${system})
      )
    ) { } kinds;

  outputs =
    keyed (outputsOf [
      "packages"
      "apps"
      "checks"
      "devShells"
    ]) linux
    // keyed (outputsOf [ "devShells" ]) darwin;
in
{
  inherit outputs;

  systems = builtins.mapAttrs (_: system) systems;

  needs = import ./needs.nix {
    inherit lib tree evalConfig;
    pkgs = legacyPackages.x86_64-linux;
  };

  # Names only, so that each can be asked for by itself.
  plan = {
    outputs = builtins.mapAttrs (_: builtins.attrNames) outputs;
    systems = builtins.mapAttrs (_: each: {
      inherit (each) about needs;
    }) systems;
    inherit (lib.trivial) release;
  };

  build = {
    inherit (flake.packages.${builtins.currentSystem}) mast;
    dependencies = builtins.attrNames flake.packages.${builtins.currentSystem}.mast.mixDeps.deps;
    launcher = legacyPackages.${builtins.currentSystem}.callPackage ../launcher.nix {
      inherit (flake.packages.${builtins.currentSystem}) mast;
    };
  };
}
