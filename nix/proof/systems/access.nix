# Mast logging in to its own host: sshd, the user, sudo.
{
  lib,
  selfManaged,
  unit,
  says,
  listed,
  ...
}:
let
  loopback = [
    "127.0.0.1"
    "[::1]"
  ];
in
{
  access = {
    about = "Mast that may log in to the host that it enrolls";
    module = selfManaged { };
    claims = config: {
      "sshd is there for Mast, on the loopback and behind the firewall".holds =
        config.services.openssh.enable
        && map (each: each.addr) config.services.openssh.listenAddresses == loopback
        && !(lib.elem 22 config.networking.firewall.allowedTCPPorts);
      "Mast's user has no password".holds =
        config.users.users.mast-managed.initialHashedPassword == "*"
        && config.users.users.mast-managed.isSystemUser;
      "sshd's rule for that user comes last".holds =
        says config.services.openssh.extraConfig "Match User mast-managed\n"
        && lib.hasSuffix "Match all\n" config.services.openssh.extraConfig;
      "the key is installed before the agent starts".holds =
        config.systemd.services.mast-agent-access.wantedBy == [ "mast-agent.service" ];
    };
  };

  access-off = {
    about = "Mast that enrolls its host and may not log in";
    module = selfManaged { services.mast.selfManageAccess = false; };
    claims = config: {
      "there is no sshd, no user and no key".holds =
        !config.services.openssh.enable
        && !(config.users.users ? mast-managed)
        && lib.any (lib.hasInfix "/var/lib/mast-agent-access") config.systemd.tmpfiles.rules;
      "the agent is told so".holds = says (unit config "mast-agent.service") "MAST_AGENT_ACCESS=no";
    };
  };

  operators-sshd = {
    about = "beside an sshd of the operator's, with keys alone and two users";
    module = selfManaged {
      services.openssh = {
        enable = true;
        settings = {
          PasswordAuthentication = false;
          AllowUsers = [
            "operator"
            "mast-managed"
          ];
        };
      };
    };
    claims = config: {
      "it listens where it did, and its port stays open".holds =
        config.services.openssh.listenAddresses == [ ]
        && lib.elem 22 config.networking.firewall.allowedTCPPorts;
      "Mast's rule is added".holds =
        says config.services.openssh.extraConfig "Match User mast-managed";
    };
  };

  start-when-needed = {
    about = "beside an sshd that its socket starts";
    module = selfManaged { services.openssh.startWhenNeeded = true; };
    claims = config: {
      "the socket listens on the loopback alone".holds =
        listed (unit config "sshd.socket") "ListenStream" == map (each: "${each}:22") loopback;
    };
  };

  sudo = {
    about = "what Mast may run as root";
    module = selfManaged {
      services.mast.selfManageSudo = [
        "journal"
        "files"
      ];
    };
    claims = config: {
      "sudoers has both rules, by regular expression".holds =
        lib.all (says config.security.sudo.configFile)
          [
            "mast-managed"
            "journalctl ^-u "
            "tail ^-n 200 -F /var/log"
          ];
    };
  };

  sudo-rs = {
    about = "sudo-rs in place of sudo";
    needs = [ "security.sudo-rs.enable" ];
    module = selfManaged {
      security = {
        sudo.enable = false;
        sudo-rs.enable = true;
      };
      services.mast.selfManageSudo = [ "journal" ];
    };
    # It knows no regular expressions, so that the rules would permit nothing.
    warnings = [ "services.mast.selfManageSudo has no effect" ];
    claims = config: {
      "sudo-rs has no rule for Mast".holds =
        !(says config.security.sudo-rs.configFile "mast-managed");
    };
  };
}
