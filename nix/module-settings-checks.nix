# Refuses, or warns of, what services.mast.settings may not contain, each with its remedy. No
# message repeats a value: it may be the secret that should not be there.
{ config, lib, ... }:
let
  cfg = config.services.mast;
  access = cfg.selfManage && cfg.selfManageAccess;

  set = lib.filterAttrs (_: value: value != null) cfg.settings;
  given = lib.attrNames set;
  names = lib.concatStringsSep ", ";
  value = name: if set ? ${name} then toString set.${name} else null;
  matches = pattern: text: builtins.match pattern text != null;

  isSecret = import ./secret-names.nix { inherit lib; };
  # user:password@ in an address.
  hasPassword = name: matches "[^:/]+://[^/@]*:[^/@]+@.*" (value name);
  secrets = lib.filter (name: isSecret name || hasPassword name) given;

  malformed = lib.filter (name: !matches "[A-Za-z_][A-Za-z0-9_]*" name) given;

  # What the module sets by itself, and by what it is changed.
  owned = {
    MAST_AGENT_ACCESS = "services.mast.selfManageAccess";
    MAST_AGENT_ENV_FILE = "services.mast.environmentFile";
    MAST_BIN = "services.mast.package";
    PHX_HOST = "services.mast.host";
    PHX_SERVER = "nothing: Mast always serves";
    PORT = "services.mast.port";
  };
  taken = lib.intersectLists (lib.attrNames owned) given;

  # -- Where Mast logs in ------------------------------------------------------------------------

  octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  label = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?";

  # What is wrong with MAST_SELF_HOST, or null; the first that applies.
  wrongHost =
    host:
    if matches "[^:]+:[0-9]+" host then
      ''
        contains a port. Set services.mast.settings.MAST_SELF_HOST to the host alone, and
        services.mast.settings.MAST_SELF_PORT to the port.
      ''
    else if matches "[]0-9A-Fa-f.[]*:[]0-9A-Fa-f:.[]*(%.*)?" host then
      ''
        is an address of IPv6, which Mast cannot reach. Set services.mast.settings.MAST_SELF_HOST =
        "127.0.0.1"; and let sshd listen there.
      ''
    else if matches "${octet}([.]${octet}){3}" host then
      if matches "(0|22[4-9]|2[3-5][0-9])[.].*" host then
        ''
          is an address that no host has. Set services.mast.settings.MAST_SELF_HOST = "127.0.0.1";
        ''
      else if access && !matches "127[.].*" host then
        ''
          is not on the loopback, and the key with which Mast logs in is good from 127.0.0.1 alone.
          Remove services.mast.settings.MAST_SELF_HOST, or set services.mast.selfManageAccess =
          false; and let Mast in by yourself.
        ''
      else
        null
    else if !matches "${label}([.]${label})*[.]?" host || matches "[0-9.]+" host then
      ''
        is neither a host's name nor an address. Set services.mast.settings.MAST_SELF_HOST to one, or
        remove it: Mast then takes 127.0.0.1.
      ''
    else
      null;
  selfHost = value "MAST_SELF_HOST";
  hostFault = if selfHost == null then null else wrongHost selfHost;

  # NixOS knows its host's name as 127.0.0.2, where an sshd on all addresses listens too.
  ownNames = [
    "localhost"
  ]
  ++ lib.optional (config.services.openssh.listenAddresses == [ ]) config.networking.hostName;
  otherName =
    selfHost != null
    && hostFault == null
    && !matches "[0-9.]+" selfHost
    && !lib.elem selfHost ownNames;

  selfPort = value "MAST_SELF_PORT";
  isPort = text: matches "[1-9][0-9]{0,4}" text && builtins.fromJSON text <= 65535;
in
{
  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = secrets == [ ];
        message = ''
          services.mast.settings contains ${names secrets}, by its name or form a secret. Settings are
          written to the Nix store and to the unit, where every user can read them. Move it to the
          file named by services.mast.environmentFile, where any variable of Mast may stand.
        '';
      }
      {
        assertion = taken == [ ];
        message = ''
          services.mast.settings contains ${names taken}, which the module sets itself. Use instead:
          ${names (map (name: owned.${name}) taken)}.
        '';
      }
      {
        assertion = malformed == [ ];
        message = ''
          services.mast.settings contains names that no environment variable can have: ${names malformed}.
          Use letters, digits and underscores.
        '';
      }
      {
        assertion = hostFault == null;
        message = "services.mast.settings.MAST_SELF_HOST ${toString hostFault}";
      }
      {
        assertion = selfPort == null || isPort selfPort;
        message = ''
          services.mast.settings.MAST_SELF_PORT is no port. Set it to the port on which sshd listens,
          or remove it: the module then takes the first of services.openssh.ports.
        '';
      }
    ];

    warnings = lib.optional (access && otherName) ''
      services.mast.settings.MAST_SELF_HOST is a name, and the key with which Mast logs in is good
      from 127.0.0.1 alone: unless that name leads there on this host, Mast cannot log in. Remove
      services.mast.settings.MAST_SELF_HOST, or set it to "localhost".
    '';
  };
}
