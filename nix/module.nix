# services.mast: Mast, its database, and on request the enrollment of this host as its first
# managed server.
#
# Here are the options. What they generate is in module-units.nix, module-agent-command.nix and
# module-access.nix; what cannot work is refused in module-checks.nix, module-access-checks.nix and
# module-settings-checks.nix.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  isSecret = import ./secret-names.nix { inherit lib; };

  scalar = types.oneOf [
    types.bool
    types.int
    types.str
  ];
in
{
  imports = [
    ./module-access-checks.nix
    ./module-access.nix
    ./module-agent-command.nix
    ./module-checks.nix
    ./module-settings-checks.nix
    ./module-units.nix
  ];

  options.services.mast = {
    enable = lib.mkEnableOption "Mast, a dashboard for a small fleet of Linux servers";

    package = lib.mkPackageOption pkgs "mast" { };

    agentPackage = lib.mkPackageOption pkgs "mast-agent" { };

    host = mkOption {
      type = types.nonEmptyStr;
      default = "localhost";
      example = "mast.example.org";
      description = ''
        The name under which browsers reach the dashboard: Mast builds its links with it, and
        refuses the live connection of a page that was loaded under another name.
      '';
    };

    port = mkOption {
      type = types.port;
      default = 4000;
      example = 8080;
      description = "The port on which Mast serves plain HTTP, on all interfaces.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether to open {option}`services.mast.port` in the firewall. Mast serves plain HTTP; a
        reverse proxy on the same host does not need this.
      '';
    };

    environmentFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/mast.env";
      description = ''
        A file in the form of systemd's `EnvironmentFile=` with the secrets `SECRET_KEY_BASE` and
        `MAST_VAULT_KEY`, and with `DATABASE_URL` unless
        {option}`services.mast.database.createLocally` is set.

        systemd reads it as root, so root may be its only reader. It must not lie in the Nix
        store, which every user can read: write the path as a string.
      '';
    };

    database = {
      createLocally = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = ''
          Whether to run PostgreSQL on this host, with a database and an owning role `mast` that
          Mast reaches over the Unix socket, by peer authentication and without a password.
          Otherwise {option}`services.mast.environmentFile` has to contain `DATABASE_URL`.
        '';
      };

      name = mkOption {
        type = types.nonEmptyStr;
        default = "mast";
        example = "mast";
        description = ''
          The name of the local database. Peer authentication and ownership tie it to the user
          that Mast runs as, so a local database can only be called `mast`; an external one is
          named in `DATABASE_URL`.
        '';
      };
    };

    selfManage = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether to enroll this host as Mast's first managed server. `mast-agent.service` does it
        once Mast has started, away from the boot: nothing waits for it. `mast-agent status` tells
        how far it is.
      '';
    };

    selfManageAccess = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether Mast may log in to the host that it enrolls, over SSH from this host alone and with
        the one key that it made: as the unprivileged user `mast-managed`, who reads the journal.
        It has an effect with {option}`services.mast.selfManage` only.

        An sshd that nothing else in the configuration turns on or off is turned on for it, on the
        loopback and behind the firewall. Any other sshd stays as it is, but for a rule for this
        user.
      '';
    };

    selfManageSudo = mkOption {
      type = types.listOf (
        types.enum [
          "journal"
          "files"
        ]
      );
      default = [ ];
      example = [ "journal" ];
      description = ''
        Which of the commands that Mast runs as root the user `mast-managed` may run, by
        `sudo -n` and with no other arguments:

        - `journal`: `journalctl -u UNIT -f -n 200 --output=cat`, a unit's log.
        - `files`: `tail -n 200 -F PATH`, a log file below {file}`/var/log`. As root, `tail`
          follows links: who may write somewhere below {file}`/var/log` can point it to any file.

        It needs {option}`security.sudo.enable`, and has an effect with
        {option}`services.mast.selfManageAccess` only.
      '';
    };

    settings = mkOption {
      default = { };
      example = lib.literalExpression ''
        {
          MAST_PUBLIC_URL = "https://mast.example.org";
          MAST_TRUST_PROXY_HEADERS = true;
          POOL_SIZE = 20;
        }
      '';
      description = ''
        Further environment variables of Mast, seen by the agent as well. They end up in the
        store and in the unit, where every user can read them: secrets belong into
        {option}`services.mast.environmentFile`. `null` leaves a variable out.
      '';
      type = types.submodule {
        freeformType = types.attrsOf (types.nullOr scalar);
        options = {
          MAST_PUBLIC_URL = mkOption {
            type = types.nullOr types.nonEmptyStr;
            default = null;
            example = "https://mast.example.org";
            description = "The address of the dashboard, if a reverse proxy changes it.";
          };
          POOL_SIZE = mkOption {
            type = types.nullOr types.ints.positive;
            default = null;
            example = 20;
            description = "The number of connections to the database; Mast's own default is 10.";
          };
          ECTO_IPV6 = mkOption {
            type = types.nullOr types.bool;
            default = null;
            example = true;
            description = "Whether to reach an external database over IPv6.";
          };
        };
      };
    };

    environment = mkOption {
      type = types.attrsOf types.str;
      internal = true;
      readOnly = true;
      description = "What Mast and the agent read besides the environment file; no secrets.";
      default =
        let
          cfg = config.services.mast;
          text = value: if builtins.isBool value then lib.boolToString value else toString value;
        in
        {
          PHX_HOST = cfg.host;
          PORT = toString cfg.port;
          # A crash dump would hold the secrets.
          ERL_CRASH_DUMP_SECONDS = "0";
        }
        // lib.optionalAttrs cfg.database.createLocally {
          # Ecto wants a host and then ignores it; the port names the socket.
          DATABASE_URL = "ecto://mast@localhost:${toString config.services.postgresql.settings.port}/mast?socket_dir=/run/postgresql";
        }
        // lib.mapAttrs (_: text) (
          # A secret among the settings is refused by module-settings-checks.nix, and left out here.
          lib.filterAttrs (name: value: value != null && !isSecret name) cfg.settings
        );
    };
  };
}
