# A self-managed Mast with its own database: enrolled by the first boot, once and for all.
{
  name = "mast-self-managed";

  nodes.machine = {
    services.mast = {
      enable = true;
      selfManage = true;
    };
  };

  testScript = ''
    def servers():
        return machine.succeed(
            "sudo -u postgres psql -tA mast -c 'SELECT count(*) FROM servers'"
        ).strip()

    with subtest("the first boot enrolls"):
        machine.wait_for_unit("multi-user.target")
        machine.wait_for_open_port(4000)
        machine.succeed("curl -sf -o /dev/null http://localhost:4000/")
        machine.wait_for_unit("mast-agent.service", timeout=600)
        machine.succeed("mast-agent status")
        machine.succeed(
            "sudo -u postgres psql -tA mast -c 'SELECT name FROM servers' | grep -x machine"
        )
        assert servers() == "1"

    with subtest("a restart of both units keeps the one row"):
        machine.succeed("systemctl restart mast.service mast-agent.service")
        machine.wait_for_open_port(4000)
        assert servers() == "1"

    with subtest("so does a reboot"):
        machine.shutdown()
        machine.start()
        machine.wait_for_unit("mast-agent.service", timeout=600)
        assert servers() == "1"

    with subtest("root can look into the running release, and nobody else"):
        machine.wait_for_open_port(4000)
        out = machine.succeed("mast rpc 'IO.puts(node())'")
        assert "mast@localhost" in out, out
        machine.succeed("mast eval 'IO.puts(:ok)' | grep -x ok")
        machine.fail("sudo -u nobody mast eval ':ok'")

    with subtest("no secret is in the units"):
        shown = machine.succeed("systemctl show mast.service mast-agent.service")
        assert "SECRET_KEY_BASE" not in shown and "MAST_VAULT_KEY" not in shown
  '';
}
