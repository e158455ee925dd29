# The configurations whose generated text the tests assert, directive by directive. Each is a
# module, as a user would write it.
let
  minimal = {
    enable = true;
    environmentFile = "/run/secrets/mast.env";
  };
  mast = settings: { services.mast = minimal // settings; };

  # A self-managed Mast beside what the operator, or another module, says of sshd.
  beside = openssh: {
    imports = [ (mast { selfManage = true; }) ];
    services = { inherit openssh; };
  };
in
{
  disabled.services.mast = {
    environmentFile = "/run/secrets/mast.env";
    selfManage = true;
  };
  minimal = mast { };
  host-and-port = mast {
    host = "mast.example.org";
    port = 8080;
  };
  firewall = mast {
    host = "mast.example.org";
    openFirewall = true;
  };
  external = mast { database.createLocally = false; };
  self-managed = mast { selfManage = true; };
  self-managed-external = mast {
    selfManage = true;
    database.createLocally = false;
  };
  without-access = mast {
    selfManage = true;
    selfManageAccess = false;
  };
  sudo = mast {
    selfManage = true;
    selfManageSudo = [
      "journal"
      "files"
    ];
  };
  operators-sshd = beside {
    enable = true;
    extraConfig = "Banner none";
  };
  # As nixpkgs' proxmox-lxc.nix has it.
  another-modules-sshd = { lib, ... }: beside { enable = lib.mkDefault true; };
  other-ssh-port = beside {
    enable = true;
    ports = [
      2222
      22
    ];
  };
  other-ssh-address = beside {
    enable = true;
    listenAddresses = [
      { addr = "192.0.2.7"; }
      { addr = "::"; }
      {
        addr = "127.0.0.1";
        port = 2200;
      }
    ];
  };
  no-ipv6 = {
    imports = [ (mast { selfManage = true; }) ];
    networking.enableIPv6 = false;
  };
  settings = mast {
    selfManage = true;
    settings = {
      MAST_PUBLIC_URL = "https://mast.example.org";
      MAST_TRUST_PROXY_HEADERS = true;
      POOL_SIZE = 20;
      DNS_CLUSTER_QUERY = null;
      RELEASE_DISTRIBUTION = "none";
      GREETING = ''with "quotes", a \backslash and 100% per cent'';
    };
  };
  other-socket = {
    imports = [ (mast { }) ];
    services.postgresql.settings.port = 5433;
  };
  other-environment-file = mast {
    selfManage = true;
    environmentFile = "/etc/a folder/100%.env";
  };
  ipv6 = mast {
    database.createLocally = false;
    settings.ECTO_IPV6 = true;
  };
}
