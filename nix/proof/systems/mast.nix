# Mast, its database, its settings and the agent.
{
  lib,
  base,
  overlays,
  tower,
  selfManaged,
  unit,
  says,
  listed,
  ...
}:
{
  local-database = {
    about = "Mast with a database on its own host";
    module = tower { };
    claims = config: {
      "PostgreSQL runs, and makes a database and a role for Mast".holds =
        config.services.postgresql.enable
        && lib.elem "mast" config.services.postgresql.ensureDatabases
        && lib.any (user: user.name == "mast" && user.ensureDBOwnership) (
          config.services.postgresql.ensureUsers
        );
      "Mast starts after postgresql.target, and requires it".holds =
        let
          names = listed (unit config "mast.service");
        in
        lib.all (key: lib.elem "postgresql.target" (names key)) [
          "After"
          "Requires"
        ];
      "postgresql.target waits for the roles" = {
        needs = [
          "postgresql.target"
          "postgresql-setup.service"
        ];
        holds = lib.elem "postgresql-setup.service" (
          config.systemd.targets.postgresql.requires or [ ]
        );
      };
      "nothing of the agent is there".holds =
        !(config.systemd.services ? mast-agent) && !(config.users.users ? mast-managed);
    };
  };

  external-database = {
    about = "Mast with a database elsewhere";
    external = true;
    module = selfManaged { services.mast.database.createLocally = false; };
    claims = config: {
      "no PostgreSQL runs".holds =
        !config.services.postgresql.enable && !(config.systemd.units ? "postgresql.service");
      "Mast waits for the network".holds = lib.elem "network-online.target" (
        listed (unit config "mast.service") "After"
      );
      "the agent has the network".holds =
        !(says (unit config "mast-agent.service") "PrivateNetwork=");
    };
  };

  self-managed = {
    about = "Mast that enrolls its own host";
    module = selfManaged { };
    claims = config: {
      "Mast's start wants the agent, and no target does".holds =
        config.systemd.services.mast-agent.wantedBy == [ "mast.service" ];
      "the agent's unit is the package's, and the module adds to it".holds =
        lib.any (each: lib.hasPrefix "mast-agent-" each.name) config.systemd.packages
        && !(says (unit config "mast-agent.service") "ExecStart=");
      "the agent has no network, only the socket".holds =
        listed (unit config "mast-agent.service") "PrivateNetwork" == [ "yes" ];
    };
  };

  settings = {
    about = "settings of Mast's";
    module = selfManaged {
      services.mast.settings = {
        POOL_SIZE = 20;
        RELEASE_DISTRIBUTION = "none";
        GREETING = ''with "quotes", a \backslash and 100% per cent'';
      };
    };
    claims = config: {
      "Mast and the agent get them".holds = lib.all (text: says text "POOL_SIZE=20") [
        (unit config "mast.service")
        (unit config "mast-agent.service")
      ];
      "a per cent sign is no specifier".holds = says (unit config "mast.service") "100%% per cent";
    };
  };

  overlay = {
    about = "the packages by the overlay, from the system's own nixpkgs";
    module = {
      imports = [
        base
        ../../module.nix
      ];
      nixpkgs.overlays = [ overlays.default ];
      services.mast.selfManage = true;
    };
    claims = config: {
      "they are the overlay's".holds =
        lib.hasPrefix "mast-agent-" config.services.mast.agentPackage.name
        && lib.hasPrefix "mast-" config.services.mast.package.name;
    };
  };
}
