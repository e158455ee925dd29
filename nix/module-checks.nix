# Refuses configurations of services.mast that evaluate but cannot work, each with its remedy, and
# warns of those that hardly mean what they say. What `settings` may contain is in
# module-settings-checks.nix.
{ config, lib, ... }:
let
  cfg = config.services.mast;

  # toString, because interpolating a path would copy the secrets into the store.
  inStore = file: builtins.isPath file || lib.hasPrefix "${builtins.storeDir}/" (toString file);
in
{
  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.environmentFile != null;
        message = ''
          services.mast.environmentFile is not set. Mast does not start without SECRET_KEY_BASE and
          MAST_VAULT_KEY. Create a file that only root can read, outside of the Nix store, with
            SECRET_KEY_BASE=…   made by: head -c 48 /dev/urandom | base64 -w 0
            MAST_VAULT_KEY=…    made by: head -c 32 /dev/urandom | base64 -w 0
          and set services.mast.environmentFile = "/run/secrets/mast.env"; (its path, as a string).
        '';
      }
      {
        assertion = cfg.environmentFile == null || !inStore cfg.environmentFile;
        message = ''
          services.mast.environmentFile lies in the Nix store, which every user can read, or would
          be copied there. Keep the file outside of the store and write its path as a string, for
          example services.mast.environmentFile = "/run/secrets/mast.env"; agenix and sops-nix
          both provide such a path.
        '';
      }
      {
        assertion = cfg.database.createLocally -> cfg.database.name == "mast";
        message = ''
          services.mast.database.createLocally makes a database and a role `mast`: peer
          authentication and ownership need both to be called like the user that Mast runs as, so
          services.mast.database.name cannot be changed. Remove services.mast.database.name, or set
          services.mast.database.createLocally = false; and put DATABASE_URL into
          services.mast.environmentFile.
        '';
      }
      {
        assertion = cfg.database.createLocally -> config.systemd.targets ? postgresql;
        message = ''
          services.mast.database.createLocally needs postgresql.target, which this nixpkgs does not
          have: without it Mast would start before its database and role are made. Take NixOS 25.11
          or newer, or set services.mast.database.createLocally = false;
        '';
      }
      {
        assertion = !(cfg.database.createLocally && cfg.settings.ECTO_IPV6 == true);
        message = ''
          services.mast.settings.ECTO_IPV6 cannot be combined with a local database: Ecto fails to
          reach a Unix socket with it. Remove services.mast.settings.ECTO_IPV6, or set
          services.mast.database.createLocally = false;
        '';
      }
    ];

    warnings =
      lib.optional (!cfg.database.createLocally && cfg.database.name != "mast") ''
        services.mast.database.name has no effect on an external database. Name the database in the
        DATABASE_URL of services.mast.environmentFile and remove services.mast.database.name.
      ''
      ++ lib.optional (cfg.openFirewall && cfg.host == "localhost") ''
        services.mast.openFirewall is set, but services.mast.host is "localhost": the dashboard
        would open from other machines, and then refuse their live connection. Set
        services.mast.host to the name that their browsers use.
      '';
  };
}
