# Refuses, or warns of, configurations in which Mast cannot log in to the host that it enrolled.
# Mostly warnings: a host is enrolled all the same, and may be given access later.
{ config, lib, ... }:
let
  cfg = config.services.mast;
  ssh = config.services.openssh;
  wanted = cfg.enable && cfg.selfManage && cfg.selfManageAccess;

  user = "mast-managed";
  account = config.users.users.${user};

  inherit
    (import ./self-address.nix {
      inherit lib;
      openssh = ssh;
    })
    inet6
    reachable
    ;

  # sshd's patterns are not evaluated: what has a wildcard is taken to admit.
  isPattern = each: builtins.match ".*[*?].*" each != null;
  withoutHost = each: lib.head (lib.splitString "@" each);
  admits =
    names: list:
    list == null || lib.any (each: isPattern each || lib.elem (withoutHost each) names) list;
  usersAdmit = admits [ user ] (ssh.settings.AllowUsers or null);
  groups = [ account.group ] ++ account.extraGroups;
  groupsAdmit = admits groups (ssh.settings.AllowGroups or null);

  selfUser = cfg.settings.MAST_SELF_USER or null;
in
{
  config = lib.mkIf wanted {
    assertions = [
      {
        assertion = selfUser == null || selfUser == user;
        message = ''
          services.mast.settings.MAST_SELF_USER is not ${user}, but that is the one user whom
          services.mast.selfManageAccess lets in. Remove services.mast.settings.MAST_SELF_USER, or
          set services.mast.selfManageAccess = false; and let Mast in by yourself.
        '';
      }
    ];

    warnings =
      lib.optional (!ssh.enable) ''
        services.openssh.enable is false, so Mast cannot log in to the host that it enrolls. Remove
        services.openssh.enable (sshd then listens on the loopback alone), or set
        services.mast.selfManageAccess = false;
      ''
      ++ lib.optional (ssh.enable && inet6) ''
        services.openssh.settings.AddressFamily is "inet6", and Mast reaches hosts over IPv4 alone,
        so it cannot log in to the host that it enrolls. Remove
        services.openssh.settings.AddressFamily, or set services.mast.selfManageAccess = false;
      ''
      ++ lib.optional (ssh.enable && !reachable && !inet6) ''
        services.openssh.listenAddresses has neither a loopback address nor a wildcard of IPv4, and
        Mast reaches hosts over IPv4 alone, so it cannot log in to the host that it enrolls. Add
        { addr = "127.0.0.1"; } to services.openssh.listenAddresses, or set
        services.mast.selfManageAccess = false;
      ''
      ++ lib.optional (ssh.enable && !usersAdmit) ''
        services.openssh.settings.AllowUsers does not admit ${user}, so Mast cannot log in to the
        host that it enrolls. Add "${user}" to services.openssh.settings.AllowUsers, or set
        services.mast.selfManageAccess = false;
      ''
      ++ lib.optional (ssh.enable && !groupsAdmit) ''
        services.openssh.settings.AllowGroups does not admit ${user}, so Mast cannot log in to the
        host that it enrolls. Add "${user}" to services.openssh.settings.AllowGroups, or set
        services.mast.selfManageAccess = false;
      ''
      ++ lib.optional (cfg.selfManageSudo != [ ] && !config.security.sudo.enable) ''
        services.mast.selfManageSudo has no effect, since security.sudo.enable is false; sudo-rs
        does not know the regular expressions that it needs. Set security.sudo.enable = true; or
        remove services.mast.selfManageSudo.
      '';
  };
}
