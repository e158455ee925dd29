# The door through which the tests evaluate: a function per subject, all of them taking the lib to
# evaluate with ("" for the stand-in) and the kind of beamPackages (see pkgs.nix), and returning
# what can be printed as JSON.
{
  libPath ? "",
  beamKind ? "scope",
}:
let
  lib = if libPath == "" then import ../lib else import libPath;
  root = ../../..;
  pkgs = import ./pkgs.nix { inherit beamKind lib; };

  launcher = mast: pkgs.callPackage (root + "/nix/launcher.nix") { inherit mast; };

  system =
    module:
    lib.evalModules {
      modules = [
        ./nixos.nix
        (root + "/nix/module.nix")
        module
      ];
      specialArgs = { inherit pkgs; };
    };

  # What the tests look at.
  evaluate =
    module:
    let
      inherit (system module) config;
      names = map (package: package.name);
    in
    {
      inherit (config.rendered) units preStart wantedBy;
      inherit (config) warnings;
      failed = map (each: each.message) (lib.filter (each: !each.assertion) config.assertions);
      postgresql = {
        inherit (config.services.postgresql) enable ensureDatabases ensureUsers;
      };
      inherit (config.services.openssh) listenAddresses openFirewall;
      sshd = config.services.openssh.enable;
      inherit (config.rendered) sshdConfig sudoers;
      users = lib.filterAttrs (name: _: name != "root") config.users.users;
      groups = builtins.attrNames config.users.groups;
      tmpfiles = config.systemd.tmpfiles.rules;
      ports = config.networking.firewall.allowedTCPPorts;
      packages = names config.systemd.packages;
      onPath = names config.environment.systemPackages;
      files = builtins.foldl' (found: package: found // package.files or { }) { } (
        config.environment.systemPackages
        ++ [ (launcher config.services.mast.package) ]
      );
    };
in
{
  inherit
    lib
    pkgs
    system
    evaluate
    ;

  configurations = lib.mapAttrs (_: evaluate) (import ../configurations.nix);

  mixLock = pkgs.callPackage (root + "/nix/mix-lock.nix") {
    inherit (pkgs.beam.packages.erlang_28) fetchHex;
    fetchGit = args: "/nix/store/${args.rev}-source";
  };

  # The flake, as Nix would call it, but for inputs that record.
  flake =
    let
      flake = import (root + "/flake.nix");
      eachSystem =
        systems: f:
        builtins.foldl' (
          done: system:
          let
            one = f system;
          in
          done
          // lib.mapAttrs (output: value: (done.${output} or { }) // { ${system} = value; }) one
        ) { } systems;
      self = flake.outputs {
        inherit self;
        nixpkgs = {
          inherit lib;
          legacyPackages = lib.listToAttrs (
            map
              (system: {
                name = system;
                value = import ./pkgs.nix { inherit beamKind lib system; };
              })
              [
                "x86_64-linux"
                "aarch64-linux"
                "x86_64-darwin"
                "aarch64-darwin"
              ]
          );
        };
        flake-utils.lib = {
          inherit eachSystem;
          eachDefaultSystem = eachSystem [
            "x86_64-linux"
            "aarch64-linux"
            "x86_64-darwin"
            "aarch64-darwin"
          ];
        };
        mast = ../mast;
      };
    in
    self // { inherit (flake) inputs description; };
}
