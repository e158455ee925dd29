"""What the workflows, the forms and the hooks of the repository say, where it can be looked up."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mast_agent
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = [path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def load(path: Path) -> dict[str, Any]:
    """Return a YAML document, in which the key `on` is read as True."""
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def uses(path: Path) -> list[str]:
    """Return what follows each `uses:`, comment included."""
    return re.findall(r"^\s*(?:- )?uses:\s*(.+?)\s*$", path.read_text(), re.MULTILINE)


def scripts(path: Path) -> Iterator[str]:
    """Give each `run:` of a workflow."""
    for job in load(path)["jobs"].values():
        yield from (step["run"] for step in job["steps"] if "run" in step)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(workflow: Path) -> None:
    """An action is named by its full commit, with the version beside it: a tag can be moved."""
    assert [each for each in uses(workflow) if not _PINNED.fullmatch(each)] == []
    steps = [step for job in load(workflow)["jobs"].values() for step in job["steps"]]
    assert len(uses(workflow)) == sum("uses" in step for step in steps)


def test_an_action_is_the_same_everywhere() -> None:
    """Two workflows do not run two versions of one action."""
    pins = {each for workflow in WORKFLOWS for each in uses(workflow)}
    assert len({each.partition("@")[0] for each in pins}) == len(pins)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_is_run_is_there(workflow: Path) -> None:
    """Each make target and each script of the repository that a workflow runs exists."""
    rules = (ROOT / "Makefile").read_text() + (ROOT / "packaging/package.mk").read_text()
    targets = {
        name for line in re.findall(r"^([a-z][\w -]*):(?!=)", rules, re.MULTILINE)
        for name in line.split()
    }  # fmt: skip
    for script in scripts(workflow):
        wanted = re.findall(r"^\s*make ([\w-]+)", script, re.MULTILINE)
        assert set(wanted) <= targets, script
        for name in re.findall(r"(?<![\w/])(scripts/[\w-]+)", script):
            assert os.access(ROOT / name, os.X_OK), name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_permissions_are_few(workflow: Path) -> None:
    """A workflow may read; a job that may write runs nothing that comes out of the repository."""
    document = load(workflow)
    assert document["permissions"] == {"contents": "read"}
    for name, job in document["jobs"].items():
        if "write" in job.get("permissions", {}).values():
            assert not any("actions/checkout@" in each.get("uses", "") for each in job["steps"]), (
                name
            )


def test_hooks_are_what_lint_is() -> None:
    """The hooks before a commit run the programs of `make lint`, and no others."""
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    lint = re.findall(r"(?:\$\(VENV\)/bin/|xargs -0 )(ruff \w+|[\w-]+)", recipe[1])
    (local,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in local["hooks"]]
    assert [re.sub(r" --.*", "", entry) for entry in entries] == lint
    assert {hook["language"] for hook in local["hooks"]} == {"system"}


def _files(*command: str) -> set[str]:
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split("\0")) - {""}


def test_hooks_see_the_scripts() -> None:
    """`make lint` and the hook give shellcheck the same files: each script for a shell there is."""
    (local,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    (hook,) = [each for each in local["hooks"] if each["id"] == "shellcheck"]
    recipe = re.search(
        r"^\t(git ls-files .*?) \| xargs -0 shellcheck$",
        (ROOT / "Makefile").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert recipe
    checked = _files("bash", "-c", recipe[1])
    every = _files("git", "ls-files", "-z")
    assert {name for name in every if re.search(hook["files"], name)} == checked
    shell = re.compile(rb"#!.*\b(ba|da|k)?sh\b")
    found = {name for name in every if (ROOT / name).is_file()}
    assert {name for name in found if shell.match((ROOT / name).read_bytes())} == checked


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_forms_are_forms(form: Path) -> None:
    """A form has what GitHub demands, without which it is not shown."""
    document = load(form)
    assert document["name"]
    assert document["description"]
    fields = [field for field in document["body"] if field["type"] != "markdown"]
    identifiers = [field["id"] for field in fields]
    assert len(set(identifiers)) == len(identifiers) > 0
    assert all(field["attributes"]["label"] for field in fields)


def test_a_bug_comes_with_what_the_host_says() -> None:
    """The form for a bug asks for the three outputs that tell most."""
    body = load(ROOT / ".github/ISSUE_TEMPLATE/bug.yml")["body"]
    asked = {
        field["attributes"]["label"]
        for field in body
        if field.get("validations", {}).get("required")
    }
    assert {"mast-agent status", "journalctl -u mast-agent", "mast-agent --version"} <= asked


def test_the_version_stands_in_one_place() -> None:
    """The agent states the version, and all that is built from it looks there."""
    version = re.compile(rf"(?<![\w.]){re.escape(mast_agent.__version__)}(?![\w.])")
    places = [
        ROOT / name
        for name in ("Makefile", "pyproject.toml", "flake.nix", "README.md", "MANIFEST.in")
    ]
    for folder in ("agent/mast_agent", "packaging", "nix", "systemd", "scripts", "docs"):
        places += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    stating = {
        str(path.relative_to(ROOT))
        for path in places
        if "__pycache__" not in path.parts and version.search(path.read_text(errors="replace"))
    }
    assert stating == {"agent/mast_agent/__init__.py"}
