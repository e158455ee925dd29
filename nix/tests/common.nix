# What the machines of the tests have in common: the secrets, which here may be known to everyone.
{ lib, ... }:
{
  # A path outside of the store, as a secret manager provides it. Tests add their DATABASE_URL.
  environment.etc."mast-secrets.env".text = ''
    SECRET_KEY_BASE=${lib.strings.replicate 64 "s"}
    MAST_VAULT_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=
  '';

  services.mast.environmentFile = "/etc/mast-secrets.env";

  virtualisation.memorySize = 2048;
}
