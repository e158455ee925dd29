# Mast and its database on two machines: DATABASE_URL comes from the environment file alone.
{
  name = "mast-external-database";

  nodes = {
    database.imports = [ ./database.nix ];

    machine = {
      services.mast = {
        enable = true;
        selfManage = true;
        database.createLocally = false;
      };
      # Percent-encoded, as Ecto wants it.
      environment.etc."mast-secrets.env".text = ''
        DATABASE_URL=ecto://mast:pass%2Fword@database/mast
      '';
    };
  };

  testScript = ''
    start_all()
    database.wait_for_unit("postgresql.target")

    with subtest("enrolled over the network"):
        machine.wait_for_unit("mast-agent.service", timeout=600)
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
