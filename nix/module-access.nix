# Lets Mast log in to the host that it has enrolled: a user, sshd's rule for that user, and the
# unit that installs Mast's public key. What cannot work is in module-access-checks.nix.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  cfg = config.services.mast;
  wanted = cfg.enable && cfg.selfManage && cfg.selfManageAccess;

  user = "mast-managed";
  keys = "/var/lib/mast-agent-access";

  address = import ./self-address.nix {
    inherit lib;
    inherit (config.services) openssh;
  };

  # As the agent is told it, so that the login is tried there.
  agent = config.systemd.services.mast-agent.environment;
  whereMastComes = lib.filterAttrs (name: _: lib.hasPrefix "MAST_SELF_" name) agent;

  # Weaker than a mkDefault, so that whoever else has a say on sshd is heard, and can be told apart.
  weakly = lib.mkOverride 1400;
  sshdIsOurs = options.services.openssh.enable.highestPrio == (weakly null).priority;

  sshdRule = lib.splitString "\n" (builtins.readFile ../systemd/sshd.conf);

  # The commands of systemd/sudoers.conf, where each is explained: what Debian's sudo permits.
  sudoers = lib.splitString "\n" (builtins.readFile ../systemd/sudoers.conf);
  commandOf =
    alias:
    let
      found = map (builtins.match "#Cmnd_Alias ${alias} = /usr/bin/(.*)") sudoers;
    in
    lib.head (lib.head (builtins.filter (each: each != null) found));
  rootCommands = {
    journal = commandOf "MAST_JOURNAL";
    files = commandOf "MAST_FILES";
  };
in
{
  config = lib.mkMerge [
    (lib.mkIf wanted {
      # The home stays /var/empty: where systemd-sysusers makes the users, any other would become
      # theirs, `/` included.
      users.users.${user} = {
        description = "Mast, logging in to its own host";
        isSystemUser = true;
        group = user;
        # Reads all of the journal, which is most of what Mast shows.
        extraGroups = [ "systemd-journal" ];
        shell = pkgs.bashInteractive;
        # No password; but not the default "!" either, which sshd without PAM takes for a lock.
        initialHashedPassword = "*";
      };
      users.groups.${user} = { };

      services.openssh = {
        enable = weakly true;
        # An sshd that nobody else asked for is for Mast alone. One that somebody did ask for stays
        # as it is, so that nobody is locked out.
        openFirewall = lib.mkIf sshdIsOurs (lib.mkDefault false);
        listenAddresses = lib.mkIf sshdIsOurs (
          lib.mkDefault (
            [ { addr = "127.0.0.1"; } ]
            # In brackets, as a socket unit needs it (startWhenNeeded) and sshd understands it.
            ++ lib.optional config.networking.enableIPv6 { addr = "[::1]"; }
          )
        );
        # Debian's rule, at the very end: after `Match all` many directives are refused. NixOS puts
        # this through a shell's here-document, so there may be no dollar sign and no backquote.
        extraConfig = lib.mkOrder 2000 (
          lib.concatStringsSep "\n" (lib.filter (line: !lib.hasPrefix "#" line) sshdRule)
        );
      };

      security.sudo.extraRules = lib.optional (cfg.selfManageSudo != [ ]) {
        users = [ user ];
        runAs = "root";
        commands = map (each: {
          command = "/run/current-system/sw/bin/${rootCommands.${each}}";
          options = [
            "NOPASSWD"
            "NOEXEC"
          ];
        }) (lib.unique cfg.selfManageSudo);
      };

      # Where Mast will find sshd; what the operator's settings say prevails.
      systemd.services.mast-agent.environment = lib.mapAttrs (_: lib.mkDefault) address.variables;

      # The unit comes with the package. It gets none of Mast's secrets: all that it would look for
      # in an environment file is given here. It tries the login, with OpenSSH's client, and asks
      # sshd for its settings.
      systemd.services.mast-agent-access = {
        wantedBy = [ "mast-agent.service" ];
        path = [ pkgs.openssh ];
        environment = whereMastComes // {
          MAST_AGENT_ENV_FILE = "";
          MAST_SELF_USER = user;
        };
      };

      # Turning access on has to run an agent again that has long been active, and no start of Mast
      # does that. This unit is new then, and a switch starts it; it waits for nothing. On a boot it
      # comes before Mast, whose start is to bring the agent anyway.
      systemd.services.mast-agent-access-on = {
        description = "Have mast-agent learn the key with which Mast logs in";
        wantedBy = [ "multi-user.target" ];
        before = [ "mast.service" ];
        restartIfChanged = false;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${config.systemd.package}/bin/systemctl --no-block restart mast-agent.service";
        };
      };
    })

    (lib.mkIf (cfg.enable && !wanted) {
      systemd.tmpfiles.rules = [ "R ${keys} - - - - -" ];
      systemd.services.mast-agent = lib.mkIf cfg.selfManage {
        # The package's unit says yes.
        environment.MAST_AGENT_ACCESS = "no";
      };
    })
  ];
}
