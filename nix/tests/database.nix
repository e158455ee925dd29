# A machine with PostgreSQL for Mast, for the tests in which the database is elsewhere.
{ lib, ... }:
{
  services.postgresql = {
    enable = true;
    enableTCPIP = true;
    ensureDatabases = [ "mast" ];
    ensureUsers = [
      {
        name = "mast";
        ensureDBOwnership = true;
      }
    ];
    authentication = "host mast mast all scram-sha-256";
  };

  systemd.services.postgresql-setup.script = lib.mkAfter ''
    psql -tAc "ALTER ROLE mast PASSWORD 'pass/word'"
  '';

  networking.firewall.allowedTCPPorts = [ 5432 ];
}
