"""Where text of others enters the agent: in the few places that pass it through a Redactor.

Read from the sources, so that a new place cannot be forgotten: masking happens there and nowhere
else, and what is shown is not looked through again.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import mast_agent
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = sorted(Path(mast_agent.__file__).parent.rglob("*.py"))
# What libpq, psycopg, `process` and `tool` call what others have said, and who may read it.
SOURCES = {
    "error_message": {"connect.py"},
    "diag": {"session.py"},
    "message_primary": {"session.py"},
    "content": {"output.py", "tool.py"},
    "err": {"trial.py", "sshd_settings.py"},
    "stdout": {"process.py"},
    "stderr": {"process.py", "output.py", "evaluation.py"},
}
# The standard streams of this process, and the collected lines, which are both raw and shown.
OWN = {"sys", "self"}


def _own_errors() -> set[str]:
    """Return the exceptions whose texts are the agent's own words."""
    trees = (ast.parse(module.read_text()) for module in MODULES)
    return {
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    } | {"Failure"}


def _is_quoted(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Tell whether a node stands in the arguments of some `….quote(…)`."""
    while node in parents:
        node = parents[node]
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "quote"
        ):
            return True
    return False


def _shown_exceptions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and type of each exception whose text becomes a part of another one."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for node in ast.walk(handler):
            if isinstance(node, ast.FormattedValue):
                line, texts = node.lineno, [node.value]
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"str", "repr"}
            ):
                line, texts = node.lineno, node.args
            else:
                continue
            names = {text.id for text in texts if isinstance(text, ast.Name)}
            if handler.name in names and not _is_quoted(node, parents):
                yield line, ast.unparse(handler.type) if handler.type else ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_text_of_a_foreign_exception(module: Path) -> None:
    """What a message takes from an exception is one of the agent's own, or is quoted."""
    own = _own_errors()
    for line, kind in _shown_exceptions(ast.parse(module.read_text())):
        assert kind.rpartition(".")[2] in own, f"{module.name}:{line} shows a {kind}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_foreign_text_enters_where_it_is_masked(module: Path) -> None:
    """What others have said is read by the modules that mask it, and by no other."""
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.Attribute) or node.attr not in SOURCES:
            continue
        if isinstance(node.value, ast.Name) and node.value.id in OWN:
            continue
        assert module.name in SOURCES[node.attr], f"{module.name}:{node.lineno}: {node.attr}"


def test_the_scan_sees_something() -> None:
    """The names that are looked for exist: a renamed one would make this test look at nothing."""
    text = "\n".join(module.read_text() for module in MODULES)
    assert all(f".{name}" in text for name in ("error_message", "content", "quote("))
    tree = ast.parse(
        "try:\n    f()\nexcept OSError as error:\n    raise X(f'{error}') from error\n"
    )
    assert list(_shown_exceptions(tree)) == [(4, "OSError")]
    tree = ast.parse("try:\n    f()\nexcept OSError as e:\n    raise X(r.quote(str(e)))\n")
    assert not list(_shown_exceptions(tree))
