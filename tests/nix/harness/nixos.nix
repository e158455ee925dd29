# As much of NixOS as the module of this repository meets: the options that it sets, and the text
# of units, generated as NixOS generates it (nixos/lib/systemd-lib.nix). Users, sshd and sudo are in
# logins.nix.
{
  lib,
  pkgs,
  config,
  ...
}:
let
  inherit (lib) mkOption types;

  list =
    type:
    mkOption {
      type = types.listOf type;
      default = [ ];
    };
  strings = list types.str;
  scalar = types.oneOf [
    types.bool
    types.int
    types.path
    types.str
  ];
  directive = types.either (types.listOf scalar) scalar;

  service =
    { config, ... }:
    {
      options = {
        description = mkOption {
          type = types.str;
          default = "";
        };
        documentation = strings;
        wantedBy = strings;
        requires = strings;
        wants = strings;
        after = strings;
        before = strings;
        environment = mkOption {
          type = types.attrsOf (types.nullOr (types.either types.str types.package));
          default = { };
        };
        path = list types.package;
        restartTriggers = list types.raw;
        preStart = mkOption {
          type = types.lines;
          default = "";
        };
        restartIfChanged = mkOption {
          type = types.bool;
          default = true;
        };
        serviceConfig = mkOption {
          type = types.attrsOf directive;
          default = { };
        };
      };
      config = {
        path = lib.mkAfter [
          pkgs.coreutils
          pkgs.findutils
          pkgs.gnugrep
          pkgs.gnused
          pkgs.systemd
        ];
        environment = {
          PATH = "${lib.makeBinPath config.path}:${lib.makeSearchPathOutput "bin" "sbin" config.path}";
          LOCALE_ARCHIVE = "/run/current-system/sw/lib/locale/locale-archive";
          TZDIR = "/etc/zoneinfo";
        };
      };
    };

  # -- Text --------------------------------------------------------------------------------------

  text = value: if builtins.isBool value then lib.boolToString value else toString value;
  section =
    attributes:
    lib.concatMapStringsSep "" (line: "${line}\n") (
      lib.flatten (
        lib.mapAttrsToList (
          name: value: map (each: "${name}=${text each}") (lib.flatten [ value ])
        ) attributes
      )
    );
  joined = name: values: lib.optionalAttrs (values != [ ]) { ${name} = toString values; };

  preStartScript = name: "/nix/store/unit-script-${name}-pre-start/bin/${name}-pre-start";

  unitText = name: def: ''
    [Unit]
    ${section (
      joined "Requires" def.requires
      // joined "Wants" def.wants
      // joined "After" def.after
      // joined "Before" def.before
      // joined "Documentation" def.documentation
      # NixOS names a file that holds them.
      // joined "X-Restart-Triggers" def.restartTriggers
      // lib.optionalAttrs (def.description != "") { Description = def.description; }
    )}
    [Service]
    ${lib.concatMapStringsSep "" (variable: variable + "\n") (
      lib.mapAttrsToList (
        variable: value: "Environment=${builtins.toJSON "${variable}=${toString value}"}"
      ) (lib.filterAttrs (_: value: value != null) def.environment)
    )}${lib.optionalString (!def.restartIfChanged) "X-RestartIfChanged=false\n"}${
      section (
        def.serviceConfig
        // lib.optionalAttrs (def.preStart != "") { ExecStartPre = [ (preStartScript name) ]; }
      )
    }
    [Install]
    WantedBy=${toString def.wantedBy}
  '';
in
{
  imports = [ ./logins.nix ];

  options = {
    assertions = list types.raw;
    warnings = strings;
    environment.systemPackages = list types.package;
    networking.firewall.allowedTCPPorts = list types.port;

    services.postgresql = {
      enable = lib.mkEnableOption "PostgreSQL";
      ensureDatabases = strings;
      ensureUsers = list types.raw;
      settings.port = mkOption {
        type = types.port;
        default = 5432;
      };
    };

    systemd = {
      package = mkOption {
        type = types.package;
        default = pkgs.systemd;
      };
      packages = list types.package;
      tmpfiles.rules = strings;
      targets = mkOption {
        type = types.attrsOf types.raw;
        default = { };
      };
      services = mkOption {
        type = types.attrsOf (types.submodule service);
        default = { };
      };
    };

    rendered = mkOption {
      type = types.attrsOf types.raw;
      description = "What a test looks at.";
    };
  };

  # Since NixOS 25.11.
  config.systemd.targets = lib.mkIf config.services.postgresql.enable {
    postgresql.requires = [
      "postgresql.service"
      "postgresql-setup.service"
    ];
  };

  config.rendered = {
    units = lib.mapAttrs unitText config.systemd.services;
    preStart = lib.mapAttrs (name: def: {
      path = preStartScript name;
      text = ''
        #!${pkgs.bash}/bin/bash
        set -e

        ${def.preStart}
      '';
    }) (lib.filterAttrs (_: def: def.preStart != "") config.systemd.services);
    wantedBy = lib.mapAttrs (_: def: def.wantedBy) config.systemd.services;
  };
}
