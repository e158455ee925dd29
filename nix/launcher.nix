# Runs a release whose cookie has been removed: every subcommand of bin/mast fails without one.
# RELEASE_COOKIE is used when it is set (`remote` and `rpc` need the running node's); otherwise a
# throwaway is made, which is all that `eval` needs.
{
  lib,
  writeShellApplication,
  coreutils,
  mast,
}:
writeShellApplication {
  name = "mast-launch";
  runtimeInputs = [ coreutils ];
  text = ''
    if [ -z "''${RELEASE_COOKIE-}" ]; then
      RELEASE_COOKIE=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
      export RELEASE_COOKIE
    fi
    exec ${lib.getExe mast} "$@"
  '';
  meta.description = "Runs Mast's release with a cookie of its own";
}
