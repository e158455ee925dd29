# Nothing of Mast listens beyond the loopback but its port, and that only behind openFirewall.
{
  name = "mast-loopback";

  nodes = {
    machine = {
      services.mast = {
        enable = true;
        host = "machine";
        openFirewall = true;
      };
    };
    visitor = { };
  };

  testScript = ''
    start_all()
    machine.wait_for_open_port(4000)

    with subtest("the distribution is up, on the loopback"):
        machine.wait_for_open_port(4369, "127.0.0.1")

    with subtest("beyond the loopback there is the one port"):
        listening = machine.succeed("ss -Hltn | awk '{print $4}'").split()
        beyond = {
            address.rsplit(":", 1)[1]
            for address in listening
            if not address.startswith(("127.", "[::1]"))
        }
        # 22 is the back door of interactive tests, 5355 resolved's; neither is there by default.
        assert beyond - {"22", "5355"} == {"4000"}, listening

    with subtest("another machine reaches it, and nothing else"):
        visitor.wait_for_unit("network.target")
        visitor.succeed("curl -sf -o /dev/null http://machine:4000/")
        visitor.fail("timeout 5 bash -c '</dev/tcp/machine/4369'")
  '';
}
