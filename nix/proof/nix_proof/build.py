"""With BUILD=1: builds the package by the tree's mixRelease, and runs what came out.

What is run is the release itself: its version, `eval` with a cookie and without, and the launcher.
That it serves Mast is the business of the machines in nix/tests.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from nix_proof.evaluation import NixError

if TYPE_CHECKING:
    from pathlib import Path

    from nix_proof.evaluation import Evaluation
    from nix_proof.rows import Row, Table

# What Mast's configuration wants of every command that reads it; secrets of nothing.
CONFIGURATION = {
    "DATABASE_URL": "ecto://mast@localhost/mast?socket_dir=/nonexistent",
    "SECRET_KEY_BASE": "s" * 64,
    "MAST_VAULT_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}
# Of its surroundings the release gets no more than this: PATH is what it was wrapped with.
NOTHING = {"PATH": "", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "ERL_CRASH_DUMP_SECONDS": "0"}
COOKIE = {"RELEASE_COOKIE": "nix-proof"}
SUM = "IO.puts(1 + 1)"
BOOTSTRAP = "IO.puts(inspect(Code.ensure_loaded(Mast.Bootstrap)))"

SECONDS = 120
"""How long a command may take; an eval takes less than one second on a quiet machine."""


def run(program: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the release; raises NixError when it does not run, or not end."""
    try:
        return subprocess.run(
            [str(program), *arguments],
            env={**NOTHING, **environment},
            cwd="/",
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as refused:
        raise NixError(f"{program.name} {' '.join(arguments)}: {refused}") from refused


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return the beginning of what a command printed: Elixir gives the cause before the trace."""
    return (done.stderr.strip() or done.stdout.strip())[:300]


def prints(row: Row, done: subprocess.CompletedProcess[str], wanted: str) -> None:
    """Expect a command to succeed and to print this as its last line."""
    lines = done.stdout.strip().splitlines() or [""]
    if done.returncode != 0 or lines[-1] != wanted:
        row.fail([f"it ended with {done.returncode} and said {said(done)!r}, not {wanted!r}"])


def refuses(row: Row, done: subprocess.CompletedProcess[str], wanted: str) -> None:
    """Expect a command to fail, and to say why."""
    if done.returncode == 0 or wanted not in done.stderr:
        row.fail([f"it ended with {done.returncode} and said {said(done)!r}"])


def dependencies(evaluation: Evaluation, table: Table, folder: Path) -> None:
    """Fetch what mix.lock names, and nothing else, by what it says of it."""
    with table.timed("mix.lock's dependencies are fetched by its own checksums", "build") as row:
        tree = evaluation.realise("build.mast.mixDeps", folder / "deps")
        named = set(evaluation("build.dependencies"))
        row.detail = f"{len(named)} of them"
        found = {each.name for each in tree.iterdir()}
        signs = {each.name for each in tree.iterdir() if fetched(each)}
        row.fail(
            [f"{name}: not there" for name in sorted(named - found)]
            + [f"{name}: not in mix.lock" for name in sorted(found - named)]
            + [f"{name}: Mix would not take it for fetched" for name in sorted(found - signs)]
        )


def fetched(package: Path) -> bool:
    """Whether Mix takes a folder for a fetched dependency."""
    return (package / ".hex").is_file() or (package / ".git/HEAD").is_file()


def release(table: Table, mast: Path, version: str) -> None:
    """Run the release as it lies in the store."""
    program = mast / "bin/mast"
    with table.timed("it has no cookie, and can be written to by nobody", "build") as row:
        faults = ["there is a cookie"] if (mast / "releases/COOKIE").exists() else []
        faults += [f"{each} can be written to" for each in writable(mast)]
        row.fail(faults)
    with table.timed("bin/mast version, with a cookie", "build") as row:
        prints(row, run(program, "version", **CONFIGURATION, **COOKIE), f"mast {version}")
    with table.timed("bin/mast eval, with a cookie", "build") as row:
        prints(row, run(program, "eval", SUM, **CONFIGURATION, **COOKIE), "2")
    with table.timed("bin/mast eval, without one, says what is missing", "build") as row:
        refuses(row, run(program, "eval", SUM, **CONFIGURATION), "COOKIE: No such file")
    with table.timed(
        "bin/mast eval, without its configuration, names the variable", "build"
    ) as row:
        refuses(row, run(program, "eval", SUM, **COOKIE), "environment variable")
    with table.timed("Mast.Bootstrap, which the agent calls, is in it", "build") as row:
        done = run(program, "eval", BOOTSTRAP, **CONFIGURATION, **COOKIE)
        prints(row, done, "{:module, Mast.Bootstrap}")


def writable(mast: Path) -> list[str]:
    """Return the files of the release that anyone may write to."""
    files = (each for each in mast.rglob("*") if not each.is_symlink())
    return [str(each) for each in files if each.stat().st_mode & 0o222]


def launcher(table: Table, program: Path, version: str) -> None:
    """Run what `nix run` runs, which brings a cookie of its own."""
    with table.timed("the launcher runs it without a cookie: version", "build") as row:
        prints(row, run(program, "version", **CONFIGURATION), f"mast {version}")
    with table.timed("the launcher runs it without a cookie: eval", "build") as row:
        prints(row, run(program, "eval", SUM, **CONFIGURATION), "2")
    with table.timed("the launcher's cookie is another one each time", "build") as row:
        show = 'IO.puts(System.fetch_env!("RELEASE_COOKIE"))'
        seen = [run(program, "eval", show, **CONFIGURATION).stdout.strip() for _ in range(2)]
        row.fail([] if len(set(seen)) == 2 and all(seen) else [f"it is {seen}"])  # noqa: PLR2004


def prove(evaluation: Evaluation, table: Table, folder: Path) -> None:
    """Build what there is to build, and run it."""
    dependencies(evaluation, table, folder)
    with table.timed("the package is built by the tree's mixRelease", "build") as built:
        mast = evaluation.realise("build.mast", folder / "mast").resolve()
        version = evaluation("build.mast.version")
        built.detail = f"mast {version}"
    if built.result != "ok":
        return
    release(table, mast, version)
    with table.timed("the launcher is built", "build") as built:
        made = evaluation.realise("build.launcher", folder / "launcher")
    if built.result == "ok":
        launcher(table, made / "bin/mast-launch", version)
