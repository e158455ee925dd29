# The flake's checks: NixOS machines (below), the module evaluated within a whole NixOS, the
# agent's tests (the check phase of its package), and the form of the Nix files.
{
  pkgs,
  packages,
  module,
  source,
}:
let
  machine =
    file:
    pkgs.testers.runNixOSTest {
      imports = [ file ];
      # Every machine of the test knows the module; what it enables is the test's business.
      defaults.imports = [
        module
        ./common.nix
      ];
    };
in
{
  self-managed = machine ./self-managed.nix;
  external-database = machine ./external-database.nix;
  late-database = machine ./late-database.nix;
  loopback = machine ./loopback.nix;

  module =
    (pkgs.nixos {
      imports = [ module ];
      services.mast = {
        enable = true;
        selfManage = true;
        environmentFile = "/run/secrets/mast.env";
      };
      fileSystems."/".device = "/dev/disk/by-label/nixos";
      boot.loader.grub.device = "nodev";
      system.stateVersion = "26.05";
    }).config.system.build.etc;

  agent = packages.mast-agent;

  format =
    pkgs.runCommand "nixfmt-check"
      {
        nativeBuildInputs = [ pkgs.nixfmt ];
      }
      ''
        find ${source} -name '*.nix' -exec nixfmt --check {} +
        touch "$out"
      '';
}
