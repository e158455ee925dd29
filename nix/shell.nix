# Everything to work on Mast and on the agent: `nix develop`.
{
  lib,
  stdenv,
  mkShell,
  beam,
  inotify-tools,
  nixfmt,
  nodejs,
  postgresql,
  python3,
  ruff,
  shellcheck,
}:
let
  beamPackages = beam.packages.erlang_28;
  python = python3.withPackages (
    packages:
    with packages;
    [
      hypothesis
      jsonschema
      mypy
      psycopg
      pytest
      rich
      structlog
      tenacity
      typer
    ]
    # Both are bindings to what only Linux has; the agent does without the first.
    ++ lib.optional stdenv.hostPlatform.isLinux systemd-python
    ++ lib.optional (stdenv.hostPlatform.isLinux && import ./usable.nix packages "pydbus") pydbus
  );
in
mkShell {
  packages = [
    beamPackages.elixir_1_19
    beamPackages.erlang
    nixfmt
    nodejs
    postgresql
    python
    ruff
    shellcheck
  ]
  # Phoenix reloads code with it; on Darwin it uses fsevents.
  ++ lib.optional stdenv.hostPlatform.isLinux inotify-tools;
}
