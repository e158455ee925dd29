"""Rows 24 to 26 of the faults: what an eval prints is masked, escaped, and bounded."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.canaries import CANARIES, SECRET_KEY_BASE, VAULT_KEY
from support.expect import assert_enrolled, assert_no_secret
from support.snippets import enroll, psql

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)

# One line each. What is to be seen of it, and what must never come through.
NASTY = {
    "escape sequence": (b"a\x1b[31mred\x1b]0;title\x07z", r"a\x1b[31mred\x1b]0;title\x07z"),
    "priority prefix": (b"<0>emergency", "stdout: <0>emergency"),
    "carriage return": (b"shown\rhidden", r"shown\x0dhidden"),
    "bidi override": ("a\u202ereversed\u2069".encode(), r"a\u202ereversed\u2069"),
    "NUL": (b"a\0b", r"a\x00b"),
    "bad UTF-8": (b"caf\xe9 \xff\xfe", r"caf\xe9 \xff\xfe"),
    "C1 control": ("a\x9bb".encode(), r"a\x9bb"),
    "line separator": ("a\u2028mast-agent: error: forged".encode(), r"a\u2028mast-agent: error"),
}
PRINTABLE = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*")
MEBIBYTE = 1024  # kB


@pytest.fixture
def replay(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str, tmp_path: Path
) -> Callable[[bytes], Agent]:
    """Make an agent whose eval prints these bytes on stdout, and enrolls."""

    def make(output: bytes) -> Agent:
        file = tmp_path / "output"
        file.write_bytes(output)
        return scripted_agent(f"cat {file}\n{enroll(cluster, database)}")

    return make


def test_control_characters_become_one_escaped_line(replay: Callable[[bytes], Agent]) -> None:
    """Whatever bytes a line has, it is one line of printable text with the agent's own prefix."""
    agent = replay(b"".join(raw + b"\n" for raw, _ in NASTY.values()))
    result = agent.enroll()
    assert result.code == 0, result
    shown = [line for line in result.stderr.split("\n") if " stdout: " in line]
    assert len(shown) == len(NASTY), result
    for line, (name, (_, expected)) in zip(shown, NASTY.items(), strict=True):
        assert expected in line, (name, line)
        assert line.startswith("mast-agent: enroll: stdout: "), (name, line)
    assert PRINTABLE.fullmatch(result.stderr), ascii(result.stderr)


def watch_arguments(process: subprocess.Popen[str]) -> set[str]:
    """Return the command lines of `process` and all its descendants, until it ends."""
    seen: set[str] = set()
    while process.poll() is None:
        parents: dict[int, int] = {}
        lines: dict[int, str] = {}
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                stat = (directory / "stat").read_text(errors="replace")
                parents[int(directory.name)] = int(stat.rpartition(") ")[2].split()[1])
                raw = (directory / "cmdline").read_bytes()
                lines[int(directory.name)] = raw.replace(b"\0", b" ").decode(errors="replace")
        for pid, line in lines.items():
            ancestor = pid
            while ancestor not in (0, process.pid):
                ancestor = parents.get(ancestor, 0)
            if ancestor == process.pid:
                seen.add(line)
        time.sleep(0.02)
    return seen


def files_below(directories: Sequence[Path]) -> str:
    """Return the content of every file below `directories`."""
    return "\n".join(
        path.read_text(errors="replace")
        for directory in directories
        for path in directory.rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize("end", ["exit 1", "exit 0"])
def test_secrets_are_masked_everywhere(
    scripted_agent: Callable[[str], Agent], tmp_path: Path, end: str
) -> None:
    """Secrets that an eval prints, whole, split or in JSON, are in no output, file or argv."""
    halves = SECRET_KEY_BASE[:20], SECRET_KEY_BASE[20:]
    script = tmp_path / "printing.sh"
    script.write_text(
        # Split over two writes, across the streams, and as the last thing that is said.
        f"printf '%s' '{halves[0]}'; sleep 0.3; echo '{halves[1]}'\n"
        f"printf '%s' '{halves[0]}' >&2; sleep 0.3; echo '{halves[1]}' >&2\n"
        'echo "$DATABASE_URL" "$MAST_VAULT_KEY"\n'
        'echo "{\\"level\\": \\"error\\", \\"message\\": \\"at $DATABASE_URL\\"}"\n'
        "printf 'password=mast-\\001canary mast-canary\\n'\n"
        'echo "** (RuntimeError) $DATABASE_URL $SECRET_KEY_BASE" >&2\n'
        f"{end}\n"
    )
    agent = scripted_agent(f". {script}")
    process = agent.start("enroll", "--timeout", "6")
    try:
        seen = watch_arguments(process)
        result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert result.code == (75 if end == "exit 1" else 70), result
    assert result.stderr.count("[redacted]") >= 6, result
    assert_no_secret(result.stdout + result.stderr)
    assert_no_secret(files_below([agent.state.parent / "run", agent.state.parent / "state"]))
    for arguments in (("status",), ("status", "--json")):
        assert_no_secret(agent.run(*arguments).stdout)
    assert any("printing.sh" in line or "/bin/mast eval" in line for line in seen), seen
    assert_no_secret("\n".join(seen))


def test_real_release_shows_no_secret_in_argv(
    agent: Agent, cluster: Cluster, database: str
) -> None:
    """The BEAM's command line carries a cookie made for this eval, and none of Mast's secrets."""
    cookie = (Path(agent.environment["MAST_BIN"]).parents[1] / "releases" / "COOKIE").read_text()
    process = agent.start("enroll", "--timeout", "60", MAST_REFERENCE_EVAL_SLEEP="0.5")
    try:
        seen = watch_arguments(process)
        result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert_enrolled(agent, result, cluster.sql("SELECT id FROM servers", database))
    beams = [line for line in seen if "self_enroll" in line and "-setcookie" in line]
    assert beams, seen
    for line in beams:
        assert cookie not in line
        assert_no_secret(line, VAULT_KEY, *CANARIES)


def peak_memory(agent: Agent) -> tuple[int, str]:
    """Run `enroll` and return the most memory that it had resident, in kB, and its stderr."""
    process = agent.start("enroll", "--timeout", "60")
    peak = 0
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                match = re.search(r"VmHWM:\s+(\d+) kB", status)
                peak = max(peak, int(match[1]) if match else 0)
            time.sleep(0.02)
        result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert result.code == 0, result
    return peak, result.stderr


def test_endless_line_costs_no_memory(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str
) -> None:
    """200 MB without a line break take no more than 5 MiB, and what was dropped is said."""
    flood = "yes | tr -d '\\n' | head -c 200000000\n"
    # The sleep gives the last look at the memory its chance.
    quiet, _ = peak_memory(scripted_agent(f"echo little\n{enroll(cluster, database)}\nsleep 0.5"))
    cluster.sql("DELETE FROM servers", database)
    loud, stderr = peak_memory(scripted_agent(f"{flood}\n{enroll(cluster, database)}\nsleep 0.5"))
    assert loud - quiet <= 5 * MEBIBYTE, f"{quiet} kB became {loud} kB"
    assert re.search(r"\(1999\d{5} bytes dropped", stderr), stderr[-2000:]


def test_many_lines_are_bounded_too(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str
) -> None:
    """Of a hundred thousand lines the first and the last are logged, with the number between."""
    agent = scripted_agent(f"seq 100000\n{enroll(cluster, database)}")
    result = agent.enroll()
    assert result.code == 0, result
    lines = [line for line in result.stderr.splitlines() if " stdout: " in line]
    assert len(lines) < 300, len(lines)
    assert lines[0].endswith("stdout: 1"), lines[0]
    assert lines[-1].endswith("stdout: 100000"), lines[-1]
    assert any(re.search(r"\(\d+ lines dropped\)", line) for line in lines), lines[-60:]


def test_what_follows_the_claim_takes_nothing_away(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str
) -> None:
    """With log lines behind the contract's line, id and key are still what Mast reported."""
    # Two rows that are not called like this host: only the claim tells which it is.
    insert = psql(
        cluster, database,
        "INSERT INTO servers (name, host) VALUES ('one', '192.0.2.1'), ('two', '192.0.2.2')",
    )  # fmt: skip
    wanted = psql(cluster, database, "SELECT id FROM servers WHERE name = 'two'")
    server = r"\"server\": {\"id\": \"$id\"}"
    claim = rf"{{\"mast_bootstrap\": 1, {server}, \"public_key\": \"ssh-ed25519 AA\"}}"
    quoted = r"{\"severity\": \"info\", \"message\": \"{\\\"mast_bootstrap\\\": 1}\"}"
    agent = scripted_agent(
        f'{insert}\nid=$({wanted})\nprintf "%s\\r\\n" "{claim}"\n'
        f'printf "%s\\n" "{quoted}" "flushed"\n'
    )
    result = agent.enroll(30, MAST_AGENT_ACCESS="yes")
    assert_enrolled(
        agent, result, cluster.sql("SELECT id FROM servers WHERE name = 'two'", database)
    )
    assert agent.record()["key"]["public"] == "ssh-ed25519 AA", agent.record()
