# What the machines of the tests have in common: the secrets, which here may be known to everyone,
# and a few words for the test scripts.
{ lib, pkgs, ... }:
{
  # A file on the machine's own disk, as a secret manager would provide it.
  systemd.tmpfiles.settings.mast."/etc/mast-secrets.env".f = {
    mode = "0400";
    argument = lib.concatStringsSep "\\n" [
      "SECRET_KEY_BASE=${lib.strings.replicate 64 "s"}"
      "MAST_VAULT_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
      "" # a last line without an end would swallow what a test appends
    ];
  };

  services.mast.environmentFile = lib.mkDefault "/etc/mast-secrets.env";

  environment.systemPackages = [ pkgs.jq ];

  virtualisation.memorySize = 2048;
}
