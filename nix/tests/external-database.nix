# Mast and its database on two machines: DATABASE_URL comes from the environment file alone.
{ lib, ... }:
{
  name = "mast-external-database";

  nodes = {
    database =
      { pkgs, ... }:
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
          ${pkgs.postgresql}/bin/psql -c "ALTER ROLE mast PASSWORD 'pass/word'"
        '';
        networking.firewall.allowedTCPPorts = [ 5432 ];
      };

    machine = {
      services.mast = {
        enable = true;
        selfManage = true;
        database.createLocally = false;
      };
      # Percent-encoded, as Ecto wants it.
      systemd.tmpfiles.settings.mast."/etc/mast-secrets.env"."w+" = {
        argument = "DATABASE_URL=ecto://mast:pass%%2Fword@database/mast\\n";
      };
    };
  };

  testScript = ''
    start_all()
    database.wait_for_unit("postgresql.target")

    with subtest("enrolled over the network"):
        machine.wait_for_unit("mast-agent.service")
        rows = database.succeed(
            "sudo -u postgres psql -tA mast -c 'SELECT count(*) FROM servers'"
        ).strip()
        assert rows == "1", rows

    with subtest("no PostgreSQL runs beside Mast"):
        machine.fail("systemctl cat postgresql.service")

    with subtest("the password is seen nowhere"):
        for command in (
            "systemctl show mast.service mast-agent.service",
            "journalctl --no-pager",
            "mast-agent status --json",
        ):
            shown = machine.execute(command)[1]
            assert "pass%2Fword" not in shown and "pass/word" not in shown, command
  '';
}
