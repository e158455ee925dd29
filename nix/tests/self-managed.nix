# A self-managed Mast with its own database: enrolled by the first boot, once and for all, and
# reached by Mast over an sshd that is there for Mast alone.
{
  name = "mast-self-managed";

  nodes = {
    machine.services.mast = {
      enable = true;
      selfManage = true;
      selfManageSudo = [ "journal" ];
    };
    # Enrolled, and closed.
    closed.services.mast = {
      enable = true;
      selfManage = true;
      selfManageAccess = false;
    };
    visitor = { };
  };

  testScript = ''
    import json

    KEY = "/var/lib/mast-agent-access/mast-managed"
    UP = "sudo -u postgres psql -tA mast -c 'SELECT status FROM servers' | grep -x up"


    def servers():
        return machine.succeed(
            "sudo -u postgres psql -tA mast -c 'SELECT count(*) FROM servers'"
        ).strip()

    start_all()

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

    with subtest("by hand the agent knows what its unit knows, and systemd answers it"):
        checked = machine.succeed("mast-agent check")
        assert "user: mast" in checked, checked
        units = json.loads(machine.succeed("mast-agent status --json"))["units"]
        assert units["mast.service"]["active_state"] == "active", units

    with subtest("Mast logs in by itself: its check, every 30 s, finds the server up"):
        machine.wait_until_succeeds(UP, timeout=180)
        machine.succeed("journalctl -u 'sshd*' | grep 'Accepted publickey for mast-managed'")

    with subtest("the agent has tried that login, and sees that Mast comes"):
        report = json.loads(machine.succeed("cat /run/mast-agent-access/login.json"))
        assert report["tried"] and report["problems"] == [], report
        machine.succeed("mast-agent status --managed --wait --timeout 120")

    with subtest("with one key, of root's, good from this host alone"):
        key = machine.succeed(f"cat {KEY}")
        assert key.startswith('restrict,from="127.0.0.1,::1" ssh-ed25519 '), key
        assert key.count("\n") == 1, key
        machine.succeed(f"stat -c '%a %U %G' {KEY} | grep -x '644 root root'")

    with subtest("no other machine reaches the sshd that Mast alone asked for"):
        listening = machine.succeed("ss -Hltn 'sport = :22' | awk '{print $4}'").split()
        assert set(listening) == {"127.0.0.1:22", "[::1]:22"}, listening
        visitor.wait_for_unit("network.target")
        visitor.succeed("ping -c 1 machine")
        visitor.fail("timeout 5 bash -c '</dev/tcp/machine/22'")

    with subtest("as root Mast runs what was asked for, and nothing else"):
        as_mast = "su -s /bin/sh mast-managed -c"
        machine.succeed(
            f"{as_mast} 'sudo -n -l journalctl -u mast.service -f -n 200 --output=cat'"
        )
        machine.fail(f"{as_mast} 'sudo -n -l tail -n 200 -F /var/log/lastlog'")
        machine.fail(f"{as_mast} 'sudo -n true'")

    with subtest("without selfManageAccess there is no user, no sshd and no key"):
        closed.wait_for_unit("mast-agent.service", timeout=600)
        closed.succeed("mast-agent status")
        closed.fail("getent passwd mast-managed")
        closed.fail("systemctl cat sshd.service")
        closed.fail("test -e /var/lib/mast-agent-access")

    with subtest("a restart of both units keeps the one row"):
        machine.succeed("systemctl restart mast.service mast-agent.service")
        machine.wait_for_open_port(4000)
        assert servers() == "1"

    with subtest("so does a reboot"):
        machine.shutdown()
        machine.start()
        machine.wait_for_unit("mast-agent.service", timeout=600)
        assert servers() == "1"
        assert machine.succeed(f"cat {KEY}") == key

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
