"""`make nix-proof`: what holds of the flake and the module with a given nixpkgs tree.

The questions are default.nix's, and so is all that evaluates; here they are put one by one, each to
a Nix of its own, so that one that fails takes no other with it, and told as a table of claim,
result and seconds. build.py builds and runs the package, summary.py writes what the documents say.

The exit code is 0 when each row is ok or names what of the tree is too old, and else 1.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nix_proof import build, inputs, summary
from nix_proof.evaluation import Evaluation
from nix_proof.rows import Row, Table, claim_of

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_PATH = re.compile(r"/.+/[0-9a-z]{32}-.")
ROOT = Path(__file__).resolve().parents[3]


def needs(evaluation: Evaluation, table: Table) -> None:
    """Say for each thing that is taken from nixpkgs whether the tree has it."""
    with table.timed("the tree has what the flake and the module take from it", "tree") as row:
        table.known = evaluation("needs")
        lacking = table.lacking([*table.known])
        row.detail = f"{len(table.known) - len(lacking)} of {len(table.known)} things"
        row.fail([f"no {name}" for name in lacking])
        table.excuse(row, lacking)


def system(evaluation: Evaluation, table: Table, name: str) -> None:
    """Evaluate one whole NixOS, and say of each claim about it whether it holds."""
    wanted = evaluation.plan["systems"][name]
    with table.timed(f"a whole NixOS: {wanted['about']}", "nixos") as row:
        if table.lacking(wanted["needs"]):
            row.fail(["not evaluated"])
            table.excuse(row, wanted["needs"])
            return
        made = evaluation(f'systems."{name}"')
        row.detail = f"{made['units']} units"
        row.fail(
            [f"assertion: {each}" for each in made["failed"]]
            + [f"warning: {each}" for each in made["warnings"]]
            + [f"it does not warn: {each}" for each in made["missing"]]
        )
    if row.result == "ok":
        for claim, held in made["claims"].items():
            said = Row(f"  {claim}", "nixos")
            said.fail([] if held["holds"] else ["it does not hold"])
            table.excuse(said, held["needs"])
            table.add(said)


def output(evaluation: Evaluation, table: Table, platform: str, name: str) -> None:
    """Instantiate one output of the flake."""
    with table.timed(claim_of(name, platform), "outputs") as row:
        made = evaluation(f'outputs."{platform}"."{name}"')
        row.fail([] if STORE_PATH.match(made) else [f"it is not in the store: {made}"])


def prove(evaluation: Evaluation, table: Table, only: str) -> None:
    """Put every question that evaluates about the systems and outputs with `only` in their name."""
    with table.timed("the flake has its outputs, and the tree a release", "tree") as row:
        row.detail = f"{evaluation.plan['release']}"
    if row.result != "ok":
        return
    needs(evaluation, table)
    for name in evaluation.plan["systems"]:
        if only in name:
            system(evaluation, table, name)
    for platform, names in evaluation.plan["outputs"].items():
        for name in names:
            if only in name:
                output(evaluation, table, platform, name)


def options(arguments: list[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="nix-proof", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nixpkgs", required=True, help="a nixpkgs tree, or a flake reference")
    parser.add_argument("--flake-utils", default="", help="flake-utils (default: a stand-in)")
    parser.add_argument("--mast", default="", help="Mast's source (default: the tests' miniature)")
    parser.add_argument("--build", action="store_true", help="build the package, and run it")
    parser.add_argument("--only", default="", help="systems and outputs with this in their name")
    parser.add_argument("--markdown", type=Path, help="a document with the two markers")
    parser.add_argument("--note", default="", help="what it says of the tree")
    chosen = parser.parse_args(arguments)
    if chosen.markdown and chosen.only:
        parser.error("a table of a part would say that the rest has been proven, too")
    return chosen


def ready(chosen: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the inputs as Nix arguments; flake references are fetched."""
    yield "nixpkgs", inputs.tree(chosen.nixpkgs)
    if chosen.flake_utils:
        yield "flakeUtils", inputs.tree(chosen.flake_utils)
    yield "mast", inputs.tree(chosen.mast) if chosen.mast else inputs.miniature(ROOT, folder)


def main(arguments: list[str]) -> int:
    """Prove what can be proven, and say so; return the exit code."""
    chosen = options(arguments)
    with tempfile.TemporaryDirectory(prefix="nix-proof-") as name:
        folder = Path(name)
        try:
            evaluation = Evaluation(
                inputs.tracked(ROOT, folder) / "nix/proof", dict(ready(chosen, folder))
            )
        except inputs.InputError as refused:
            sys.stderr.write(f"nix-proof: {refused}\n")
            return 2
        print(f"nixpkgs      {chosen.nixpkgs}")
        print(f"flake-utils  {chosen.flake_utils or 'a stand-in of two functions'}")
        print(f"mast         {chosen.mast or 'a miniature of its source'}\n", flush=True)
        table = Table(sys.stdout)
        prove(evaluation, table, chosen.only)
        if chosen.build:
            build.prove(evaluation, table, folder)
    print(f"\n{table.closing()}")
    if chosen.markdown and table.rows[0].result == "ok":
        try:
            summary.write(chosen.markdown, table, evaluation, chosen.note)
        except summary.DocumentError as refused:
            sys.stderr.write(f"nix-proof: {refused}\n")
            return 2
    return 0 if table.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
