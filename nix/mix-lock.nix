# Turns a mix.lock into the dependency tree that mixRelease takes as `mixFodDeps`, without a hash
# of its own: each Hex entry carries the SHA-256 of its tarball, each git entry its revision.
#
# `packages` is a pure function of the lock's text; `importMixLock` fetches and assembles. The
# syntax is elixir-terms.nix's, and compiling the tree is left to mixRelease.
{
  lib,
  # beamPackages': makes of a tarball what Mix takes for a fetched package, .hex included.
  fetchHex,
  runCommand,
  fetchGit ? builtins.fetchGit,
}:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    elemAt
    head
    isAttrs
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    ;

  source = "mix.lock";
  fail = message: throw "${source}: ${message}";
  parse = import ./elixir-terms.nix { inherit source; };

  # -- What the entries say ----------------------------------------------------------------------

  # Names and folders become paths in the tree: nothing may lead out of it.
  checked =
    pattern: what: name: value:
    if isString value && match pattern value != null then
      value
    else
      fail "${name}: ${what} is missing or malformed${
        lib.optionalString (isString value) " ('${value}')"
      }";
  appName = checked "[a-z][a-zA-Z0-9_]*" "the application's name";
  version = checked "[0-9A-Za-z.+-]+" "the version";
  sha256 = checked "[0-9a-f]{64}";
  # A lock that names a local path or a transport without a host is nobody else's to build.
  gitUrl = checked "(https|ssh|git)://[^[:space:]]+|git@[^[:space:]]+:[^[:space:]]+" "the URL";
  folder = checked "[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*" "the folder";

  hexPackage =
    name: fields:
    let
      field = n: if length fields > n then elemAt fields n else null;
      repository = field 6;
    in
    if repository != "hexpm" then
      fail "${name}: it comes from the repository '${toString repository}', and only hexpm's packages can be fetched by their checksum; use depsHash"
    else if field 7 == null then
      fail "${name}: the entry has no outer checksum, which is the tarball's; run `mix deps.get` with Hex 0.20 or newer and commit mix.lock, or use depsHash"
    else
      {
        scm = "hex";
        name = appName name name;
        # The key is the application, this is the package: they can differ.
        package = appName name ((field 1).atom or null);
        version = version name (field 2);
        innerHash = sha256 "the inner checksum" name (field 3);
        managers = map (manager: manager.atom) (field 4);
        outerHash = sha256 "the outer checksum" name (field 7);
      };

  gitPackage =
    name: fields:
    let
      field = n: if length fields > n then elemAt fields n else null;
      options = listToAttrs (
        map (option: {
          name = option.key;
          inherit (option) value;
        }) (field 3)
      );
      optional = key: check: if options ? ${key} then check name options.${key} else null;
    in
    {
      scm = "git";
      name = appName name name;
      url = gitUrl name (field 1);
      rev = checked "[0-9a-f]{40}" "the revision" name (field 2);
      tag = options.tag or null;
      branch = options.branch or null;
      sparse = optional "sparse" folder;
      submodules = options.submodules or false;
    };

  package =
    name: entry:
    let
      fields = entry.tuple or (fail "${name}: the entry is not a tuple");
      scm = (head fields).atom or null;
    in
    if fields == [ ] then
      fail "${name}: the entry is empty"
    else if scm == "hex" then
      hexPackage name fields
    else if scm == "git" then
      gitPackage name fields
    else
      fail "${name}: neither a Hex nor a git entry; use depsHash";

  packages =
    text:
    let
      lock = parse text;
    in
    if isAttrs lock && !(lock ? tuple) && !(lock ? atom) then
      mapAttrs package lock
    else
      fail "it holds no map";

  # -- Fetching ----------------------------------------------------------------------------------

  hexTree =
    dep:
    fetchHex {
      pkg = dep.package;
      inherit (dep) version;
      sha256 = dep.outerHash;
    };

  # A tag stays where it is, so its one commit is enough; a branch has moved on since.
  gitTree =
    dep:
    fetchGit (
      {
        inherit (dep) url rev;
      }
      // (
        if dep.tag != null then
          {
            ref = "refs/tags/${dep.tag}";
            shallow = true;
          }
        else if dep.branch != null then
          { ref = "refs/heads/${dep.branch}"; }
        else
          { allRefs = true; }
      )
      // lib.optionalAttrs dep.submodules { submodules = true; }
    );

  # Real files, not links: mixRelease makes the copy writable with `cp -R`, which keeps links.
  assemble =
    dep:
    lib.escapeShellArgs (
      if dep.scm == "hex" then
        [
          "hex"
          dep.name
          "${hexTree dep}"
        ]
      else
        [
          "git"
          dep.name
          "${gitTree dep}"
          dep.rev
          (if dep.sparse == null then "." else dep.sparse)
        ]
    );

  importMixLock =
    { name, lockFile }:
    let
      deps = packages (builtins.readFile lockFile);
    in
    runCommand name
      {
        preferLocalBuild = true;
        passthru = { inherit deps; };
      }
      ''
        # The manifest .hex and .git/HEAD are what Mix takes as the sign that a dependency has
        # been fetched.
        hex() {
          mkdir "$out/$1"
          cp -R --no-preserve=mode,ownership "$2/." "$out/$1"
        }
        git() {
          mkdir -p "$out/$1/$4"
          cp -R --no-preserve=mode,ownership "$2/$4/." "$out/$1/$4"
          mkdir "$out/$1/.git"
          printf '%s\n' "$3" > "$out/$1/.git/HEAD"
        }

        mkdir "$out"
        ${concatStringsSep "\n" (map (app: assemble deps.${app}) (attrNames deps))}
      '';
in
{
  inherit packages importMixLock;
}
