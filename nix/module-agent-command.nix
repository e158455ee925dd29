# The `mast-agent` on the PATH, with the settings that its unit has: by hand, too, it then knows
# the release, where the secrets lie, and how Mast is to reach this host. It contains no secret, and
# who may not read the environment file is told what can be told without it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.mast;

  # What NixOS gives to every service stays there: a shell has its own.
  ofNixos = [
    "LOCALE_ARCHIVE"
    "PATH"
    "TZDIR"
  ];
  set = lib.filterAttrs (_: value: value != null) (
    removeAttrs config.systemd.services.mast-agent.environment ofNixos
  );

  # `%%` is a per cent sign in a unit. What else begins with one is for systemd alone to fill in.
  unescape = builtins.replaceStrings [ "%%" ] [ "%" ];
  filledBySystemd =
    value: lib.hasInfix "%" (builtins.replaceStrings [ "%%" ] [ "" ] (toString value));

  variables = {
    # The unit's own line.
    MAST_AGENT_ACCESS = "yes";
  }
  // lib.mapAttrs (_: value: unescape (toString value)) (
    lib.filterAttrs (_: value: !filledBySystemd value) set
  )
  // {
    # The file itself: the unit has a copy of it, as a credential.
    MAST_AGENT_ENV_FILE = toString cfg.environmentFile;
  };

  command = pkgs.writeShellApplication {
    name = "mast-agent";
    text = ''
      # What the shell has set already is left alone.
      default() {
        if [ -z "''${!1+set}" ]; then
          export "$1=$2"
        fi
      }
      ${lib.concatStringsSep "\n" (
        lib.mapAttrsToList (name: value: "default ${name} ${lib.escapeShellArg value}") variables
      )}
      exec ${lib.getExe cfg.agentPackage} "$@"
    '';
    meta.description = "Runs mast-agent with the settings of its unit";
  };
in
{
  config = lib.mkIf (cfg.enable && cfg.selfManage) {
    environment.systemPackages = [
      # Instead of the package's own; its man page and completions are taken all the same.
      (lib.hiPrio command)
      cfg.agentPackage
    ];
  };
}
