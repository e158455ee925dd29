# Users, sshd and sudo, as far as the module meets them: the options, and the text of sshd_config
# and of sudoers, generated as nixos/modules does.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;

  ssh = config.services.openssh;

  some = type: default: mkOption { inherit type default; };
  strings = some (types.listOf types.str) [ ];

  user = {
    options = {
      description = some types.str "";
      isSystemUser = some types.bool false;
      group = some types.str "";
      extraGroups = strings;
      home = some types.str "/var/empty";
      shell = some (types.nullOr types.package) null;
      initialHashedPassword = some (types.nullOr types.str) null;
    };
  };

  text = value: if builtins.isBool value then if value then "yes" else "no" else toString value;
  line = name: value: "${name} ${text value}\n";
  rule =
    each:
    lib.concatMapStringsSep "" (
      name:
      "${name}     ALL=(${each.runAs})    ${
        lib.concatMapStringsSep ", " (
          command: "${lib.concatStringsSep ":" command.options}: ${command.command}"
        ) each.commands
      }\n"
    ) each.users;
in
{
  options = {
    networking = {
      enableIPv6 = some types.bool true;
      hostName = some types.str "nixos";
    };

    users = {
      users = some (types.attrsOf (types.submodule user)) { };
      groups = some (types.attrsOf (types.submodule { options.gid = some types.raw null; })) { };
    };

    services.openssh = {
      enable = some types.bool false;
      openFirewall = some types.bool true;
      ports = some (types.listOf types.port) [ 22 ];
      extraConfig = some types.lines "";
      listenAddresses = some (types.listOf (
        types.submodule {
          options = {
            addr = some (types.nullOr types.str) null;
            port = some (types.nullOr types.port) null;
          };
        }
      )) [ ];
      settings = mkOption {
        default = { };
        type = types.submodule {
          freeformType = types.attrsOf types.raw;
          options = {
            AllowUsers = some (types.nullOr (types.listOf types.str)) null;
            AllowGroups = some (types.nullOr (types.listOf types.str)) null;
            UsePAM = some types.bool true;
          };
        };
      };
    };

    security.sudo = {
      enable = some types.bool true;
      extraRules = some (types.listOf types.raw) [ ];
    };
  };

  config = {
    networking.firewall.allowedTCPPorts = lib.optionals (ssh.enable && ssh.openFirewall) ssh.ports;

    services.openssh.extraConfig = lib.mkOrder 0 (
      lib.concatStringsSep "\n" (
        map (port: "Port ${toString port}") ssh.ports
        ++ map (
          each:
          "ListenAddress ${each.addr}${lib.optionalString (each.port != null) ":${toString each.port}"}"
        ) ssh.listenAddresses
        ++ [ "AuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/authorized_keys.d/%u" ]
      )
    );

    rendered = {
      sshdConfig =
        lib.concatStringsSep "" (
          lib.mapAttrsToList line (lib.filterAttrs (_: value: value != null) ssh.settings)
        )
        + ssh.extraConfig
        + "\n";
      sudoers = lib.concatMapStringsSep "" rule config.security.sudo.extraRules;
    };
  };
}
