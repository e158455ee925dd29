# The configurations whose generated text the tests assert, directive by directive. Each is a
# module, as a user would write it.
let
  minimal = {
    enable = true;
    environmentFile = "/run/secrets/mast.env";
  };
  mast = settings: { services.mast = minimal // settings; };
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
