# Refuses configurations of services.mast that evaluate but cannot work, each with its remedy, and
# warns of those that hardly mean what they say. No message repeats a value of `settings`.
{ config, lib, ... }:
let
  cfg = config.services.mast;

  # toString, because interpolating a path would copy the secrets into the store.
  inStore = file: builtins.isPath file || lib.hasPrefix "${builtins.storeDir}/" (toString file);

  given = lib.attrNames (lib.filterAttrs (_: value: value != null) cfg.settings);
  secrets = lib.intersectLists (import ./secret-variables.nix) given;
  looksSecret =
    name: builtins.match ".*(SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE|_KEY)(_.*)?" name != null;
  likelySecrets = lib.filter looksSecret (lib.subtractLists secrets given);
  owned = lib.intersectLists [ "PHX_HOST" "PHX_SERVER" "PORT" ] given;
  malformed = lib.filter (name: builtins.match "[A-Za-z_][A-Za-z0-9_]*" name == null) given;

  names = lib.concatStringsSep ", ";
in
{
  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.environmentFile != null;
        message = ''
          services.mast.environmentFile is not set. Mast does not start without SECRET_KEY_BASE and
          MAST_VAULT_KEY. Create a file that only root can read, outside of the Nix store, with
            SECRET_KEY_BASE=…   made by: openssl rand -base64 48
            MAST_VAULT_KEY=…    made by: openssl rand -base64 32
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
        assertion = !(cfg.database.createLocally && cfg.settings.ECTO_IPV6 == true);
        message = ''
          services.mast.settings.ECTO_IPV6 cannot be combined with a local database: Ecto fails to
          reach a Unix socket with it. Remove services.mast.settings.ECTO_IPV6, or set
          services.mast.database.createLocally = false;
        '';
      }
      {
        assertion = secrets == [ ];
        message = ''
          services.mast.settings contains ${names secrets}. Settings are written to the Nix store
          and to the unit, where every user can read them. Move what is secret to the file named by
          services.mast.environmentFile.
        '';
      }
      {
        assertion = owned == [ ];
        message = ''
          services.mast.settings contains ${names owned}, which the module sets itself. Use
          services.mast.host and services.mast.port.
        '';
      }
      {
        assertion = malformed == [ ];
        message = ''
          services.mast.settings contains names that no environment variable can have: ${names malformed}.
          Use letters, digits and underscores.
        '';
      }
    ];

    warnings =
      lib.optional (likelySecrets != [ ]) ''
        services.mast.settings contains ${names likelySecrets}, which sounds like a secret. Settings
        can be read by every user; if it is one, move it to services.mast.environmentFile.
      ''
      ++ lib.optional (!cfg.database.createLocally && cfg.database.name != "mast") ''
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
