"""The rooms of the agent: what the map says of them, and how large they are."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import mast_agent
import pytest

ROOT = Path(__file__).parents[2]
AGENT = Path(mast_agent.__file__).parent
MODULES = sorted(AGENT.rglob("*.py"))
MAP = (ROOT / "docs/architecture.md").read_text()

LINES_OF_A_MODULE = 250
LINES_OF_A_FUNCTION = 60


def _layers() -> list[set[str]]:
    """Return the rooms as the contract has them, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (rooms,) = (each for each in settings["contracts"] if each["id"] == "rooms")
    return [set(layer.split(" | ")) for layer in rooms["layers"]]


def test_every_room_is_in_the_map() -> None:
    """The map's table has each folder of the agent once, in the order of the contract."""
    rows = re.findall(r"^\| `(\w+)` \|", MAP, re.MULTILINE)
    folders = {path.name for path in AGENT.iterdir() if (path / "__init__.py").is_file()}
    assert sorted(rows) == sorted(folders)
    rank = {room: number for number, layer in enumerate(reversed(_layers())) for room in layer}
    assert [rank[room] for room in rows] == sorted(rank[room] for room in rows)


def test_arrows_lead_down() -> None:
    """The diagram has each room, and each of its arrows leads to a lower one."""
    rank = {room: number for number, layer in enumerate(_layers()) for room in layer}
    arrows = re.findall(r'^  (\w+)(?:\[".*?"\])? --> (\w+)', MAP, re.MULTILINE)
    assert {room for arrow in arrows for room in arrow} == set(rank)
    for upper, lower in arrows:
        assert rank[upper] < rank[lower], (upper, lower)


def test_modules_of_the_map_exist() -> None:
    """What the table names for a room is a module in it, and `room.module` is one as well."""
    named = [
        (room, module)
        for room, cell in re.findall(r"^\| `(\w+)` \| .* \| (.*?) \|$", MAP, re.MULTILINE)
        for module in re.findall(r"`(\w+)`", cell)
    ]
    assert len(named) > 20
    rooms = "|".join(sorted(room for layer in _layers() for room in layer))
    named += re.findall(rf"`({rooms})\.(\w+)`", MAP)
    for room, module in named:
        path = AGENT / room / module
        assert path.with_suffix(".py").is_file() or path.is_dir(), f"{room}.{module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(AGENT)))
def test_module_says_what_it_is_for(path: Path) -> None:
    """A module opens with a sentence, and neither it nor a function in it is too long to read."""
    text = path.read_text()
    tree = ast.parse(text)
    if path != AGENT / "__init__.py":
        sentence = (ast.get_docstring(tree) or "").split("\n\n")[0]
        assert sentence.endswith("."), sentence
    assert len(text.splitlines()) <= LINES_OF_A_MODULE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min(each.lineno for each in (node, *node.decorator_list))
            assert (node.end_lineno or 0) - first < LINES_OF_A_FUNCTION, node.name
