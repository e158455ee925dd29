# What services.mast turns into: the database, mast.service, what NixOS adds to the agent's own
# unit, and root's `mast`. The agent's command is in module-agent-command.nix.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.mast;
  local = cfg.database.createLocally;

  # toString, because interpolating a path would copy the secrets into the store.
  environmentFile = toString cfg.environmentFile;
  hasEnvironmentFile = cfg.environmentFile != null;

  # In units systemd reads a per cent sign as the beginning of a specifier.
  escape = builtins.replaceStrings [ "%" ] [ "%%" ];
  environment = lib.mapAttrs (_: escape) cfg.environment;

  # Made by preStart, read by systemd before the server starts and for `mast remote`.
  cookieFile = "/run/mast/cookie.env";

  # Debian's units, whose directives hold here as well, but for what is named below.
  unitFile = import ./unit-file.nix { inherit lib; };
  debian = unitFile ../systemd/mast.service;
  ofDebianAlone = [
    "Environment"
    "EnvironmentFile"
    "ExecStart"
    "ExecStartPre"
    "StateDirectory"
    "StateDirectoryMode"
    "WorkingDirectory"
  ];

  launch = lib.getExe (pkgs.callPackage ./launcher.nix { mast = cfg.package; });

  # `remote` and `rpc` work on this machine and from nowhere else: the node is on the loopback, and
  # so are epmd and the port that it hands out. The release shows its cookie in its arguments, to
  # every user of the machine; settings.RELEASE_DISTRIBUTION = "none" closes that door.
  distribution = {
    RELEASE_DISTRIBUTION = "sname";
    RELEASE_NODE = "mast@localhost";
    ERL_EPMD_ADDRESS = "127.0.0.1";
    ERL_AFLAGS = "-kernel inet_dist_use_interface {127,0,0,1}";
    RELEASE_TMP = "/run/mast";
  };

  # For root: bin/mast as the service's user, with what the service has, in a unit of its own, so
  # that it works while mast.service is down and needs no secrets in root's shell.
  command = pkgs.writeShellApplication {
    name = "mast";
    runtimeInputs = [
      config.systemd.package
      pkgs.coreutils
    ];
    text = ''
      if [ "$(id -u)" != 0 ]; then
        echo "mast: it runs with the service's secrets, so only root may: sudo mast $*" >&2
        exit 77
      fi
      stdio=--pipe
      if [ -t 0 ] && [ -t 1 ]; then
        stdio=--pty
      fi
      exec systemd-run --quiet --collect --wait --service-type=exec "$stdio" \
        ${
          lib.concatMapStringsSep " \\\n  " lib.escapeShellArg (
            [
              "--property=User=mast"
              "--property=DynamicUser=yes"
              "--property=UMask=0077"
              "--property=LimitCORE=0"
            ]
            ++ lib.mapAttrsToList (name: value: "--setenv=${name}=${value}") (
              distribution // cfg.environment
            )
            ++ lib.optional hasEnvironmentFile "--property=EnvironmentFile=${environmentFile}"
            ++ [ "--property=EnvironmentFile=-${cookieFile}" ]
          )
        } \
        -- ${launch} "$@"
    '';
    meta.description = "Runs Mast's release as its service does";
  };
in
{
  config = lib.mkIf cfg.enable {
    services.postgresql = lib.mkIf local {
      enable = true;
      ensureDatabases = [ "mast" ];
      ensureUsers = [
        {
          name = "mast";
          ensureDBOwnership = true;
        }
      ];
    };

    networking.firewall.allowedTCPPorts = lib.optional cfg.openFirewall cfg.port;

    environment.systemPackages = [ command ];

    systemd.services.mast = {
      description = debian.Unit.Description;
      documentation = [ debian.Unit.Documentation ];
      wantedBy = [ "multi-user.target" ];
      # The target, which also stands for the roles and databases that postgresql-setup makes.
      requires = lib.optional local "postgresql.target";
      wants = lib.optional (!local) "network-online.target";
      after = [
        "network.target"
        (if local then "postgresql.target" else "network-online.target")
      ];

      environment = distribution // environment // { PHX_SERVER = "true"; };

      # The agent is started by Mast's start alone: turning selfManage on has to be one.
      restartTriggers = lib.optional cfg.selfManage "self-managed";

      # Migrates, so that Mast never runs on an old schema; makes a cookie, new with every start,
      # unless the environment file has one.
      preStart = ''
        export MAST_BIN=${lib.getExe cfg.package}
        ${lib.removePrefix "#!/bin/sh\n" (builtins.readFile ../systemd/mast-prepare)}
      '';

      serviceConfig = removeAttrs debian.Service ofDebianAlone // {
        ExecStart = "${lib.getExe cfg.package} start";
        EnvironmentFile = lib.optional hasEnvironmentFile (escape environmentFile) ++ [
          "-${cookieFile}"
        ];
        DynamicUser = true;
        WorkingDirectory = "/run/mast";
      };
    };

    # The unit comes with the package, so that there is one to read; here is what differs.
    systemd.packages = lib.optional cfg.selfManage cfg.agentPackage;
    systemd.services.mast-agent = lib.mkIf cfg.selfManage {
      # Not by multi-user.target: neither the boot nor a switch to a new configuration waits.
      wantedBy = [ "mast.service" ];
      restartIfChanged = false;

      environment = environment // {
        MAST_BIN = lib.getExe cfg.package;
        # A copy that systemd makes readable for the agent alone.
        MAST_AGENT_ENV_FILE = "%d/mast.env";
      };

      serviceConfig = {
        DynamicUser = true;
        LoadCredential = lib.optional hasEnvironmentFile "mast.env:${escape environmentFile}";
      }
      # Where the database is a socket, the agent needs no network.
      // lib.optionalAttrs local (unitFile ../systemd/socket.conf).Service;
    };
  };
}
