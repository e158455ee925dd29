# Mast's release, built from its source with Elixir 1.19 on OTP 28.
#
# No hash has to be kept in step with the source: the dependencies come from mix.lock and
# package-lock.json, whose entries carry their own. `depsHash` switches to the classic way, one
# fixed-output fetch of everything by `mix deps.get`; docs/install/nix.md says when that helps.
{
  lib,
  beam,
  callPackage,
  esbuild,
  importNpmLock,
  nodejs,
  tailwindcss_4,
  # A path, for mix.lock and package-lock.json are read while evaluating: a flake input without
  # `flake = true` is one.
  src,
  version ? null,
  depsHash ? null,
}:
let
  # A scope since August 2026, whose `extend` is there to throw; before that there was no other.
  erlang28 = beam.packages.erlang_28;
  extend = erlang28.overrideScope or erlang28.extend;
  beamPackages = extend (_: previous: { elixir = previous.elixir_1_19; });

  mixExs = builtins.readFile (src + "/mix.exs");
  versionOfSource = builtins.match ".*[[:space:]]version: \"([^\"]+)\".*" mixExs;

  pname = "mast";
  releaseVersion =
    if version != null then
      version
    else if versionOfSource != null then
      lib.head versionOfSource
    else
      throw "mast: mix.exs of the source states no version; pass `version`";

  mixDeps =
    if depsHash == null then
      (callPackage ./mix-lock.nix { inherit (beamPackages) fetchHex; }).importMixLock {
        name = "${pname}-${releaseVersion}-mix-deps";
        lockFile = src + "/mix.lock";
      }
    else
      beamPackages.fetchMixDeps {
        pname = "${pname}-mix-deps";
        version = releaseVersion;
        inherit src;
        hash = depsHash;
      };

  nodeModules = importNpmLock.buildNodeModules {
    npmRoot = src + "/assets";
    inherit nodejs;
  };
in
beamPackages.mixRelease {
  inherit pname src;
  version = releaseVersion;
  mixFodDeps = mixDeps;
  strictDeps = true;

  env = {
    MAST_ESBUILD = lib.getExe esbuild;
    MAST_TAILWIND = lib.getExe tailwindcss_4;
  };

  # What `bin/mast eval 'Mast.Bootstrap.self_enroll!'` calls. Mast's own is taken once it has one.
  postPatch = ''
    if [ ! -e lib/mast/bootstrap.ex ]; then
      cp --no-preserve=mode ${./bootstrap.ex} lib/mast/bootstrap.ex
    fi
  '';

  # After `mix compile`: app.js imports the hooks that it extracts from the components. Without the
  # digest the release would not serve its assets. The paths are set in the process that builds
  # the assets, not in config/: everything there becomes part of the release, and the two tools
  # with it.
  postBuild = ''
    ln -s ${nodeModules}/node_modules assets/node_modules
    elixir -r ${./assets.exs} -S mix do loadpaths --no-deps-check + assets.deploy
    rm assets/node_modules
  '';

  passthru = {
    inherit mixDeps nodeModules;
    inherit (beamPackages) elixir erlang;
  };

  meta = {
    description = "Dashboard for a small fleet of Linux servers, reached over SSH";
    longDescription = ''
      Mast watches a few Linux servers: their health, their updates, and the Elixir releases that
      run on them. It is one OTP release and one PostgreSQL database, and installs nothing on the
      servers that it watches.
    '';
    homepage = "https://github.com/pachev/mast";
    changelog = "https://github.com/pachev/mast/blob/main/CHANGELOG.md";
    license = lib.licenses.mit;
    sourceProvenance = [ lib.sourceTypes.fromSource ];
    maintainers = [ ];
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
    mainProgram = "mast";
  };
}
