# As nixpkgs' eval-config.nix: the options of NixOS, as far as the stand-in has them, and `modules`.
{
  lib,
  system ? builtins.currentSystem,
  modules,
}:
let
  result = lib.evalModules {
    modules = [
      ../../../harness/nixos.nix
      ../modules.nix
    ]
    ++ modules;
    # The platform comes from a module, as with `system = null`.
    specialArgs.pkgs = import ../.. {
      system = result.config.nixpkgs.hostPlatform;
      inherit (result.config.nixpkgs) overlays;
    };
  };
in
result
