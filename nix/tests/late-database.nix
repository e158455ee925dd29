# Enrollment while the database is down: the boot is not held up, and what is missing is said.
{
  name = "mast-late-database";

  nodes = {
    database = {
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
        authentication = "host mast mast all trust";
      };
      networking.firewall.allowedTCPPorts = [ 5432 ];
    };

    machine = {
      services.mast = {
        enable = true;
        selfManage = true;
        database.createLocally = false;
      };
      systemd.tmpfiles.settings.mast."/etc/mast-secrets.env"."w+" = {
        argument = "DATABASE_URL=ecto://mast@database/mast\\n";
      };
      # Wanted by mast.service, which does not start without its migrations: here the agent is
      # started by hand, as after an outage.
    };
  };

  testScript = ''
    machine.start()

    with subtest("the boot does not wait"):
        machine.wait_for_unit("multi-user.target", timeout=120)
        machine.fail("systemctl is-active mast-agent.service")

    with subtest("the agent says what it waits for"):
        machine.succeed("systemctl start --no-block mast-agent.service")
        machine.wait_until_succeeds(
            "systemctl show -p StatusText --value mast-agent.service | grep -i database",
            timeout=60,
        )
        assert machine.execute("mast-agent status")[0] == 3

    with subtest("it ends enrolled without anyone's help"):
        database.start()
        database.wait_for_unit("postgresql.target")
        machine.wait_until_succeeds("systemctl is-active mast.service", timeout=300)
        machine.wait_until_succeeds("systemctl is-active mast-agent.service", timeout=600)
        assert machine.execute("mast-agent status")[0] == 0
  '';
}
