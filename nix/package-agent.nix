# mast-agent, with its units, the journal's catalog, the man page and the completions. The units are
# those of systemd/, which Debian's package takes as well; the NixOS module adds to them.
{
  lib,
  glib,
  python3Packages,
  installShellFiles,
}:
let
  root = ../.;
  versionOfSource = builtins.match ".*__version__ = \"([^\"]+)\".*" (
    builtins.readFile (root + "/agent/mast_agent/__init__.py")
  );
  version =
    if versionOfSource == null then
      throw "mast-agent: agent/mast_agent/__init__.py states no __version__"
    else
      lib.head versionOfSource;

  # The agent asks systemd over D-Bus where it can, and does without where it cannot. pydbus has
  # had no release since 2018: the day that nixpkgs drops it, or marks it as broken, is none on
  # which nothing can be built.
  withDBus = import ./usable.nix python3Packages "pydbus";

  # Where PyGObject finds what GLib and Gio are; nothing else on NixOS tells it.
  typelibs = lib.makeSearchPathOutput "out" "lib/girepository-1.0" [ glib ];
in
python3Packages.buildPythonApplication {
  pname = "mast-agent";
  inherit version;
  pyproject = true;
  strictDeps = true;
  __structuredAttrs = true;

  # What the build and the unit tests read, some of which hold the documents to their word.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/CHANGELOG.md")
      (root + "/CONTRIBUTING.md")
      (root + "/LICENSE")
      (root + "/README.md")
      (root + "/SECURITY.md")
      (root + "/pyproject.toml")
      (root + "/agent")
      (root + "/docs")
      (root + "/nix/bootstrap.ex")
      (root + "/packaging")
      (root + "/systemd")
      (root + "/tests")
    ];
  };

  build-system = [ python3Packages.setuptools ];

  dependencies =
    with python3Packages;
    [
      psycopg
      rich
      structlog
      systemd-python
      tenacity
      typer
    ]
    ++ (
      if withDBus then
        [
          pydbus
          pygobject3
        ]
      else
        lib.warn "mast-agent: this nixpkgs has no usable pydbus, so that its status cannot ask systemd. It enrolls all the same." [ ]
    );

  makeWrapperArgs = lib.optionals withDBus [
    "--prefix"
    "GI_TYPELIB_PATH"
    ":"
    typelibs
  ];

  nativeBuildInputs = [ installShellFiles ];

  nativeCheckInputs = with python3Packages; [
    hypothesis
    jsonschema
    pytestCheckHook
  ];
  enabledTestPaths = [ "tests/unit" ];
  # With the path that the program gets, and not with what the builder happens to have.
  preCheck = lib.optionalString withDBus ''
    GI_TYPELIB_PATH=${typelibs} python -c 'import pydbus; from gi.repository import GLib'
  '';

  postInstall = ''
    units=$out/lib/systemd/system
    # Nothing wants them but what the module says: access is inert without it.
    for unit in mast-agent mast-agent-access; do
      install -Dm644 -t "$units" "systemd/$unit.service"
      substituteInPlace "$units/$unit.service" \
        --replace-fail /usr/bin/mast-agent "$out/bin/mast-agent"
    done
    # NixOS has a systemd that knows both of its directives.
    install -Dm644 -t "$units/mast-agent.service.d" systemd/growing-delays.conf
    install -Dm644 -t "$out/lib/systemd/catalog" systemd/mast-agent.catalog
    install -Dm644 -t "$out/share/doc/mast-agent" \
      docs/{reference,troubleshooting,access}.md docs/status.schema.json
    install -Dm644 -t "$out/share/doc/mast-agent/install" docs/install/*.md

    # Made from the command line's own help.
    export PYTHONPATH=agent:packaging:$PYTHONPATH
    python packaging/manpage.py ${version} >mast-agent.1
    installManPage mast-agent.1
    for shell in bash zsh fish; do
      python packaging/completions.py $shell >mast-agent.$shell
    done
    installShellCompletion --cmd mast-agent mast-agent.{bash,zsh,fish}
  '';

  meta = {
    description = "Makes the machine that runs Mast its own first managed server";
    homepage = "https://github.com/pachev/mast";
    license = lib.licenses.mit;
    sourceProvenance = [ lib.sourceTypes.fromSource ];
    maintainers = [ ];
    platforms = lib.platforms.linux;
    mainProgram = "mast-agent";
  };
}
