{
  description = "Mast for NixOS, and the agent that makes its host its first managed server";

  inputs = {
    # Unstable: Mast asks for Elixir 1.19 on OTP 28, and the agent's unit for a current systemd.
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    flake-utils.url = "github:numtide/flake-utils";
    mast = {
      url = "github:pachev/mast";
      flake = false;
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      flake-utils,
      mast,
    }:
    let
      inherit (nixpkgs) lib;

      packagesFor = pkgs: {
        mast = pkgs.callPackage ./nix/package-mast.nix { src = mast; };
        mast-agent = pkgs.callPackage ./nix/package-agent.nix { };
      };

      linux =
        flake-utils.lib.eachSystem
          [
            "x86_64-linux"
            "aarch64-linux"
          ]
          (
            system:
            let
              pkgs = nixpkgs.legacyPackages.${system};
              packages = packagesFor pkgs;
              app = program: meta: {
                type = "app";
                inherit program meta;
              };
              runMast = app (lib.getExe (
                pkgs.callPackage ./nix/launcher.nix { inherit (packages) mast; }
              )) { inherit (packages.mast.meta) description; };
            in
            {
              packages = packages // {
                default = packages.mast;
              };

              # The release has no cookie of its own, so it is the launcher that is run.
              apps = {
                default = runMast;
                mast = runMast;
                mast-agent = app (lib.getExe packages.mast-agent) {
                  inherit (packages.mast-agent.meta) description;
                };
              };

              checks = import ./nix/tests {
                inherit pkgs packages;
                module = self.nixosModules.default;
                source = ./.;
              };
            }
          );

      # Work on both goes well on Darwin, too; only running them as services does not.
      everywhere = flake-utils.lib.eachDefaultSystem (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
        in
        {
          devShells.default = pkgs.callPackage ./nix/shell.nix { };
          formatter = pkgs.nixfmt-tree;
        }
      );
    in
    linux
    // everywhere
    // {
      # With this flake's packages, so that no overlay is needed.
      nixosModules.default =
        { lib, pkgs, ... }:
        let
          packages = self.packages.${pkgs.stdenv.hostPlatform.system};
        in
        {
          imports = [ ./nix/module.nix ];
          services.mast = {
            package = lib.mkDefault packages.mast;
            agentPackage = lib.mkDefault packages.mast-agent;
          };
        };

      overlays.default = final: _: packagesFor final;
    };
}
