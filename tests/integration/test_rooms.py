"""Which room of the agent may import which, as `make lint` asks it: kept, and not kept in vain."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import mast_agent
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the agent with its contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    agent = tmp_path / "agent/mast_agent"
    shutil.copytree(Path(mast_agent.__file__).parent, agent)
    return agent


def _lint(source: Path) -> subprocess.CompletedProcess[str]:
    # It prefers what is in its own directory to what is installed.
    return subprocess.run(
        [PROGRAM, "--no-cache", "--no-logo", source.parents[1] / "pyproject.toml"],
        cwd=source.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_contracts_are_kept(source: Path) -> None:
    """The agent as it is."""
    done = _lint(source)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        pytest.param("text/escaping.py", "import mast_agent.host.identity", "A room", id="higher"),
        pytest.param("access/reach.py", "import mast_agent.enroll.plan", "A room", id="sideways"),
        pytest.param("attic/__init__.py", "", "A room", id="a-room-of-its-own"),
        pytest.param("host/bond.py", "import mast_agent.host.process", "No modules", id="circle"),
        pytest.param("status/judge.py", "import psycopg", "What is outside", id="library"),
        pytest.param(
            "status/judge.py", "import mast_agent.report.reporter", "What operators", id="slow"
        ),
    ],
)
def test_a_contract_can_be_broken(source: Path, module: str, line: str, contract: str) -> None:
    """An import that is not allowed is refused, also one for types or within a function."""
    path = source / module
    path.parent.mkdir(exist_ok=True)
    path.touch()
    path.write_text(f"{path.read_text()}\n\ndef function() -> None:\n    {line or 'pass'}\n")
    done = _lint(source)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [each for each in done.stdout.splitlines() if " BROKEN" in each]
    assert [each for each in broken if each.startswith(contract)], done.stdout
