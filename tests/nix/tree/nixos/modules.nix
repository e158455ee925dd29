# What the systems of the proof set besides Mast, and what it looks at: options of NixOS, which
# here generate no more than the names and the texts that the proof asks for.
{ lib, config, ... }:
let
  some =
    type: default:
    lib.mkOption {
      inherit type default;
    };
  raw = some lib.types.raw;
  off = some lib.types.bool false;

  ssh = config.services.openssh;
  bare = value: { text = value; };
  service = name: text: {
    name = "${name}.service";
    value.text = text;
  };
  listens = map (
    each: "ListenStream=${each.addr}:${toString (lib.head (ssh.ports ++ [ 22 ]))}\n"
  ) ssh.listenAddresses;
in
{
  options = {
    nixpkgs.hostPlatform = some lib.types.str "x86_64-linux";
    nixpkgs.overlays = raw [ ];
    fileSystems = raw { };
    boot.loader.grub.device = some lib.types.str "";
    boot.isContainer = off;
    networking.nftables.enable = off;
    networking.useNetworkd = off;
    system.stateVersion = some lib.types.str "";
    system.build = raw { };
    services.nginx = raw { };
    services.openssh.startWhenNeeded = off;
    services.userborn.enable = off;
    security.sudo.configFile = raw config.rendered.sudoers;
    security.sudo-rs.enable = off;
    security.sudo-rs.configFile = raw "";
    systemd.units = raw { };
    systemd.user.units = raw { };
  };

  config = {
    systemd.units =
      lib.listToAttrs (lib.mapAttrsToList service config.rendered.units)
      // lib.optionalAttrs ssh.startWhenNeeded {
        "sshd.socket" = bare (lib.concatStringsSep "" listens);
      }
      // lib.optionalAttrs config.networking.useNetworkd {
        "systemd-networkd-wait-online.service" = bare "";
      }
      // lib.optionalAttrs config.services.postgresql.enable { "postgresql.service" = bare ""; };

    systemd.services = lib.mkMerge [
      (lib.mkIf config.services.postgresql.enable {
        postgresql-setup.description = "PostgreSQL Setup Scripts";
      })
      (lib.mkIf config.services.userborn.enable { userborn.description = "Userborn"; })
    ];

    system.build.toplevel.drvPath = "/nix/store/${builtins.substring 0 32 (
      builtins.hashString "sha256" (builtins.toJSON (lib.mapAttrs (_: unit: unit.text) config.systemd.units))
    )}-nixos-system-${config.networking.hostName}.drv";
  };
}
