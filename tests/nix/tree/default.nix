# A stand-in for a nixpkgs tree, so that `make nix-proof` itself can be tested where there is none:
# laid out as nixpkgs is, made of the harness' packages and options. What is proven with it is
# the proof, and nothing of nixpkgs.
{
  system,
  config ? { },
  overlays ? [ ],
}:
let
  lib = import ./lib;
  pkgs = import ../harness/pkgs.nix { inherit lib system; };
  versioned = package: version: package // { inherit version; };
  base =
    pkgs
    // {
      buildPackages = base;
      sudo = versioned pkgs.coreutils "1.9.17";
      systemd = versioned pkgs.systemd "258";
    }
    // lib.optionalAttrs (config ? extra) config.extra;
in
builtins.foldl' (done: overlay: done // overlay done done) base overlays
