# How Mast reaches the sshd of its own host, and whether there is a way at all. It is IPv4 or none:
# Mast's SSH client asks for an IPv4 address, and has none for ::1 (`:nxdomain`). The port is always
# said: only what is set is compared with the row, and a way back to port 22 has to be noticed too.
{ lib, openssh }:
let
  # sshd's `::` is IPv6 alone, so each family has its own wildcard.
  ipv4 = [
    "0.0.0.0"
    "127.0.0.1"
    "localhost"
  ];
  among = addresses: lib.filter (each: lib.elem each.addr addresses) openssh.listenAddresses;
  inet6 = (openssh.settings.AddressFamily or null) == "inet6";

  # Without an address sshd listens on all of them.
  everywhere = {
    addr = "0.0.0.0";
    port = null;
  };
  candidates =
    if inet6 then
      [ ]
    else if openssh.listenAddresses == [ ] then
      [ everywhere ]
    else
      among ipv4;
  reachable = candidates != [ ];

  chosen = if reachable then lib.head candidates else everywhere;
  # What has no port of its own listens on all of these.
  port = if chosen.port != null then chosen.port else lib.head (openssh.ports ++ [ 22 ]);
in
{
  inherit inet6 reachable;
  variables = {
    MAST_SELF_PORT = toString port;
  };
}
