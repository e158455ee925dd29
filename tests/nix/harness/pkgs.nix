# A `pkgs` that builds nothing and records everything: each derivation knows the arguments that it
# was asked for (`recorded`), and scripts know their text (`files`, by store path).
{
  lib,
  system ? "x86_64-linux",
  # The kind of set that the packages of Erlang are, of beamKinds below.
  beamKind ? "scope",
}:
let
  # Nix's alphabet has no e, and lib recognizes store paths by it.
  hash =
    text:
    builtins.substring 0 32 (
      builtins.replaceStrings [ "e" ] [ "z" ] (builtins.hashString "sha256" text)
    );

  derivation = name: seeded name name;

  # `seed` tells apart what has the same name.
  seeded =
    seed: name: recorded:
    let
      self = {
        type = "derivation";
        inherit name recorded;
        outPath = "/nix/store/${hash seed}-${name}";
        drvPath = "/nix/store/${hash "${seed}.drv"}-${name}.drv";
        outputName = "out";
        outputs = [ "out" ];
        meta = { };
        files = { };
      }
      // recorded.passthru or { }
      // lib.optionalAttrs (recorded ? meta) { inherit (recorded) meta; };
    in
    self;

  # What only has to have a name and a main program.
  tool = name: derivation name { meta.mainProgram = name; };

  application =
    args@{
      name,
      text,
      runtimeInputs ? [ ],
      ...
    }:
    let
      package = seeded text name (args // { meta = { mainProgram = name; } // args.meta or { }; });
    in
    package
    // {
      files."${package}/bin/${name}" = ''
        #!${pkgs.bash}/bin/bash
        set -o errexit
        set -o nounset
        set -o pipefail
        ${lib.optionalString (
          runtimeInputs != [ ]
        ) "export PATH=\"${lib.makeBinPath runtimeInputs}:$PATH\""}
        ${text}
      '';
    };

  named = suffix: args: derivation "${args.pname}-${args.version}${suffix}" args;

  # Two derivations are the same if all that they were asked for is.
  beamBuild =
    self: suffix: args:
    let
      asked = builtins.toJSON (
        removeAttrs args [
          "meta"
          "passthru"
        ]
        // {
          inherit (self) elixir erlang;
          src = toString args.src;
        }
      );
      name = "${args.pname}-${args.version}${suffix}";
    in
    seeded asked name (args // { beamPackages = self; });

  beamPackagesOf = self: {
    erlang = tool "erlang-28";
    elixir = tool "elixir-1.18";
    elixir_1_19 = tool "elixir-1.19";
    fetchMixDeps = beamBuild self "-fetched";
    fetchHex = args: derivation "${args.pkg}-${args.version}" args;
    mixRelease = beamBuild self "";
  };

  # How an overlay is put over the set, for each kind that nixpkgs has had.
  beamKinds = {
    # Since August 2026 (nixpkgs' pull requests 554005 and 556282).
    scope = change: {
      overrideScope = change;
      extend = throw "'beamPackages.extend' has been replaced by 'beamPackages.overrideScope'";
    };
    # The same with allowAliases = false.
    strict-scope = change: { overrideScope = change; };
    # Before.
    set = change: { extend = change; };
  };

  beamPackages =
    let
      make =
        f:
        let
          self = f self // beamKinds.${beamKind} (overlay: make (over overlay f));
        in
        self;
      over =
        overlay: f: self:
        let
          previous = f self;
        in
        previous // overlay self previous;
    in
    make beamPackagesOf;

  pythonPackages =
    lib.listToAttrs (
      map
        (name: {
          inherit name;
          value = tool "python3-${name}";
        })
        [
          "hypothesis"
          "jsonschema"
          "mypy"
          "psycopg"
          "pydbus"
          "pygobject3"
          "pytest"
          "pytestCheckHook"
          "rich"
          "setuptools"
          "structlog"
          "systemd-python"
          "tenacity"
          "typer"
        ]
    )
    // {
      buildPythonApplication = named "";
    };

  pkgs =
    lib.listToAttrs (
      map
        (name: {
          inherit name;
          value = tool name;
        })
        [
          "bash"
          "bashInteractive"
          "coreutils"
          "esbuild"
          "findutils"
          "glib"
          "gnugrep"
          "gnused"
          "inotify-tools"
          "installShellFiles"
          "jq"
          "nixfmt"
          "nixfmt-tree"
          "nodejs"
          "openssh"
          "postgresql"
          "ruff"
          "shellcheck"
          "systemd"
          "tailwindcss_4"
        ]
    )
    // {
      inherit lib;
      stdenv.hostPlatform = {
        inherit system;
        isLinux = builtins.match ".*-linux" system != null;
        isDarwin = builtins.match ".*-darwin" system != null;
      };
      beam.packages.erlang_28 = beamPackages;
      python3Packages = pythonPackages;
      python3.withPackages =
        choose: derivation "python3-env" { packages = choose pythonPackages; };
      callPackage =
        file: extra:
        let
          f = if builtins.isFunction file then file else import file;
        in
        f (builtins.intersectAttrs (builtins.functionArgs f) pkgs // extra);
      importNpmLock.buildNodeModules = args: derivation "node-modules" args;
      mkShell = args: derivation "shell" args;
      runCommand =
        name: args: text:
        derivation name (args // { inherit text; });
      writeShellApplication = application;
      nixos = configuration: {
        config.system.build.etc = derivation "etc" { inherit configuration; };
      };
      testers.runNixOSTest = test: derivation "vm-test" { inherit test; };
      mast = tool "mast";
      mast-agent = tool "mast-agent";
    };
in
pkgs
