# What a host has beside Mast: how its users are made, its network, a reverse proxy, a container.
{
  lib,
  tower,
  selfManaged,
  unit,
  says,
  ...
}:
{
  userborn = {
    about = "users made by userborn";
    needs = [ "services.userborn.enable" ];
    module = selfManaged { services.userborn.enable = true; };
    claims = config: {
      "userborn makes the users".holds = config.systemd.services ? userborn;
    };
  };

  networkd = {
    about = "the network by systemd-networkd";
    external = true;
    module = selfManaged {
      networking.useNetworkd = true;
      services.mast.database.createLocally = false;
    };
    claims = config: {
      "something brings the target that Mast waits for".holds =
        config.systemd.units ? "systemd-networkd-wait-online.service";
    };
  };

  open-firewall = {
    about = "the dashboard open to other machines, by nftables";
    module = tower {
      networking.nftables.enable = true;
      services.mast = {
        host = "tower.lan";
        port = 8080;
        openFirewall = true;
      };
    };
    claims = config: {
      "the port is open, and Mast listens on it".holds =
        lib.elem 8080 config.networking.firewall.allowedTCPPorts
        && says (unit config "mast.service") "PORT=8080";
    };
  };

  reverse-proxy = {
    about = "behind nginx, with TLS there";
    module = tower {
      services.nginx = {
        enable = true;
        virtualHosts."mast.example.org".locations."/" = {
          proxyPass = "http://127.0.0.1:4000";
          proxyWebsockets = true;
        };
      };
      services.mast = {
        host = "mast.example.org";
        settings = {
          MAST_PUBLIC_URL = "https://mast.example.org";
          MAST_TRUST_PROXY_HEADERS = true;
        };
      };
    };
    claims = config: {
      "Mast's own port stays closed".holds =
        !(lib.elem 4000 config.networking.firewall.allowedTCPPorts);
      "Mast knows its public address".holds =
        says (unit config "mast.service") "MAST_PUBLIC_URL=https://mast.example.org";
    };
  };

  container = {
    about = "in a container, without a boot loader";
    module = selfManaged { boot.isContainer = true; };
    claims = config: {
      "the agent and its access are there".holds =
        config.systemd.services ? mast-agent-access && config.services.openssh.enable;
    };
  };
}
