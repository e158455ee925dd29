# Enrollment while the database is down: the boot is not held up, and what is missing is said.
{
  name = "mast-late-database";

  nodes = {
    database.imports = [ ./database.nix ];

    machine = {
      services.mast = {
        enable = true;
        selfManage = true;
        database.createLocally = false;
      };
      environment.etc."mast-secrets.env".text = ''
        DATABASE_URL=ecto://mast:pass%2Fword@database/mast
      '';
    };
  };

  testScript = ''
    machine.start()

    with subtest("the boot does not wait for the agent"):
        machine.wait_for_unit("multi-user.target", timeout=300)
        state = machine.succeed("systemctl show -P ActiveState mast-agent.service").strip()
        assert state in ("inactive", "activating"), state

    with subtest("the agent says what it waits for"):
        machine.wait_until_succeeds(
            "systemctl show -P StatusText mast-agent.service | grep -i database", timeout=120
        )
        assert machine.execute("mast-agent status")[0] == 3

    with subtest("it ends enrolled without anyone's help"):
        database.start()
        database.wait_for_unit("postgresql.target")
        machine.wait_until_succeeds("systemctl is-active mast.service", timeout=600)
        machine.wait_until_succeeds("systemctl is-active mast-agent.service", timeout=900)
        assert machine.execute("mast-agent status")[0] == 0
  '';
}
