"""The soak and the crowd, for some seconds each, and what they look at the machine with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chance import clock, page, processes
from support.agent import wait_for

pytestmark = pytest.mark.slow(15)

TESTS = Path(__file__).parents[1]


def run(module: str, *arguments: str) -> str:
    """Run one of the targets, and return what it prints; it finds nothing."""
    done = subprocess.run(
        [sys.executable, "-m", f"chance.{module}", *arguments],
        cwd=TESTS, check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.root
@pytest.mark.usefixtures("reference")
def test_soak(tmp_path: Path) -> None:
    """Two runs of the soak, one after the other and beside each other, tell the same."""
    said = run("soak", "--seed", "1", "--runs", "2", f"--figures={tmp_path}")
    assert "soak: seed 1, runs 1 to 2 in" in said
    assert "0 runs with a find" in said
    assert "exit codes: " in said
    kept = json.loads((tmp_path / "soak.json").read_text())["figures"]
    assert (kept["seed"], kept["runs"], kept["broken"]) == (1, 2, 0)
    assert set(kept["looked"]) == set(page.LOOKED), "a promise that nobody looks at"
    run("soak", "--seed", "1", "--runs", "2", "--workers", "2", f"--figures={tmp_path}")
    again = json.loads((tmp_path / "soak.json").read_text())["figures"]
    assert again["kinds"]["before a round"] == kept["kinds"]["before a round"]
    assert sum(again["codes"].values()) == sum(kept["codes"].values())


@pytest.mark.usefixtures("reference")
def test_crowd(tmp_path: Path) -> None:
    """Three agents take turns, and need no eval when they come again."""
    said = run("crowd", "--agents", "3", "--seconds", "60", f"--figures={tmp_path}")
    assert "crowd, first: 3 agents, 3 evals, at most 1 at a time; exit codes: 0: 3; 3 rows;" in said
    assert "crowd, again: 3 agents, 0 evals" in said
    assert "finds: none" in said
    first = json.loads((tmp_path / "crowd.json").read_text())["figures"]["waves"]["first"]
    assert (first["rows"], first["codes"]) == (3, {"0": 3})
    assert first["connections"] > 0


def test_fuzz_says_that_atheris_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without atheris the search says so, and which target installs it."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    hide = "import sys; sys.modules['atheris'] = None; from chance import fuzz; fuzz.main()"
    done = subprocess.run(
        [sys.executable, "-c", hide, "--here", "--target", "contract"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done
    assert "atheris is not installed here: make fuzz installs it" in done.stderr


def test_marked_processes_are_seen() -> None:
    """A process and what it has started are found by the mark, and gone when they are."""
    mark = f"test-{os.getpid()}"
    child = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & wait"],
        env={"PATH": os.environ["PATH"], processes.MARK: f"{mark}-1"},
        start_new_session=True,
    )
    try:
        wait_for(lambda: len(processes.marked(mark)) == 2 or None)
        assert processes.families(mark) == 1
        assert sorted(processes.tree(child.pid)) == sorted(processes.marked(f"{mark}-1"))
        assert b"sleep\x0060" in processes.command_lines(mark)
        assert processes.marked("test") != []
        assert processes.marked(f"{mark}-2") == []
    finally:
        for pid in processes.marked(mark):
            os.kill(pid, 9)
        child.wait()
    wait_for(lambda: processes.marked(mark) == [])
    assert processes.families(mark) == 0


def test_a_process_that_ends_while_it_is_looked_at_is_no_second_eval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of what was seen and is gone, or an orphan, before its parent is asked for, none counts."""
    with subprocess.Popen(["true"]) as gone:
        pass
    monkeypatch.setattr(processes, "marked", lambda _: [os.getpid(), gone.pid])
    assert processes.families("any") == 1
    monkeypatch.setattr(processes, "parent", lambda _: 1)
    assert processes.families("any") == 0


def test_clock_that_jumps(tmp_path: Path) -> None:
    """One process has another wall clock, at once, and the same monotonic one."""
    library = tmp_path / "clock.so"
    if not clock.build(library):
        pytest.fail("there is no C compiler")
    own = clock.Clock(library, tmp_path / "offset")
    tell = (
        "import datetime, time\nfor _ in range(2):\n"
        " print(time.time(), time.monotonic(), datetime.datetime.now().timestamp(), flush=True)\n"
        " input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", tell],
        env={**os.environ, **own.environment},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        before = [float(word) for word in child.stdout.readline().split()]
        own.jump(-1_000_000)
        child.stdin.write("\n\n")
        child.stdin.flush()
        after = [float(word) for word in child.stdout.readline().split()]
    assert abs(before[0] - time.time()) < 1000
    assert abs(before[0] - 1_000_000 - after[0]) < 1000
    assert abs(before[2] - 1_000_000 - after[2]) < 1000
    assert 0 <= after[1] - before[1] < 1000
