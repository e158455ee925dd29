# Nothing of Mast listens beyond the loopback but its port, and that is behind the firewall until
# openFirewall is set.
{
  name = "mast-loopback";

  nodes = {
    machine.services.mast = {
      enable = true;
      host = "machine";
      openFirewall = true;
    };
    closed.services.mast = {
      enable = true;
      host = "closed";
    };
    visitor = { };
  };

  testScript = ''
    start_all()
    for each in (machine, closed):
        each.wait_for_open_port(4000)

    with subtest("the distribution is up, on the loopback"):
        machine.wait_for_open_port(4369, "127.0.0.1")

    with subtest("beyond the loopback there is the one port"):
        listening = machine.succeed("ss -Hltn | awk '{print $4}'").split()
        beyond = {
            address.rsplit(":", 1)[1]
            for address in listening
            if not address.startswith(("127.", "[::1]"))
        }
        assert beyond == {"4000"}, listening

    with subtest("another machine reaches the opened port, and nothing else"):
        visitor.wait_for_unit("network.target")
        visitor.succeed("curl -sf -o /dev/null http://machine:4000/")
        visitor.fail("curl -s --connect-timeout 5 http://closed:4000/")
        visitor.fail("curl -s --connect-timeout 5 http://machine:4369/")
  '';
}
