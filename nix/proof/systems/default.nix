# The NixOS systems that the proof evaluates, each a whole one, as an operator would have it: what
# it is `about`, its `module`, and the `claims` that have to hold of its configuration. `needs`
# names what of the tree a system, or a claim, stands on (needs.nix); with a local database that is
# postgresql.target in any case. The warnings that a system is to give are told by a part of each;
# others are faults.
#
# Claims ask with `or` for what a tree may lack: Nix cannot catch a missing attribute.
{
  lib,
  # Ours, with the tree as its nixpkgs.
  flake,
  # The tree's.
  release,
}:
let
  # As nixos-generate-config leaves it, with Mast.
  base = {
    nixpkgs.hostPlatform = "x86_64-linux";
    fileSystems."/" = {
      device = "/dev/disk/by-label/nixos";
      fsType = "ext4";
    };
    boot.loader.grub.device = "nodev";
    networking.hostName = "tower";
    system.stateVersion = release;
    services.mast = {
      enable = true;
      environmentFile = "/run/secrets/mast.env";
    };
  };

  tools = {
    inherit lib base;
    inherit (flake) overlays;

    # With this flake's packages, and with Mast enrolling the host or not.
    tower = module: {
      imports = [
        base
        flake.nixosModules.default
        module
      ];
    };
    selfManaged =
      module:
      tools.tower {
        imports = [
          { services.mast.selfManage = true; }
          module
        ];
      };

    unit = config: name: config.systemd.units.${name}.text;
    says = text: part: lib.hasInfix part text;
    # All that the lines of one directive list.
    listed =
      text: directive:
      lib.concatMap (
        line:
        lib.optionals (lib.hasPrefix "${directive}=" line) (
          lib.splitString " " (lib.removePrefix "${directive}=" line)
        )
      ) (lib.splitString "\n" text);
  };

  systems = import ./mast.nix tools // import ./access.nix tools // import ./around.nix tools;
in
builtins.mapAttrs (
  _: each:
  each
  // {
    needs = each.needs or [ ] ++ lib.optional (!(each.external or false)) "postgresql.target";
  }
) systems
