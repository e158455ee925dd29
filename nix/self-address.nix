# How Mast reaches the sshd of its own host: the variables of Mast.Bootstrap that differ from its
# defaults (127.0.0.1, port 22), and whether there is a way at all.
{ lib, openssh }:
let
  # sshd's `::` is IPv6 alone, so each family has its own wildcard.
  ipv4 = [
    "0.0.0.0"
    "127.0.0.1"
    "localhost"
  ];
  ipv6 = [
    "::"
    "::1"
    "[::]"
    "[::1]"
  ];
  among = addresses: lib.filter (each: lib.elem each.addr addresses) openssh.listenAddresses;

  # Without an address sshd listens on all of them.
  everywhere = {
    addr = "0.0.0.0";
    port = null;
  };
  candidates = if openssh.listenAddresses == [ ] then [ everywhere ] else among ipv4 ++ among ipv6;
  reachable = candidates != [ ];

  chosen = if reachable then lib.head candidates else everywhere;
  # What has no port of its own listens on all of these.
  port = if chosen.port != null then chosen.port else lib.head (openssh.ports ++ [ 22 ]);
in
{
  inherit reachable;
  variables =
    lib.optionalAttrs (lib.elem chosen.addr ipv6) { MAST_SELF_HOST = "::1"; }
    // lib.optionalAttrs (port != 22) { MAST_SELF_PORT = toString port; };
}
